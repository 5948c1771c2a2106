package features

import (
	"fmt"
	"math"
)

// Grid lays boxes of a picture into cells, as a network that detects objects is taught and answers.
//
// A cell of a target is [class scores, none, x, y, w, h, confidence]: the class one-hot over the class names and *none*;
// x and y the centre in units of the cell, 0 at its left and upper edge and 1 at the others; w and h fractions of the
// picture; confidence 1. A cell with nothing has class *none*, its own centre and size, confidence 0. A cell of an
// output is [class scores, none, then x, y, w, h, confidence for each box]. Cells run row by row.
//
// A cell has one class, so it holds one object, however many boxes the network proposes for it.
type Grid struct {
	Columns, Rows int
	Boxes         int // a cell of an output proposes
	Classes       int // without *none*
	Width, Height int // of the picture, in pixels
}

// Grid gives the recipe's grid. The recipe must be one of a detection.
func (r *Recipe) Grid() Grid {
	return Grid{Columns: r.Detection.Columns, Rows: r.Detection.Rows, Boxes: r.Detection.BoxesPerCell,
		Classes: len(r.Classes), Width: r.Image.Width, Height: r.Image.Height}
}

// Cells counts the cells.
func (g Grid) Cells() int { return g.Columns * g.Rows }

// TargetDims gives the shape of one picture's target: [cells, classes + none + 5].
func (g Grid) TargetDims() []int64 { return []int64{int64(g.Cells()), int64(g.targetCell())} }

// OutputDims gives the shape of one picture's output: [cells, classes + none + 5·boxes].
func (g Grid) OutputDims() []int64 { return []int64{int64(g.Cells()), int64(g.outputCell())} }

func (g Grid) targetCell() int { return g.Classes + 1 + 5 }
func (g Grid) outputCell() int { return g.Classes + 1 + 5*g.Boxes }

// CellSize gives the width and height of a cell in pixels, which need not be whole.
func (g Grid) CellSize() (w, h float64) {
	return float64(g.Width) / float64(g.Columns), float64(g.Height) / float64(g.Rows)
}

// CellOf gives the number of the cell that a point of the picture lies in, or -1 outside of the picture. The picture's
// right and lower edges belong to the last cells.
func (g Grid) CellOf(cx, cy float64) int {
	if !(cx >= 0 && cx <= float64(g.Width) && cy >= 0 && cy <= float64(g.Height)) {
		return -1
	}
	w, h := g.CellSize()
	column, row := min(int(cx/w), g.Columns-1), min(int(cy/h), g.Rows-1)
	return row*g.Columns + column
}

// Encode writes boxes to the target y, [cells, classes + none + 5]. Boxes that found no place are given back: a cell
// holds the first of its objects, and a centre outside of the picture has no cell.
func (g Grid) Encode(boxes []Box, y []float32) (lost []Box) {
	g.empty(y)
	size := g.targetCell()
	for _, b := range boxes {
		cell := g.CellOf(b.CX, b.CY)
		if cell < 0 || y[cell*size+g.Classes] == 0 {
			lost = append(lost, b)
			continue
		}
		g.put(y, cell, b)
	}
	return lost
}

// empty writes the target of a picture with nothing in it.
func (g Grid) empty(y []float32) {
	size := g.targetCell()
	if len(y) != g.Cells()*size {
		panic(fmt.Sprintf("features: %d floats for a target of %v", len(y), g.TargetDims()))
	}
	for cell := range g.Cells() {
		c := y[cell*size : (cell+1)*size]
		clear(c)
		c[g.Classes] = 1
		copy(c[g.Classes+1:], []float32{0.5, 0.5, 1 / float32(g.Columns), 1 / float32(g.Rows), 0})
	}
}

// put writes an object to an empty cell of a target.
func (g Grid) put(y []float32, cell int, b Box) {
	size := g.targetCell()
	c := y[cell*size : (cell+1)*size]
	w, h := g.CellSize()
	c[g.Classes] = 0
	c[b.Class] = 1
	copy(c[g.Classes+1:], []float32{
		float32(b.CX/w - float64(cell%g.Columns)), float32(b.CY/h - float64(cell/g.Columns)),
		float32(b.W / float64(g.Width)), float32(b.H / float64(g.Height)), 1})
}

// Objects reads the objects of a target, [cells, classes + none + 5]: the cells with a confidence of at least one half.
func (g Grid) Objects(y []float32) []Box {
	one := g
	one.Boxes = 1
	boxes := one.Decode(y, 0.5)
	for i := range boxes {
		boxes[i].Score = 1
	}
	return boxes
}

// Decode reads the boxes of an output, [cells, classes + none + 5·boxes], whose score reaches the threshold, in the
// order of cells and boxes. A box has the class of its cell's highest score, *none* left out, and the score of that
// class times the box's confidence. A box with anything not finite is no box.
func (g Grid) Decode(y []float32, threshold float64) []Box {
	size := g.outputCell()
	if len(y) != g.Cells()*size {
		panic(fmt.Sprintf("features: %d floats for an output of %v", len(y), g.OutputDims()))
	}
	w, h := g.CellSize()
	var boxes []Box
	for cell := range g.Cells() {
		c := y[cell*size : (cell+1)*size]
		class := 0
		for i, score := range c[:g.Classes] {
			if score > c[class] {
				class = i
			}
		}
		for at := g.Classes + 1; at < size; at += 5 {
			b := Box{
				Class: class,
				CX:    (float64(c[at]) + float64(cell%g.Columns)) * w,
				CY:    (float64(c[at+1]) + float64(cell/g.Columns)) * h,
				W:     float64(c[at+2]) * float64(g.Width),
				H:     float64(c[at+3]) * float64(g.Height),
				Score: float64(c[class]) * float64(c[at+4]),
			}
			if b.Score >= threshold && !math.IsInf(b.Score, 0) && finite(b.CX+b.CY+b.W+b.H) {
				boxes = append(boxes, b)
			}
		}
	}
	return boxes
}

// Detect reads what an output shows, as the recipe of a detection says: boxes above the score threshold, each object
// once, in falling order of score. The boxes are in pixels of a picture of width × height, which the network saw resized.
// It fails where the output is not one of the recipe's grid.
func (r *Recipe) Detect(y []float32, width, height int) ([]Box, error) {
	g := r.Grid()
	if err := g.fits(y); err != nil {
		return nil, err
	}
	boxes := Suppress(g.Decode(y, r.Detection.ScoreThreshold), r.Detection.IOUThreshold)
	fx, fy := float64(width)/float64(g.Width), float64(height)/float64(g.Height)
	for i, b := range boxes {
		b.CX, b.W, b.CY, b.H = b.CX*fx, b.W*fx, b.CY*fy, b.H*fy
		boxes[i] = b
	}
	return boxes, nil
}

// Propose reads every box of an output, whatever its score, each object once; in pixels of the picture that the network
// saw. It fails where the output is not one of the recipe's grid.
func (r *Recipe) Propose(y []float32) ([]Box, error) {
	g := r.Grid()
	if err := g.fits(y); err != nil {
		return nil, err
	}
	return Suppress(g.Decode(y, 0), r.Detection.IOUThreshold), nil
}

func (g Grid) fits(y []float32) error {
	if want := g.Cells() * g.outputCell(); len(y) != want {
		return fmt.Errorf("detection: %d numbers, a grid of %d × %d cells with %d classes and %d boxes a cell has %d",
			len(y), g.Columns, g.Rows, g.Classes, g.Boxes, want)
	}
	return nil
}
