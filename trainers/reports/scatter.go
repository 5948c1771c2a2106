package reports

import (
	"fmt"
	"image"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func (p *points) caption(r *run, dims int) string {
	caption := "Where encoder.onnx puts " + r.which()
	if dims > 2 {
		caption += fmt.Sprintf(", the first two of %d dimensions", dims)
	}
	if p.labels != nil {
		caption += ", coloured by label"
	}
	return caption
}

// draw scatters the points over their first two dimensions, both to one scale.
func (p *points) draw(r *run, dims int) image.Image {
	const side = 520
	title := fmt.Sprintf("%s on %s: z_mean of %s", plain(r.job.Network.Name), plain(r.data.Info().Name), r.which())
	out := newPlot(title, "z1", "z2")
	if dims > 2 {
		out.X.Label.Text, out.Y.Label.Text = fmt.Sprintf("z1 of %d", dims), "z2"
	}
	c := cloud{points: p}
	out.X.Min, out.X.Max, out.Y.Min, out.Y.Max = c.frame()
	out.Add(gridLines{}, c)
	legend := out.Legend
	legend.TextStyle.Font.Size, legend.Left, legend.Top = labelSize, true, true
	beside := vg.Length(16)
	if p.labels != nil {
		for i, name := range p.names {
			glyph := cloudGlyph(i)
			glyph.Radius = 4
			legend.Add(plain(name), &plotter.Scatter{GlyphStyle: glyph})
		}
		beside = legend.Rectangle(draw.Canvas{}).Size().X + 28
	}
	canvas, all := newCanvas(side+beside, side, plotDPI)
	out.Draw(draw.Crop(all, 8, -beside, 8, -8))
	if p.labels != nil {
		legend.Draw(draw.Crop(all, side+6, 0, 0, -34))
	}
	return canvas.Image()
}

// cloud draws points in the order of the rows, so that no label covers another as a whole.
type cloud struct{ *points }

// Plot draws the points.
func (c cloud) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	for i, z := range c.at {
		label := 0
		if c.labels != nil {
			label = c.labels[i]
		}
		if finite(z[0]) && finite(z[1]) {
			canvas.DrawGlyph(cloudGlyph(label), vg.Point{X: x(float64(z[0])), Y: y(float64(z[1]))})
		}
	}
}

// frame gives a square of the plane that holds all points.
func (c cloud) frame() (x0, x1, y0, y1 float64) {
	half := [2]float64{}
	middle := [2]float64{}
	for k := range 2 {
		low, high, any := 0.0, 0.0, false
		for _, z := range c.at {
			if v := float64(z[k]); finite(z[k]) {
				if !any {
					low, high, any = v, v, true
				}
				low, high = min(low, v), max(high, v)
			}
		}
		middle[k], half[k] = low/2+high/2, high/2-low/2
	}
	room := max(half[0], half[1])*1.04 + 1e-6
	return middle[0] - room, middle[0] + room, middle[1] - room, middle[1] + room
}

func finite(v float32) bool { return v-v == 0 }

// cloudGlyph is a small see-through mark; labels beyond the inks have another shape.
func cloudGlyph(label int) draw.GlyphStyle {
	ink := lineInk(label)
	g := draw.GlyphStyle{Color: color.NRGBA{ink.R, ink.G, ink.B, 0xb8}, Radius: 1.7, Shape: draw.CircleGlyph{}}
	if label >= len(lineInks) {
		g.Radius, g.Shape = 2.2, draw.TriangleGlyph{}
	}
	return g
}
