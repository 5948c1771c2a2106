package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// Each use of a seed draws from a stream of its own, so that no held-out picture is ever trained on.
const (
	streamTrain   = 0
	streamHeldOut = 1
	streamFiles   = 2
)

// DefaultWordRows is how many pictures an epoch of [Words] has where no limit is given.
const DefaultWordRows = 5000

// Words are pictures with words in them, made from a seed: each cell of a grid holds one of the words or nothing, all with
// equal chance; a word's centre falls on any pixel of its cell, so that words are cut by the border and overlap.
//
// Fields are x, float [3, height, width] from 0 to 1, and y, float [cells, words + none + 5] as [features.Grid] has it.
type Words struct {
	info   Info
	seed   uint64
	stream uint64
	grid   features.Grid
	image  features.Image
	words  []word

	noise             float64 // of a byte's range, each way
	colours           bool
	smallest, largest int // factors by which letters are enlarged
}

// word is a word's pixels and the size of its box, at factor 1.
type word struct {
	text          string
	ink           []point
	width, height int
}

func wordsSource() Source {
	return Source{
		Name:    "words",
		Summary: "pictures with words to find, generated from the seed, fresh ones every epoch",
		Options: []Option{
			{"size", "64", "side of the pictures in pixels, or WIDTHxHEIGHT"},
			{"grid", "2", "cells a side, or COLUMNSxROWS"},
			{"words", "chat,rat", "what to write, of a to z, 0 to 9 and the hyphen"},
			{"fresh", "true", "false: the same pictures every epoch"},
			{"noise", "0", "random brightness added to every pixel, 0 to 1"},
			{"colours", "false", "true: light words of any colour on dark grounds of any colour"},
			{"font-size", "1", "factor by which letters are enlarged, or a range as in 1-3 to draw from"},
		},
		Generated: true,
		Open:      func(c Config) (Dataset, error) { return NewWords(c) },
	}
}

// NewWords makes the data set; Config.Limit is the number of pictures an epoch, 0 stands for [DefaultWordRows].
func NewWords(c Config) (*Words, error) {
	s := newSettings("words", c.Set)
	w := &Words{seed: c.Seed, stream: streamTrain}
	width, height := s.pair("size", "x", 8, 4096, 64)
	columns, rows := s.pair("grid", "x", 1, 256, 2)
	texts := strings.Split(s.text("words", "chat,rat"), ",")
	fresh := s.bool("fresh", true)
	w.noise = s.fraction("noise", 0)
	w.colours = s.bool("colours", false)
	w.smallest, w.largest = s.pair("font-size", "-", 1, 64, 1)
	if err := s.done(); err != nil {
		return nil, err
	}
	if w.smallest > w.largest {
		return nil, optionError("words: option font-size=%d-%d: the smaller one stands first", w.smallest, w.largest)
	}
	if columns > width || rows > height {
		return nil, optionError("words: a grid of %d × %d on pictures of %d × %d pixels: a cell needs a pixel", columns, rows, width, height)
	}
	letters := glyphs()
	sizes := make([][2]float64, len(texts))
	for i, text := range texts {
		ink, wide, high, err := inkOf(text, letters)
		switch {
		case err != nil:
			return nil, optionError("words: option words: %q: %v", clip(text), err)
		case text == "" || text == "none":
			return nil, optionError("words: option words: %q is not a word to look for", text)
		case slices.Contains(texts[:i], text):
			return nil, optionError("words: option words: %q is there twice", text)
		case wide*w.largest > width || high*w.largest > height:
			return nil, optionError("words: %q takes %d × %d pixels, a picture has %d × %d; raise size", text,
				wide*w.largest, high*w.largest, width, height)
		}
		w.words = append(w.words, word{text, ink, wide, high})
		// Sizes that vary have their middle.
		middle := float64(w.smallest+w.largest) / 2
		sizes[i] = [2]float64{float64(wide) * middle, float64(high) * middle}
	}
	recipe := &features.Recipe{
		Task:    features.TaskDetection,
		Classes: texts,
		Image:   &features.Image{Width: width, Height: height, Channels: features.RGB, Scale: features.DefaultScale},
		Detection: &features.Detection{Columns: columns, Rows: rows, BoxesPerCell: 1, BoxSizes: sizes,
			ScoreThreshold: features.DefaultScoreThreshold, IOUThreshold: features.DefaultIOUThreshold},
	}
	w.grid, w.image = recipe.Grid(), *recipe.Image
	w.info = Info{
		Name: "words", Rows: DefaultWordRows, Fresh: fresh, Recipe: recipe,
		Fields: []Field{
			{FieldX, onnx.Float, []int64{3, int64(height), int64(width)}},
			{FieldY, onnx.Float, w.grid.TargetDims()},
		},
	}
	if c.Limit > 0 {
		w.info.Rows = c.Limit
	}
	return w, nil
}

// Info describes the pictures.
func (w *Words) Info() Info { return w.info }

// HeldOut gives as many pictures of the same kind that training never sees: the same ones every epoch.
func (w *Words) HeldOut(rows int) Dataset { return w.other(streamHeldOut, rows) }

// ForFiles gives pictures of the same kind to be written to files: the same ones every epoch, none of which training or
// validation with this seed sees.
func (w *Words) ForFiles(rows int) *Words { return w.other(streamFiles, rows) }

func (w *Words) other(stream uint64, rows int) *Words {
	o := *w
	o.stream = stream
	o.info.Rows, o.info.Fresh = rows, false
	return &o
}

// Read draws pictures.
func (w *Words) Read(epoch int, rows []int, into []*onnx.Tensor) error {
	mustFit(w.info, rows, into)
	x, y := into[0].Float32s(), into[1].Float32s()
	nx, ny := w.info.Fields[0].Len(), w.info.Fields[1].Len()
	pixels := make([]byte, nx)
	var boxes []features.Box
	for i, row := range rows {
		boxes = w.draw(epoch, row, pixels, boxes[:0])
		w.image.Scaled(x[i*nx:(i+1)*nx], pixels)
		if lost := w.grid.Encode(boxes, y[i*ny:(i+1)*ny]); lost != nil {
			panic(fmt.Sprintf("datasets: words: row %d has %v outside of its cells", row, lost))
		}
	}
	return nil
}

// Digest hashes what decides every picture.
func (w *Words) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "words 1 %q %v seed %d stream %d rows %d fresh %v noise %v colours %v letters %d-%d %s", w.info.Recipe.Classes,
		w.grid, w.seed, w.stream, w.info.Rows, w.info.Fresh, w.noise, w.colours, w.smallest, w.largest, glyphSheet)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// draw makes one picture, [3, height, width], and appends its boxes in the order of the cells. The order in which random
// numbers are drawn is part of what a seed means.
func (w *Words) draw(epoch, row int, pixels []byte, boxes []features.Box) []features.Box {
	if !w.info.Fresh {
		epoch = 0
	}
	var seed [32]byte
	for i, part := range []uint64{w.seed, w.stream, uint64(epoch), uint64(row)} {
		binary.LittleEndian.PutUint64(seed[8*i:], part)
	}
	random := dice{rand.NewChaCha8(seed)}
	width, height := w.grid.Width, w.grid.Height
	plane := width * height
	clear(pixels)
	if w.colours {
		for c := range 3 {
			ground := byte(random.below(96))
			for i := range plane {
				pixels[c*plane+i] = ground
			}
		}
	}
	for cell := range w.grid.Cells() {
		class := random.below(len(w.words) + 1)
		if class == len(w.words) {
			continue
		}
		word := w.words[class]
		column, line := cell%w.grid.Columns, cell/w.grid.Columns
		cx, cy := random.within(column, w.grid.Columns, width), random.within(line, w.grid.Rows, height)
		factor := w.smallest
		if w.largest > w.smallest {
			factor += random.below(w.largest - w.smallest + 1)
		}
		colour := [3]byte{255, 255, 255}
		if w.colours {
			for c := range colour {
				colour[c] = byte(160 + random.below(96))
			}
		}
		wide, high := word.width*factor, word.height*factor
		left, top := cx-wide/2, cy-high/2
		for _, p := range word.ink {
			for y := max(0, top+p.y*factor); y < min(height, top+(p.y+1)*factor); y++ {
				for x := max(0, left+p.x*factor); x < min(width, left+(p.x+1)*factor); x++ {
					for c := range colour {
						pixels[c*plane+y*width+x] = colour[c]
					}
				}
			}
		}
		boxes = append(boxes, features.Box{Class: class, CX: float64(cx), CY: float64(cy), W: float64(wide), H: float64(high), Score: 1})
	}
	if reach := int(w.noise * 255); reach > 0 {
		random.disturb(pixels, reach)
	}
	return boxes
}

// dice draws whole numbers in a way that is fixed here, so that no change of a library moves them.
type dice struct{ source *rand.ChaCha8 }

// below draws from 0 to n-1. The bias of n in 2⁶⁴ is far below what anyone can see.
func (d dice) below(n int) int {
	high, _ := bits.Mul64(d.source.Uint64(), uint64(n))
	return int(high)
}

// within draws a whole pixel of the part-th of so many equal parts of a length.
func (d dice) within(part, parts, length int) int {
	first := (part*length + parts - 1) / parts
	next := ((part+1)*length + parts - 1) / parts
	return first + d.below(next-first)
}

// disturb adds to each byte a number from -reach to reach, cut off at 0 and 255.
func (d dice) disturb(pixels []byte, reach int) {
	var word uint64
	for i := range pixels {
		if i%8 == 0 {
			word = d.source.Uint64()
		}
		by := (int(word>>(8*(i%8))&0xff)*2 - 255) * reach / 255
		pixels[i] = byte(min(max(int(pixels[i])+by, 0), 255))
	}
}
