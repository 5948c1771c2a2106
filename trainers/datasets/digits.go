package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// DefaultDigitRows is how many images an epoch of [Digits] has where no limit is given.
const DefaultDigitRows = 10000

// digitSide is the side of an image in pixels, as MNIST has it.
const digitSide = 28

// Digits are images of single digits drawn by a pen, made from a seed: shapes, place, size, width, slant, turn, and the pen's thickness
// and ink vary. It stands in for MNIST where nothing can be fetched.
//
// Fields are x, float [1, 28, 28] from 0 to 1, and y, int64 [], the digit. All digits have equal chance.
type Digits struct {
	info   Info
	seed   uint64
	stream uint64
	noise  float64 // of a byte's range, each way
	image  features.Image
	shapes [10][]digitShape
}

func digitsSource() Source {
	return Source{
		Name:    "digits",
		Summary: "drawn digits, 28×28 grey pixels, generated from the seed, fresh ones every epoch",
		Options: []Option{
			{"fresh", "true", "false: the same images every epoch"},
			{"noise", "0", "random brightness added to every pixel, 0 to 1"},
		},
		Generated: true,
		Open:      func(c Config) (Dataset, error) { return NewDigits(c) },
	}
}

// NewDigits makes the data set; Config.Limit is the number of images an epoch, 0 stands for [DefaultDigitRows].
func NewDigits(c Config) (*Digits, error) {
	s := newSettings("digits", c.Set)
	d := &Digits{seed: c.Seed, stream: streamTrain, shapes: digitShapes()}
	fresh := s.bool("fresh", true)
	d.noise = s.fraction("noise", 0)
	if err := s.done(); err != nil {
		return nil, err
	}
	recipe := imageRecipe([]int64{1, digitSide, digitSide})
	for i := range 10 {
		recipe.Classes = append(recipe.Classes, strconv.Itoa(i))
	}
	d.image = *recipe.Image
	d.info = Info{Name: "digits", Rows: DefaultDigitRows, Fresh: fresh, Recipe: recipe, Fields: []Field{
		{FieldX, onnx.Float, []int64{1, digitSide, digitSide}},
		{FieldY, onnx.Int64, []int64{}},
	}}
	if c.Limit > 0 {
		d.info.Rows = c.Limit
	}
	return d, nil
}

// Info describes the images.
func (d *Digits) Info() Info { return d.info }

// HeldOut gives as many images of the same kind that training never sees: the same ones every epoch.
func (d *Digits) HeldOut(rows int) Dataset { return d.other(streamHeldOut, rows) }

// ForFiles gives images of the same kind to be written to files: the same ones every epoch, none of which training or validation
// with this seed sees.
func (d *Digits) ForFiles(rows int) *Digits { return d.other(streamFiles, rows) }

func (d *Digits) other(stream uint64, rows int) *Digits {
	o := *d
	o.stream = stream
	o.info.Rows, o.info.Fresh = rows, false
	return &o
}

// Read draws images.
func (d *Digits) Read(epoch int, rows []int, into []*onnx.Tensor) error {
	mustFit(d.info, rows, into)
	x, y := into[0].Float32s(), into[1].Int64s()
	var pixels [digitSide * digitSide]byte
	for i, row := range rows {
		y[i] = d.draw(epoch, row, &pixels)
		d.image.Scaled(x[i*len(pixels):(i+1)*len(pixels)], pixels[:])
	}
	return nil
}

// Digest hashes what decides every image.
func (d *Digits) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "digits 1 seed %d stream %d rows %d fresh %v noise %v %s", d.seed, d.stream, d.info.Rows, d.info.Fresh, d.noise, digitSheet)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// draw makes one image and gives its digit. The order in which random numbers are drawn is part of what a seed means. Everything is
// counted in whole numbers, lengths in 1/256 of a pixel, so that every processor draws the same.
func (d *Digits) draw(epoch, row int, pixels *[digitSide * digitSide]byte) int64 {
	if !d.info.Fresh {
		epoch = 0
	}
	var seed [32]byte
	for i, part := range []uint64{d.seed, d.stream, uint64(epoch), uint64(row)} {
		binary.LittleEndian.PutUint64(seed[8*i:], part)
	}
	random := dice{rand.NewChaCha8(seed)}
	clear(pixels[:])
	digit := random.below(10)
	shape := d.shapes[digit][random.below(len(d.shapes[digit]))]
	const one = 256 // a pixel
	height := random.from(15*one, 21*one)
	width := height * random.from(60, 100) / 100 // of a shape as wide as high
	slant := random.from(-100, 350)              // to the right, in thousandths of the height
	turn := random.from(-140, 140)               // thousandths of a radian
	cx, cy := digitSide*one/2+random.from(-2*one, 2*one), digitSide*one/2+random.from(-2*one, 2*one)
	pen := pen{radius: random.from(one*7/10, one*3/2), ink: random.from(190, 255)}
	for _, stroke := range shape {
		line := make([]point, len(stroke.points))
		for i, p := range stroke.points {
			// The shape's square of 100 by 100 around its middle, each point a little off.
			x := (p.x - 50 + random.from(-3, 3)) * width / 100
			y := (p.y - 50 + random.from(-3, 3)) * height / 100
			x -= y * slant / 1000
			line[i] = point{cx + x - y*turn/1000, cy + y + x*turn/1000}
		}
		if stroke.curved {
			line = rounded(line, stroke.closed)
		}
		if stroke.closed {
			line = append(line, line[0])
		}
		for i := 1; i < len(line); i++ {
			pen.segment(pixels, line[i-1], line[i])
		}
	}
	if reach := int(d.noise * 255); reach > 0 {
		random.disturb(pixels[:], reach)
	}
	return int64(digit)
}

// from draws a whole number from lo to hi.
func (d dice) from(lo, hi int) int { return lo + d.below(hi-lo+1) }

// rounded cuts the corners of a line three times over (Chaikin's algorithm, 1974), which leaves a smooth curve; ends stay
// where they are.
func rounded(line []point, closed bool) []point {
	for range 3 {
		next := make([]point, 0, 2*len(line))
		if !closed {
			next = append(next, line[0])
		}
		for i := range line {
			j := i + 1
			if j == len(line) {
				if !closed {
					break
				}
				j = 0
			}
			a, b := line[i], line[j]
			next = append(next, point{(3*a.x + b.x) / 4, (3*a.y + b.y) / 4}, point{(a.x + 3*b.x) / 4, (a.y + 3*b.y) / 4})
		}
		if !closed {
			next = append(next, line[len(line)-1])
		}
		line = next
	}
	return line
}

// pen draws with a round tip.
type pen struct{ radius, ink int }

// segment blackens the pixels along a straight line, those at its edge in part.
func (p pen) segment(pixels *[digitSide * digitSide]byte, a, b point) {
	const one = 256
	reach := p.radius + one
	left, right := max(0, (min(a.x, b.x)-reach)/one), min(digitSide-1, (max(a.x, b.x)+reach)/one)
	top, bottom := max(0, (min(a.y, b.y)-reach)/one), min(digitSide-1, (max(a.y, b.y)+reach)/one)
	dx, dy := int64(b.x-a.x), int64(b.y-a.y)
	length := dx*dx + dy*dy
	outer := int64(p.radius + one/2) // where a pixel has no ink left
	for y := top; y <= bottom; y++ {
		for x := left; x <= right; x++ {
			px, py := int64(x*one+one/2-a.x), int64(y*one+one/2-a.y)
			along := px*dx + py*dy
			var square int64 // of the distance
			switch {
			case along <= 0:
				square = px*px + py*py
			case along >= length:
				qx, qy := px-dx, py-dy
				square = qx*qx + qy*qy
			default:
				across := px*dy - py*dx
				square = across * across / length
			}
			if square >= outer*outer {
				continue
			}
			cover := min(int(outer)-int(math.Sqrt(float64(square))), one) // a root is rounded alike everywhere
			at := y*digitSide + x
			pixels[at] = max(pixels[at], byte(cover*p.ink/one))
		}
	}
}
