package reports

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/gonyx/gonyx/trainers/metrics"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mostConfusion bounds the names of a matrix that one picture can show.
const mostConfusion = 120

// confusionMatrix draws what was taken for what: a row a truth, a column a prediction, the colour being the part of the row. In that of a
// detector nothing is counted where background was taken for background.
func confusionMatrix(c *metrics.Confusion, detector bool, title string) image.Image {
	n := len(c.Names)
	side := vg.Length(min(88, max(9, 640/n)))
	p := newPlot(title, "taken for", "truth")
	p.X.Label.Padding, p.Y.Label.Padding = 6, 6
	labels := style(min(labelSize, side*0.8), false)
	longest := vg.Length(0)
	across, down := make(plot.ConstantTicks, n), make(plot.ConstantTicks, n)
	for i, name := range c.Names {
		across[i] = plot.Tick{Value: float64(i), Label: plain(name)}
		down[i] = plot.Tick{Value: float64(n - 1 - i), Label: plain(name)}
		longest = max(longest, labels.Width(plain(name)))
	}
	upright := longest > side-6
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Label.Font = labels.Font
		a.Min, a.Max, a.Padding, a.Tick.Length, a.LineStyle.Width = -0.5, float64(n)-0.5, 0, 0, 0
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = across, down
	foot := vg.Length(50)
	if upright {
		p.X.Tick.Label.Rotation = math.Pi / 2
		p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
		// A name on its side begins a little above where the axis ends.
		p.X.Padding = labels.FontExtents().Descent + 5
		foot += longest + p.X.Padding
	}
	p.Add(heat{c.Counts, detector, side})
	width, height := max(vg.Length(n)*side+longest+60, style(titleSize, true).Width(title)+32), vg.Length(n)*side+foot+44
	canvas, all := newCanvas(width, height, plotDPI)
	p.Draw(draw.Crop(all, 8, -16, 8, -10))
	return canvas.Image()
}

// heat draws the cells of a matrix with their counts.
type heat struct {
	counts   [][]int
	detector bool
	side     vg.Length // of a cell, about
}

// Plot draws the cells.
func (h heat) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	n := len(h.counts)
	text := style(min(labelSize+1, h.side*0.3), false)
	text.YAlign = draw.YCenter
	small := style(min(figureSize-1, h.side*0.2), false)
	small.YAlign = draw.YCenter
	for i, row := range h.counts {
		total := 0
		for _, v := range row {
			total += v
		}
		for j, v := range row {
			left, right := x(float64(j)-0.5), x(float64(j)+0.5)
			low, high := y(float64(n-1-i)-0.5), y(float64(n-1-i)+0.5)
			middle := vg.Point{X: (left + right) / 2, Y: (low + high) / 2}
			none := h.detector && i == n-1 && j == n-1
			share := 0.0
			if total > 0 {
				share = float64(v) / float64(total)
			}
			ink := heatInk(share)
			if none {
				ink = faint
			}
			c.FillPolygon(ink, []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
			if h.side < 22 {
				continue
			}
			text.Color, small.Color = black, black
			if share > 0.55 {
				text.Color, small.Color = color.White, color.White
			}
			switch {
			case none:
				c.FillText(text, middle, "–")
			case h.side < 50 || total == 0:
				c.FillText(text, middle, fmt.Sprint(v))
			default:
				c.FillText(text, vg.Point{X: middle.X, Y: middle.Y + h.side*0.1}, fmt.Sprint(v))
				c.FillText(small, vg.Point{X: middle.X, Y: middle.Y - h.side*0.16}, fmt.Sprintf("%.0f %%", 100*share))
			}
		}
	}
	line := draw.LineStyle{Color: color.White, Width: 1.2}
	for i := range n + 1 {
		c.StrokeLine2(line, x(float64(i)-0.5), c.Min.Y, x(float64(i)-0.5), c.Max.Y)
		c.StrokeLine2(line, c.Min.X, y(float64(i)-0.5), c.Max.X, y(float64(i)-0.5))
	}
}

// heatInk goes from almost white at 0 to dark blue at 1.
func heatInk(share float64) color.RGBA {
	low, high := [3]float64{0xf3, 0xf6, 0xfa}, [3]float64{0x0b, 0x4f, 0x94}
	var c [3]byte
	for i := range c {
		c[i] = byte(math.Round(low[i] + share*(high[i]-low[i])))
	}
	return color.RGBA{c[0], c[1], c[2], 0xff}
}
