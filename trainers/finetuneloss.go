package trainers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// target gives what the output is held against.
func (t *fineTuning) target(b *graphs.Builder, row []int64) (graphs.Value, error) {
	reconstructs := t.net.Features != nil && t.net.Features.Task == features.TaskReconstruction
	if reconstructs {
		if v, ok := t.same(b, row); ok {
			return v, nil
		}
	}
	y, at := t.data.Field(datasets.FieldY)
	batch := onnx.Symbol(graphs.Batch)
	switch {
	case at < 0:
	case losses.Categorical(t.o.Loss) && y.Elem == onnx.Int64 && y.Len() == 1 && len(row) == 1:
		return t.input(b, onnx.Int64, batch).OneHot(row[0]), nil
	case t.o.Loss == losses.YOLOName && y.Elem == onnx.Float && len(y.Dims) == 2:
		return t.input(b, onnx.Float, append([]onnx.Dim{batch}, onnx.FixedDims(y.Dims...)...)...), nil
	case y.Elem == onnx.Float && int64(y.Len()) == rowLen(row):
		return t.input(b, onnx.Float, append([]onnx.Dim{batch}, onnx.FixedDims(row...)...)...), nil
	}
	if v, ok := t.same(b, row); ok && !losses.Categorical(t.o.Loss) {
		return v, nil
	}
	return graphs.Value{}, fmt.Errorf("output %q has %v numbers a row; loss %s finds neither a y of as many in data %q nor an x to be made again; the data has %s",
		t.graph.Outputs[0].Name, row, t.o.Loss, t.data.Name, fieldShapes(t.data))
}

// same gives the network's own x in the output's shape.
func (t *fineTuning) same(b *graphs.Builder, row []int64) (graphs.Value, bool) {
	x, _ := b.Value(t.graph.Inputs[0].Name)
	own, err := rowSizes(x.Dims())
	if err != nil || rowLen(own) != rowLen(row) || x.Fact().Elem() != onnx.Float {
		return x, false
	}
	if !slices.Equal(own, row) {
		x = x.Reshape(append([]int64{-1}, row...)...)
	}
	return x, true
}

func (t *fineTuning) input(b *graphs.Builder, elem onnx.ElemType, dims ...onnx.Dim) graphs.Value {
	t.net.Fields[targetInput] = datasets.FieldY
	return b.Input(targetInput, elem, dims...)
}

func fieldShapes(info datasets.Info) string {
	var list []string
	for _, f := range info.Fields {
		list = append(list, fmt.Sprintf("%s %v%v", f.Name, f.Elem, f.Dims))
	}
	return strings.Join(list, ", ")
}

// loss builds the loss, and completes the recipe where the file has none.
func (t *fineTuning) loss(output, target graphs.Value, row []int64) (losses.Loss, error) {
	known := t.net.Features
	f := features.Recipe{}
	switch {
	case known != nil:
		f = *known
	case t.data.Recipe != nil:
		f = *t.data.Recipe
	}
	shape := losses.YOLOShape{}
	switch {
	case t.o.Loss == losses.YOLOName:
		if f.Task != features.TaskDetection || f.Detection == nil {
			return losses.Loss{}, fmt.Errorf("loss yolo: neither the model nor data %q says what grid of cells the output is", t.data.Name)
		}
		d := *f.Detection
		shape = losses.YOLOShape{Columns: int64(d.Columns), Rows: int64(d.Rows), Classes: int64(len(f.Classes)) + 1}
		cells := shape.Columns * shape.Rows
		if n := rowLen(row); n%cells != 0 || (n/cells-shape.Classes)%5 != 0 || n/cells <= shape.Classes {
			return losses.Loss{}, fmt.Errorf("loss yolo: output %q has %v numbers a row, which %d × %d cells of %d classes and boxes of 5 do not make",
				t.graph.Outputs[0].Name, row, shape.Columns, shape.Rows, shape.Classes)
		}
		shape.Boxes = (rowLen(row)/cells - shape.Classes) / 5
		if len(row) != 2 {
			output = output.Reshape(-1, cells, shape.Classes+5*shape.Boxes)
		}
		d.BoxesPerCell = int(shape.Boxes)
		f.Detection = &d
	case known != nil:
	case losses.Categorical(t.o.Loss) && len(row) == 1:
		f.Task = features.TaskClassification
		if int64(len(f.Classes)) != row[0] {
			f.Classes = nil
			for i := range row[0] {
				f.Classes = append(f.Classes, fmt.Sprintf("class%d", i))
			}
		}
	default: // what the output means nobody knows
		f = features.Recipe{}
	}
	if f.Task != "" {
		t.net.Features = &f
	}
	build, err := losses.Named(t.o.Loss, shape)
	if err != nil {
		return losses.Loss{}, err
	}
	return build(output, target), nil
}
