package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// view is some rows of a data set, in an order of its own.
type view struct {
	of   Dataset
	rows []int
}

// Subset gives some rows of a data set, in the order given. A number out of range panics.
func Subset(d Dataset, rows []int) Dataset {
	info := d.Info()
	whole := len(rows) == info.Rows
	for i, r := range rows {
		if r < 0 || r >= info.Rows {
			panic(fmt.Sprintf("datasets: %s: row %d of %d", info.Name, r, info.Rows))
		}
		whole = whole && r == i
	}
	if whole {
		return d
	}
	return &view{of: d, rows: slices.Clone(rows)}
}

// First gives the first n rows, or all where there are no more or n is 0.
func First(d Dataset, n int) Dataset {
	if n <= 0 || n >= d.Info().Rows {
		return d
	}
	return Rows(d, 0, n)
}

// Rows gives the rows from the first up to the one before the last.
func Rows(d Dataset, first, last int) Dataset {
	rows := make([]int, last-first)
	for i := range rows {
		rows[i] = first + i
	}
	return Subset(d, rows)
}

func (v *view) Info() Info {
	info := v.of.Info()
	info.Rows = len(v.rows)
	return info
}

func (v *view) Read(epoch int, rows []int, into []*onnx.Tensor) error {
	theirs := make([]int, len(rows))
	for i, r := range rows {
		theirs[i] = v.rows[r]
	}
	return v.of.Read(epoch, theirs, into)
}

func (v *view) Digest() (string, error) {
	whole, err := v.of.Digest()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "rows %v of %s", v.rows, whole)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// generated is a data set that never runs out of rows.
type generated interface {
	// HeldOut gives rows that training never sees, the same ones every epoch.
	HeldOut(rows int) Dataset
}

// Split parts a data set into rows for training and rows held out for validation: a fraction of them, rounded, drawn by
// the seed; both keep the order they had. A data set that is generated gives as many fresh rows in place of its own. Of two
// or more rows a fraction above 0 holds out at least one, and leaves at least one. At 0 there is no validation: nil.
func Split(d Dataset, fraction float64, seed uint64) (train, validation Dataset, err error) {
	if !(fraction >= 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("validation split %g: want a number from 0 to below 1", fraction)
	}
	if fraction == 0 {
		return d, nil, nil
	}
	rows := d.Info().Rows
	if g, ok := d.(generated); ok {
		return d, g.HeldOut(max(1, int(math.Round(fraction*float64(rows))))), nil
	}
	if rows < 2 {
		return nil, nil, fmt.Errorf("validation split %g: of %d row none can be held out; set it to 0", fraction, rows)
	}
	in, out := parted(rows, fraction, seed)
	return Subset(d, in), Subset(d, out), nil
}

// parted gives the rows that [Split] leaves for training, and those that it holds out; each in rising order.
func parted(rows int, fraction float64, seed uint64) (in, out []int) {
	held := 0
	if fraction > 0 && rows > 1 {
		held = min(max(1, int(math.Round(fraction*float64(rows)))), rows-1)
	}
	order := shuffled(rows, seed)
	out, in = order[:held], order[held:]
	slices.Sort(out)
	slices.Sort(in)
	return in, out
}

// shuffled gives 0 to n-1 in an order that the seed decides, the same on every platform.
func shuffled(n int, seed uint64) []int {
	var key [32]byte
	copy(key[:], "rows held out")
	for i := range 8 {
		key[24+i] = byte(seed >> (8 * i))
	}
	random := dice{rand.NewChaCha8(key)}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := random.below(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}
