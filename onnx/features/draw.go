package features

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// boxColours tell classes apart on dark and light pictures; a class takes the one of its number, from the start again
// where there are more. Never written.
var boxColours = [...]color.RGBA{
	{0x3c, 0xb4, 0xff, 0xff}, {0xff, 0x9f, 0x1c, 0xff}, {0x4c, 0xd9, 0x64, 0xff}, {0xff, 0x5c, 0x8a, 0xff},
	{0xb4, 0x8c, 0xff, 0xff}, {0xff, 0xe0, 0x3c, 0xff}, {0x2e, 0xd8, 0xc3, 0xff}, {0xe0, 0x6c, 0x4a, 0xff},
}

// The least that the longer side of a drawn picture has, and the most that a small one is enlarged.
const (
	drawnSide  = 320
	maxEnlarge = 16
)

// Draw gives a copy of the picture with boxes on it, labelled with their classes' names and, where it is below 1, their
// score. Small pictures are enlarged by a whole factor, so that lines and labels do not cover what they show.
func Draw(img image.Image, boxes []Box, names []string) *image.RGBA {
	factor := 1
	if side := max(img.Bounds().Dx(), img.Bounds().Dy()); side > 0 && side < drawnSide {
		factor = min(maxEnlarge, (drawnSide+side-1)/side)
	}
	return DrawEnlarged(img, boxes, names, factor)
}

// DrawEnlarged is [Draw] with the factor, at least 1, as the caller wants it. Boxes are in pixels of the picture given.
func DrawEnlarged(img image.Image, boxes []Box, names []string, factor int) *image.RGBA {
	out := enlarge(flat(img), factor)
	thick := max(1, max(out.Bounds().Dx(), out.Bounds().Dy())/300)
	for _, b := range boxes {
		ink := boxColours[b.Class%len(boxColours)]
		f := float64(factor)
		r := image.Rect(pixel((b.CX-b.W/2)*f), pixel((b.CY-b.H/2)*f), pixel((b.CX+b.W/2)*f), pixel((b.CY+b.H/2)*f))
		frame(out, r, thick, ink)
		name := fmt.Sprintf("class %d", b.Class)
		if b.Class < len(names) {
			name = names[b.Class]
		}
		if b.Score < 1 {
			name += fmt.Sprintf(" %.2f", b.Score)
		}
		label(out, r, name, ink)
	}
	return out
}

// pixel rounds a coordinate to one that no picture reaches at worst.
func pixel(v float64) int { return round(min(max(v, -1e6), 1e6)) }

// Beside lays pictures from left to right with a gap between them, on black.
func Beside(pictures ...image.Image) *image.RGBA {
	const gap = 8
	size := image.Point{}
	for i, p := range pictures {
		if i > 0 {
			size.X += gap
		}
		size.X += p.Bounds().Dx()
		size.Y = max(size.Y, p.Bounds().Dy())
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(out, out.Bounds(), image.Black, image.Point{}, draw.Src)
	x := 0
	for _, p := range pictures {
		draw.Draw(out, image.Rect(x, 0, x+p.Bounds().Dx(), p.Bounds().Dy()), p, p.Bounds().Min, draw.Over)
		x += p.Bounds().Dx() + gap
	}
	return out
}

// enlarge copies a picture, each pixel as a square of factor × factor.
func enlarge(src *image.RGBA, factor int) *image.RGBA {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	out := image.NewRGBA(image.Rect(0, 0, w*factor, h*factor))
	for y := range h * factor {
		from, to := src.Pix[y/factor*src.Stride:], out.Pix[y*out.Stride:]
		for x := range w * factor {
			copy(to[4*x:4*x+4], from[x/factor*4:])
		}
	}
	return out
}

// frame draws the four sides of a rectangle inwards.
func frame(out *image.RGBA, r image.Rectangle, thick int, ink color.RGBA) {
	c := image.NewUniform(ink)
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+thick), image.Rect(r.Min.X, r.Max.Y-thick, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, r.Min.Y, r.Min.X+thick, r.Max.Y), image.Rect(r.Max.X-thick, r.Min.Y, r.Max.X, r.Max.Y),
	} {
		draw.Draw(out, side, c, image.Point{}, draw.Src)
	}
}

// label writes a text on a strip of the box's colour above its upper edge, or below it where there is no room.
func label(out *image.RGBA, box image.Rectangle, text string, ink color.RGBA) {
	face := basicfont.Face7x13
	w, h := font.MeasureString(face, text).Ceil()+4, face.Height
	x := max(0, min(box.Min.X, out.Bounds().Dx()-w))
	y := box.Min.Y - h
	if y < 0 {
		y = min(max(0, box.Max.Y), out.Bounds().Dy()-h)
	}
	draw.Draw(out, image.Rect(x, y, x+w, y+h), image.NewUniform(ink), image.Point{}, draw.Src)
	d := font.Drawer{Dst: out, Src: image.Black, Face: face, Dot: fixed.P(x+2, y+face.Ascent)}
	d.DrawString(text)
}
