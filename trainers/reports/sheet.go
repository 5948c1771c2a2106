package reports

import (
	"image"
	"image/color"
	"image/draw"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// sheet lays tiles out in a grid, row by row: each is a group of pictures side by side with a caption over each picture.
// All pictures of a sheet have the same size.
type sheet struct {
	title   string
	columns int // of tiles
	tiles   []tile
}

type tile struct {
	pictures []image.Image
	captions []string // one a picture
}

// Measures of a sheet in pixels.
const (
	sheetMargin  = 16
	sheetHead    = 40 // of the title
	sheetCaption = 20
	sheetInner   = 6  // between the pictures of a tile
	sheetOuter   = 22 // between tiles
)

// draw gives the sheet as a picture; it must have tiles.
func (s *sheet) draw() image.Image {
	side := s.tiles[0].pictures[0].Bounds().Size()
	pictures := len(s.tiles[0].pictures)
	columns := min(s.columns, len(s.tiles))
	rows := (len(s.tiles) + columns - 1) / columns
	tileWidth := pictures*side.X + (pictures-1)*sheetInner
	tileHeight := sheetCaption + side.Y
	titleStyle, captionStyle := style(titleSize+3, true), style(labelSize+2.5, false)
	width := 2*sheetMargin + columns*tileWidth + (columns-1)*sheetOuter
	width = max(width, 2*sheetMargin+int(titleStyle.Width(s.title))+1)
	height := sheetHead + rows*tileHeight + (rows-1)*sheetOuter/2 + sheetMargin
	canvas, text := newCanvas(vg.Length(width), vg.Length(height), sheetDPI)

	// Text counts points from below, pictures count pixels from above.
	write := func(style vgdraw.TextStyle, x, y int, words string) {
		style.XAlign = vgdraw.XLeft
		text.FillText(style, vg.Point{X: vg.Length(x), Y: vg.Length(height - y)}, words)
	}
	write(titleStyle, sheetMargin, 12, s.title)
	out := canvas.Image()
	for i, t := range s.tiles {
		x := sheetMargin + i%columns*(tileWidth+sheetOuter)
		y := sheetHead + i/columns*(tileHeight+sheetOuter/2)
		for k, p := range t.pictures {
			left := x + k*(side.X+sheetInner)
			write(captionStyle, left, y+2, t.captions[k])
			place := image.Rectangle{Max: side}.Add(image.Pt(left, y+sheetCaption))
			draw.Draw(out, place, p, p.Bounds().Min, draw.Src)
		}
	}
	return out
}

// shrink makes a picture smaller by a whole factor: each pixel is the mean of a square. What is over at the right and lower
// edge is left out.
func shrink(src *image.RGBA, factor int) *image.RGBA {
	if factor <= 1 {
		return src
	}
	size := src.Bounds().Size()
	out := image.NewRGBA(image.Rect(0, 0, max(1, size.X/factor), max(1, size.Y/factor)))
	for y := range out.Bounds().Dy() {
		for x := range out.Bounds().Dx() {
			square := image.Rect(x*factor, y*factor, (x+1)*factor, (y+1)*factor).Intersect(src.Bounds())
			var sum [3]int
			for v := square.Min.Y; v < square.Max.Y; v++ {
				for u := square.Min.X; u < square.Max.X; u++ {
					p := src.RGBAAt(u, v)
					sum[0], sum[1], sum[2] = sum[0]+int(p.R), sum[1]+int(p.G), sum[2]+int(p.B)
				}
			}
			n := square.Dx() * square.Dy()
			out.SetRGBA(x, y, color.RGBA{byte(sum[0] / n), byte(sum[1] / n), byte(sum[2] / n), 0xff})
		}
	}
	return out
}
