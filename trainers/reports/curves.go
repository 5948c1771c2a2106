package reports

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/trainers"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panel is one of the small plots of results.png.
type panel struct {
	title  string
	curves []curve
	unit   bool // all figures are parts of 1
}

type curve struct {
	name   string
	points plotter.XYs // epoch and figure
	ink    int
}

// series collects a figure over the epochs; epochs in which it is absent or not finite have no point.
func series(history []trainers.Epoch, figure func(trainers.Epoch) (float64, bool)) plotter.XYs {
	var points plotter.XYs
	for _, e := range history {
		if v, ok := figure(e); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			points = append(points, plotter.XY{X: float64(e.Number), Y: v})
		}
	}
	return points
}

func at(list []float64, i int) (float64, bool) {
	if i >= len(list) {
		return 0, false
	}
	return list[i], true
}

// panels gives the loss, each of its terms, the metrics and the learning rate, what has no figures left out.
func (r *run) panels() []panel {
	history := r.result.History
	var all []panel
	for i, name := range r.losses() {
		p := panel{title: name}
		p.add("train", 0, series(history, func(e trainers.Epoch) (float64, bool) { return at(e.Train, i) }))
		p.add("validation", 1, series(history, func(e trainers.Epoch) (float64, bool) { return at(e.Validation, i) }))
		all = append(all, p)
	}
	metrics := panel{title: "validation metrics", unit: true}
	for i, name := range metricNames(history) {
		metrics.add(name, 2+i, series(history, func(e trainers.Epoch) (float64, bool) {
			if i >= len(e.Metrics) {
				return 0, false
			}
			return e.Metrics[i].Value, true
		}))
	}
	if metrics.curves != nil {
		all = append(all, metrics)
	}
	rate := panel{title: "learning rate"}
	rate.add("", 7, series(history, func(e trainers.Epoch) (float64, bool) { return e.LearningRate, true }))
	return append(all, rate)
}

func (p *panel) add(name string, ink int, points plotter.XYs) {
	if len(points) == 0 {
		return
	}
	for _, q := range points {
		p.unit = p.unit && q.Y >= 0 && q.Y <= 1
	}
	p.curves = append(p.curves, curve{name, points, ink})
}

// losses names the loss and its terms as results.csv does.
func (r *run) losses() []string {
	names := []string{networks.LossOutput}
	for _, t := range r.job.Network.Terms {
		names = append(names, networks.TermPrefix+t)
	}
	return names
}

func metricNames(history []trainers.Epoch) []string {
	for _, e := range history {
		if len(e.Metrics) > 0 {
			var names []string
			for _, m := range e.Metrics {
				names = append(names, m.Name)
			}
			return names
		}
	}
	return nil
}

// curves draws results.png: a grid of panels under a title.
func (r *run) curves() picture {
	const width, height, head, title, most = 300, 215, 34, 26, 4
	panels := r.panels()
	rows := (len(panels) + most - 1) / most
	columns := (len(panels) + rows - 1) / rows
	image, canvas := newCanvas(vg.Length(columns*width), vg.Length(rows*(height+title)+head), plotDPI)
	canvas.FillText(style(titleSize+1, true), vg.Point{X: canvas.Center().X, Y: canvas.Max.Y - 9}, r.curvesTitle())

	plots := make([][]*plot.Plot, rows)
	for i := range plots {
		plots[i] = make([]*plot.Plot, columns)
	}
	mark := 0
	if r.heldOut() {
		mark = r.result.BestEpoch
	}
	for i, p := range panels {
		plots[i/columns][i%columns] = p.plot(len(r.result.History), mark)
	}
	// Titles stand above the tiles, all of a row at one height.
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: 16, PadY: title + 6, PadLeft: 10, PadRight: 18, PadTop: head + title, PadBottom: 8}
	for i, row := range plot.Align(plots, tiles, canvas) {
		for j, c := range row {
			if p := plots[i][j]; p != nil {
				p.Draw(c)
				inner := p.DataCanvas(c)
				canvas.FillText(style(titleSize, true), vg.Point{X: inner.Center().X, Y: tiles.At(canvas, j, i).Max.Y + title - 6}, panels[i*columns+j].title)
			}
		}
	}
	return picture{CurvesFile, "Loss, its terms and metrics over the epochs", image.Image()}
}

func (r *run) curvesTitle() string {
	title := fmt.Sprintf("%s on %s", plain(r.job.Network.Name), plain(r.result.Train.Info().Name))
	if !r.heldOut() {
		return title + ": training rows only, none held out"
	}
	return fmt.Sprintf("%s: best epoch %d of %d (dashed)", title, r.result.BestEpoch, len(r.result.History))
}

// plot draws a panel over so many epochs with a mark at one of them, 0 for none.
func (p panel) plot(epochs, mark int) *plot.Plot {
	out := newPlot("", "epoch", "")
	out.X.Min, out.X.Max = 1, float64(epochs)
	if epochs < 2 {
		out.X.Min, out.X.Max = 0.5, 1.5
	}
	out.X.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick { return ticks(low, high, 8, 1) })
	out.Y.Min, out.Y.Max = p.rangeY()
	out.Add(gridLines{})
	if mark > 0 {
		out.Add(epochMark(mark))
	}
	for _, c := range p.curves {
		line := &plotter.Line{XYs: c.points, LineStyle: draw.LineStyle{Color: lineInk(c.ink), Width: 1.6}}
		out.Add(line)
		thumbs := []plot.Thumbnailer{line}
		// Dots show single epochs as long as there are few.
		if len(c.points) <= 30 {
			dots := &plotter.Scatter{XYs: c.points, GlyphStyle: draw.GlyphStyle{Color: lineInk(c.ink), Radius: 2, Shape: draw.CircleGlyph{}}}
			out.Add(dots)
			thumbs = append(thumbs, dots)
		}
		if c.name != "" {
			out.Legend.Add(c.name, thumbs...)
		}
	}
	out.Legend.Top, out.Legend.Left = p.corner(out)
	// Beside the edge, where the mark of the best epoch may be.
	if out.Legend.XOffs = -9; out.Legend.Left {
		out.Legend.XOffs = 9
	}
	if out.Legend.YOffs = 4; out.Legend.Top {
		out.Legend.YOffs = -3
	}
	return out
}

// rangeY leaves room around the figures; it is never empty.
func (p panel) rangeY() (low, high float64) {
	if p.unit {
		return 0, 1
	}
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range p.curves {
		for _, q := range c.points {
			low, high = min(low, q.Y), max(high, q.Y)
		}
	}
	if low > high {
		return 0, 1
	}
	if low >= 0 && low < high/2 {
		low = 0
	}
	room := 0.05 * (high - low)
	if low == high {
		room = max(0.1*math.Abs(high), 1e-9)
	}
	if low != 0 {
		low -= room
	}
	return low, high + room
}

// corner gives the one that most of the points are far from.
func (p panel) corner(out *plot.Plot) (top, left bool) {
	const wide, high = 0.42, 0.3
	best := math.MaxInt
	for _, corner := range [][2]bool{{true, false}, {true, true}, {false, false}, {false, true}} {
		inside := 0
		for _, c := range p.curves {
			for _, q := range c.points {
				x, y := out.X.Norm(q.X), out.Y.Norm(q.Y)
				if corner[0] {
					y = 1 - y
				}
				if !corner[1] {
					x = 1 - x
				}
				if x < wide && y < high {
					inside++
				}
			}
		}
		if inside < best {
			best, top, left = inside, corner[0], corner[1]
		}
	}
	return top, left
}

// epochMark is a dashed line at an epoch.
type epochMark int

// Plot draws the line.
func (m epochMark) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	line := draw.LineStyle{Color: grey, Width: 0.9, Dashes: []vg.Length{4, 3}}
	c.StrokeLine2(line, x(float64(m)), c.Min.Y, x(float64(m)), c.Max.Y)
}
