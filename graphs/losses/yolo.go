package losses

import "github.com/gonyx/gonyx/graphs"
import "github.com/gonyx/gonyx/onnx"

// YOLOShape says how a detector's output is laid out: [batch, columns·rows, classes + boxes·5], cells row by row, a cell being
// its class scores and then x, y, width, height and confidence of each box. x and y are in cell units beside the cell's
// corner, width and height fractions of the image.
type YOLOShape struct {
	Columns, Rows int64
	Classes       int64 // with the last one, which means "nothing" and is not trained
	Boxes         int64 // a cell
}

// The weights of the loss: λcoord and λnoobj of Redmon et al., "You Only Look Once", 2016.
const (
	yoloCoordinates = 5
	yoloNoObject    = 0.5
)

// tiny keeps divisions and roots away from 0, far below any real width or area.
const tiny = 1e-12

// YOLO is the sum over cells and boxes of
//
//	class       obj · Σ (p - p̂)² over the classes but the last
//	position    5 · obj · [(x - x̂)² + (y - ŷ)²]
//	size        5 · obj · [(√w - √ŵ)² + (√h - √ĥ)²]
//	confidence  obj · (IOU - ĉ)² + 0.5 · (1 - obj) · ĉ²
//
// averaged over the batch. truth is [batch, cells, classes + 5], laid out like the output with one box a cell, obj being its
// confidence. With several boxes a cell the one of highest IOU is responsible: for the others obj is 0, and the class
// counts once a cell. IOU is a target: no gradient flows through it or through the choice of a box. Both boxes stand in one cell, so
// their centres are compared in image units after dividing by the grid.
func YOLO(s YOLOShape, output, truth graphs.Value) Loss {
	b := output.Builder()
	cells := s.Columns * s.Rows
	// [batch, cells, boxes, 5] against [batch, cells, 1, 5].
	boxes := output.Slice(2, s.Classes, s.Classes+5*s.Boxes).Reshape(-1, cells, s.Boxes, 5)
	want := truth.Slice(2, s.Classes, s.Classes+5).Reshape(-1, cells, 1, 5)
	part := func(v graphs.Value, i int64) graphs.Value { return v.Slice(3, i, i+1) }

	object := part(want, 4)                       // [batch, cells, 1, 1]
	iou := yoloIOU(s, boxes, want).StopGradient() // [batch, cells, boxes, 1]
	responsible := object
	if s.Boxes > 1 {
		index := make([]int64, s.Boxes)
		for i := range index {
			index[i] = int64(i)
		}
		numbers := b.Const("box_numbers", onnx.FromInt64s(index, s.Boxes, 1))
		responsible = iou.ArgMax(2).Equal(numbers).Cast(onnx.Float).Mul(object)
	}

	var position, size graphs.Value
	for i := range int64(2) {
		d := part(boxes, i).Sub(part(want, i)).Square()
		r := part(boxes, 2+i).Max(b.Scalar(tiny)).Sqrt().Sub(part(want, 2+i).Sqrt()).Square()
		if i == 0 {
			position, size = d, r
		} else {
			position, size = position.Add(d), size.Add(r)
		}
	}
	confidence := part(boxes, 4)
	found := responsible.Mul(iou.Sub(confidence).Square())
	quiet := b.Scalar(1).Sub(responsible).Mul(confidence.Square()).Scale(yoloNoObject)

	real := s.Classes - 1
	scores := output.Slice(2, 0, real).Sub(truth.Slice(2, 0, real)).Square() // [batch, cells, classes - 1]
	class := scores.Mul(object.Squeeze(3))

	return sum(
		Term{"class", batchMean(class)},
		Term{"position", batchMean(responsible.Mul(position).Scale(yoloCoordinates))},
		Term{"size", batchMean(responsible.Mul(size).Scale(yoloCoordinates))},
		Term{"confidence", batchMean(found.Add(quiet))},
	)
}

// yoloIOU is the intersection over union of each box with the truth of its cell, as fractions of the image. Along an axis two
// boxes overlap by min((w + ŵ)/2 - |Δcentre|, w, ŵ), and not at all where that is negative.
func yoloIOU(s YOLOShape, boxes, want graphs.Value) graphs.Value {
	b := boxes.Builder()
	part := func(v graphs.Value, i int64) graphs.Value { return v.Slice(3, i, i+1) }
	overlap := func(axis, grid int64) graphs.Value {
		w, v := part(boxes, 2+axis), part(want, 2+axis)
		apart := part(boxes, axis).Sub(part(want, axis)).Abs().Scale(1 / float32(grid))
		return w.Add(v).Scale(0.5).Sub(apart).Min(w.Min(v)).Max(b.Scalar(0))
	}
	area := func(v graphs.Value) graphs.Value { return part(v, 2).Mul(part(v, 3)) }
	inter := overlap(0, s.Columns).Mul(overlap(1, s.Rows))
	union := area(boxes).Add(area(want)).Sub(inter)
	return inter.Div(union.Max(b.Scalar(tiny)))
}
