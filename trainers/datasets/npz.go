package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Arrays are the rows of an NPZ file, or of tensors, held in memory: x [rows, …], and where there are, y [rows, …] and epsilon
// [rows, …]. Every field is read as float, but y of one dimension in whole numbers, class numbers, as int64. x of uint8 are
// images, scaled by 1/255; its recipe knows the image's size where a row is [channels, height, width].
type Arrays struct {
	info   Info
	arrays []*onnx.Tensor // as in the file, beside info.Fields
	scaled []bool         // beside info.Fields
}

func npzSource() Source {
	return Source{
		Name:    "NPZ",
		Summary: "NumPy arrays x [rows, …], y [rows, …], epsilon [rows, …] in a .npz file; x of uint8 means images",
		Accepts: func(path string, info fs.FileInfo) bool {
			return info.Mode().IsRegular() && strings.EqualFold(filepath.Ext(path), ".npz")
		},
		Open: func(c Config) (Dataset, error) { return OpenNPZ(c) },
	}
}

// OpenNPZ reads the file at Config.Path.
func OpenNPZ(c Config) (Dataset, error) {
	name := filepath.Base(c.Path)
	if err := newSettings(name, c.Set).done(); err != nil {
		return nil, err
	}
	tensors, err := rows.ReadNPZFile(c.Path, c.MemoryLimit)
	if err != nil {
		return nil, err
	}
	a, err := arraysOf(c.Path, name, tensors)
	if err != nil {
		return nil, err
	}
	return First(a, c.Limit), nil
}

// NewArrays makes a data set of arrays by their names, which it holds and does not copy: x [rows, …] and, where there are, y and
// epsilon of as many rows, as in a file.
func NewArrays(name string, arrays ...*onnx.Tensor) (*Arrays, error) {
	return arraysOf(name, name, arrays)
}

// arraysOf makes the data set; place is what its errors begin with.
func arraysOf(place, name string, tensors []*onnx.Tensor) (*Arrays, error) {
	a := &Arrays{info: Info{Name: name, Rows: -1}}
	for _, want := range []string{FieldX, FieldY, FieldEpsilon} {
		for _, t := range tensors {
			if t.Name == want {
				if err := a.add(t); err != nil {
					return nil, fmt.Errorf("%s: array %q: %w", place, t.Name, err)
				}
			}
		}
	}
	for _, t := range tensors {
		switch t.Name {
		case FieldX, FieldY, FieldEpsilon:
		default:
			return nil, fmt.Errorf("%s: array %q: a data set has x, y and epsilon", place, clip(t.Name))
		}
	}
	if _, at := a.info.Field(FieldX); at < 0 {
		return nil, fmt.Errorf("%s: there is no array x", place)
	}
	if a.info.Rows == 0 {
		return nil, fmt.Errorf("%s: there are no rows", place)
	}
	a.nameClasses()
	return a, nil
}

// nameClasses names the classes that class numbers count, 0 to the highest, by their numbers. Where a number is negative or there would
// be too many, they are no class numbers.
func (a *Arrays) nameClasses() {
	f, at := a.info.Field(FieldY)
	if at < 0 || f.Elem != onnx.Int64 {
		return
	}
	numbers := make([]int64, a.info.Rows)
	convertRow(numbers, a.arrays[at], 0, 1)
	if slices.Min(numbers) < 0 || slices.Max(numbers) >= maxCategories {
		return
	}
	if a.info.Recipe == nil {
		a.info.Recipe = &features.Recipe{}
	}
	for i := range slices.Max(numbers) + 1 {
		a.info.Recipe.Classes = append(a.info.Recipe.Classes, strconv.FormatInt(i, 10))
	}
}

func (a *Arrays) add(t *onnx.Tensor) error {
	if len(t.Dims) == 0 {
		return fmt.Errorf("one number, want [rows, …]")
	}
	if _, at := a.info.Field(t.Name); at >= 0 {
		return fmt.Errorf("it is there twice")
	}
	if !t.Bound() || t.Type == onnx.String {
		return fmt.Errorf("%v has no numbers", t)
	}
	if a.info.Rows >= 0 && t.Dims[0] != int64(a.info.Rows) {
		return fmt.Errorf("%d rows, x has %d", t.Dims[0], a.info.Rows)
	}
	f := Field{Name: t.Name, Elem: onnx.Float, Dims: t.Dims[1:]}
	for _, d := range f.Dims {
		if d == 0 {
			return fmt.Errorf("%v: a row has no elements", t)
		}
	}
	if a.info.Rows = int(t.Dims[0]); a.info.Rows < 0 {
		return fmt.Errorf("%v: more rows than can be counted", t)
	}
	switch t.Type {
	case onnx.Complex64, onnx.Complex128, onnx.Float16:
		return fmt.Errorf("%v cannot be trained on; save it as float32", t)
	case onnx.Float, onnx.Double, onnx.Bool:
	default:
		if t.Name == FieldY && len(t.Dims) == 1 {
			f.Elem = onnx.Int64
		}
	}
	scaled := t.Name == FieldX && t.Type == onnx.Uint8
	if scaled && len(f.Dims) == 3 {
		a.info.Recipe = imageRecipe(f.Dims)
	}
	a.info.Fields = append(a.info.Fields, f)
	a.arrays = append(a.arrays, t)
	a.scaled = append(a.scaled, scaled)
	return nil
}

// imageRecipe is what is known of images of bytes, [channels, height, width]; nil where these are no usual channels.
func imageRecipe(dims []int64) *features.Recipe {
	order := map[int64]features.Channels{1: features.Gray, 3: features.RGB}[dims[0]]
	if order == "" {
		return nil
	}
	return &features.Recipe{Image: &features.Image{Width: int(dims[2]), Height: int(dims[1]), Channels: order,
		Scale: features.DefaultScale}}
}

// Info describes the arrays.
func (a *Arrays) Info() Info { return a.info }

// Read copies rows, converted.
func (a *Arrays) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(a.info, rows, into)
	for i, f := range a.info.Fields {
		n := f.Len()
		for to, from := range rows {
			if f.Elem == onnx.Int64 {
				convertRow(into[i].Int64s()[to*n:(to+1)*n], a.arrays[i], from*n, 1)
				continue
			}
			scale := float32(1)
			if a.scaled[i] {
				scale = features.DefaultScale
			}
			convertRow(into[i].Float32s()[to*n:(to+1)*n], a.arrays[i], from*n, scale)
		}
	}
	return nil
}

// convertRow copies elements from the at-th on, times scale.
func convertRow[To float32 | int64](to []To, t *onnx.Tensor, at int, scale To) {
	switch t.Type {
	case onnx.Float:
		convert(to, onnx.View[float32](t)[at:], scale)
	case onnx.Double:
		convert(to, onnx.View[float64](t)[at:], scale)
	case onnx.Uint8, onnx.Bool:
		convert(to, t.Data[at:], scale)
	case onnx.Int8:
		convert(to, onnx.View[int8](t)[at:], scale)
	case onnx.Int16:
		convert(to, onnx.View[int16](t)[at:], scale)
	case onnx.Uint16:
		convert(to, onnx.View[uint16](t)[at:], scale)
	case onnx.Int32:
		convert(to, onnx.View[int32](t)[at:], scale)
	case onnx.Uint32:
		convert(to, onnx.View[uint32](t)[at:], scale)
	case onnx.Int64:
		convert(to, onnx.View[int64](t)[at:], scale)
	case onnx.Uint64:
		convert(to, onnx.View[uint64](t)[at:], scale)
	default:
		panic("datasets: rows of " + t.Type.String())
	}
}

func convert[To float32 | int64, From float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](
	to []To, from []From, scale To) {
	for i := range to {
		to[i] = To(from[i]) * scale
	}
}

// Digest hashes names, types, shapes and elements.
func (a *Arrays) Digest() (string, error) {
	h := sha256.New()
	for _, t := range a.arrays {
		fmt.Fprintf(h, "%s %v\n", t.Name, t)
		h.Write(t.Data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
