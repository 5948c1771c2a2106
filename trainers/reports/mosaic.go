package reports

import (
	"image"
	"image/draw"
	"math"

	"github.com/gonyx/gonyx/onnx/features"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// mosaic lays pictures of one size out in rows, with a word at the left of every row and over every column.
type mosaic struct {
	title     string
	down      string   // what goes on from row to row; empty: not said
	across    string   // what goes on from column to column; empty: not said
	left, top []string // beside rows and columns; top may be empty
	band      int      // rows that belong together, which stand apart from the next ones; 0: all
	rows      [][]image.Image
}

// Measures of a mosaic in pixels; margins and head are a sheet's.
const (
	mosaicGap  = 2
	mosaicBand = 14 // between bands
	mosaicText = 20 // height of a line
	mosaicSide = 84 // that a small picture's longer side is brought to at most, by a whole factor: 3 for 28
	mosaicMost = 160
)

// mosaicScale is the scale of pictures in a mosaic.
func mosaicScale(m *features.Image) scale {
	side := max(m.Width, m.Height)
	return scale{shrink: (side + mosaicMost - 1) / mosaicMost, enlarge: max(1, mosaicSide/side)}
}

// picture draws the picture that a row of numbers shows.
func (s scale) picture(m *features.Image, x []float32) image.Image {
	return features.DrawEnlarged(shrink(m.Picture(x), s.shrink), nil, nil, s.enlarge)
}

// draw gives the mosaic as a picture; it must have a row, and rows of equal length.
func (m *mosaic) draw() image.Image {
	side := m.rows[0][0].Bounds().Size()
	head, words := style(titleSize+2, true), style(labelSize+1.5, false)
	labels := vg.Length(0)
	for _, w := range m.left {
		labels = max(labels, words.Width(w))
	}
	x0, y0 := sheetMargin+int(labels)+8, sheetHead
	if m.down != "" {
		x0 += mosaicText
	}
	if m.across != "" {
		y0 += mosaicText
	}
	if len(m.top) > 0 {
		y0 += mosaicText
	}
	band := m.band
	if band == 0 {
		band = len(m.rows)
	}
	left := func(j int) int { return x0 + j*(side.X+mosaicGap) }
	upper := func(i int) int { return y0 + i*(side.Y+mosaicGap) + i/band*mosaicBand }
	columns := len(m.rows[0])
	width := max(left(columns)+sheetMargin, int(head.Width(m.title))+2*sheetMargin)
	height := upper(len(m.rows)-1) + side.Y + sheetMargin
	canvas, text := newCanvas(vg.Length(width), vg.Length(height), sheetDPI)

	// Text counts points from below, pictures count pixels from above.
	write := func(style vgdraw.TextStyle, align vgdraw.XAlignment, x, y int, words string) {
		style.XAlign, style.YAlign = align, vgdraw.YCenter
		text.FillText(style, vg.Point{X: vg.Length(x), Y: vg.Length(height - y)}, words)
	}
	write(head, vgdraw.XLeft, sheetMargin, 20, m.title)
	if m.across != "" {
		write(words, vgdraw.XCenter, (left(0)+left(columns))/2, sheetHead+mosaicText/2-2, m.across)
	}
	for j, w := range m.top {
		write(words, vgdraw.XCenter, left(j)+side.X/2, y0-mosaicText/2, w)
	}
	for i, w := range m.left {
		write(words, vgdraw.XRight, x0-8, upper(i)+side.Y/2, w)
	}
	if m.down != "" {
		upright := words
		upright.Rotation = math.Pi / 2
		write(upright, vgdraw.XCenter, sheetMargin+mosaicText/2-4, (y0+height-sheetMargin)/2, m.down)
	}
	out := canvas.Image()
	for i, row := range m.rows {
		for j, p := range row {
			place := image.Rectangle{Max: side}.Add(image.Pt(left(j), upper(i)))
			draw.Draw(out, place, p, p.Bounds().Min, draw.Src)
		}
	}
	return out
}
