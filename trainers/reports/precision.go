package reports

import (
	"cmp"
	"fmt"
	"image"
	"slices"

	"github.com/gonyx/gonyx/trainers/metrics"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// mostPrecision bounds the classes whose curves one plot can tell apart: those with the most objects.
const mostPrecision = 12

// precisionRecall draws a curve a class, with its average precision in the legend.
func precisionRecall(names []string, found *metrics.Detections, which string) image.Image {
	order := make([]int, len(names))
	objects := make([]int, len(names))
	for i := range names {
		order[i], objects[i] = i, found.Objects(i)
	}
	p := newPlot(fmt.Sprintf("Precision and recall at IOU %g: %s", matchIOU, which), "recall", "precision")
	if len(order) > mostPrecision {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(objects[b], objects[a]) })
		order = order[:mostPrecision]
		slices.Sort(order)
		p.Title.Text = fmt.Sprintf("Precision and recall at IOU %g: %s,\nthe %d of %d classes with the most objects", matchIOU, which, mostPrecision, len(names))
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(gridLines{})
	legend := p.Legend
	legend.TextStyle.Font.Size, legend.Left = labelSize, true
	for i, class := range order {
		line := &plotter.Line{LineStyle: draw.LineStyle{Color: lineInk(i), Width: 1.8}}
		if i >= len(lineInks) {
			line.Dashes = []vg.Length{5, 3}
		}
		text := plain(names[class]) + ": no objects"
		if objects[class] > 0 {
			text = fmt.Sprintf("%s: AP %.3f, %d objects", plain(names[class]), found.AveragePrecision(class, matchIOU), objects[class])
		}
		for k, q := range found.Curve(class, matchIOU) {
			if k == 0 { // the curve begins where nothing is found yet
				line.XYs = append(line.XYs, plotter.XY{X: 0, Y: q.Precision})
			}
			line.XYs = append(line.XYs, plotter.XY{X: q.Recall, Y: q.Precision})
		}
		if len(line.XYs) > 0 {
			p.Add(line)
		}
		legend.Add(text, line)
	}
	const width, height = 500, 400
	if len(order) <= 4 {
		legend.XOffs, legend.YOffs = 8, 8
		p.Legend = legend
		canvas, all := newCanvas(width, height, plotDPI)
		p.Draw(draw.Crop(all, 8, -16, 8, -8))
		return canvas.Image()
	}
	// Many names would cover the curves: they stand beside them.
	legend.Top = true
	beside := legend.Rectangle(draw.Canvas{}).Size().X + 24
	canvas, all := newCanvas(width+beside, height, plotDPI)
	p.Draw(draw.Crop(all, 8, -beside, 8, -8))
	legend.Draw(draw.Crop(all, width+4, 0, 0, -54))
	return canvas.Image()
}
