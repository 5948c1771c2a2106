package features

// Detection says how a network's output is read as boxes.
type Detection struct {
	Columns, Rows  int          // of the grid; cells run row by row
	BoxesPerCell   int          // that the network proposes
	BoxSizes       [][2]float64 // width and height in pixels of each class's usual box, or none
	ScoreThreshold float64      // boxes below it are not shown; default [DefaultScoreThreshold]
	IOUThreshold   float64      // of two boxes of a class that overlap more, the lower is dropped; default [DefaultIOUThreshold]
}

// Thresholds for showing boxes. Average precision looks at every score.
const (
	DefaultScoreThreshold = 0.3
	DefaultIOUThreshold   = 0.5
)

// Cells counts the cells of the grid.
func (d *Detection) Cells() int { return d.Columns * d.Rows }

func (d *Detection) check(classes int) error {
	switch {
	case d.Columns < 1 || d.Columns > maxGrid || d.Rows < 1 || d.Rows > maxGrid:
		return unsound("grid", "%d × %d cells, each side must be within 1..%d", d.Columns, d.Rows, maxGrid)
	case d.BoxesPerCell < 1 || d.BoxesPerCell > maxGrid:
		return unsound("boxes_per_cell", "%d is not within 1..%d", d.BoxesPerCell, maxGrid)
	case len(d.BoxSizes) != 0 && len(d.BoxSizes) != classes:
		return unsound("box_sizes", "%d sizes for %d classes", len(d.BoxSizes), classes)
	case !(d.ScoreThreshold >= 0 && d.ScoreThreshold <= 1):
		return unsound("score_threshold", "%g is not within 0..1", d.ScoreThreshold)
	case !(d.IOUThreshold >= 0 && d.IOUThreshold <= 1):
		return unsound("iou_threshold", "%g is not within 0..1", d.IOUThreshold)
	}
	for _, s := range d.BoxSizes {
		if !finite(s[0]) || !finite(s[1]) || s[0] <= 0 || s[1] <= 0 {
			return unsound("box_sizes", "%g × %g is not a size", s[0], s[1])
		}
	}
	return nil
}
