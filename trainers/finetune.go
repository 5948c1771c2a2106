package trainers

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// Metadata keys of a model file that say how its network is trained.
const (
	NetworkKey    = "gonyx.network" // name in the catalogue
	LossKey       = "gonyx.loss"    // name of the loss that a network from elsewhere was trained with
	SettingPrefix = "gonyx.set."    // before an option's name
	ownPrefix     = "gonyx."
)

// IsModelFile says whether what stands in a network's place is a model file.
func IsModelFile(name string) bool { return strings.EqualFold(filepath.Ext(name), ".onnx") }

// ModelName gives the name of the network in a model file.
func ModelName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// FineTuning says how the network of a model file is trained.
type FineTuning struct {
	Name   string
	Loss   string   // one of losses.Names
	Freeze []string // patterns of weights that stay as they are: * is any text, ? any character
	Limit  int64    // bytes of any one tensor; ops.DefaultLimit where 0
	Digest string   // of the file, which a resumed run must find again
}

// FromModel makes a network of a model file, so that it can be trained on, and gives its weights. The first input takes the data's x, further
// ones the data's fields of their names, or what the file's metadata says that they are. The loss holds the first output against y where
// that has as many numbers a row, else against x where that has, and the other way round where the file's recipe says that the network
// reconstructs; class numbers become one-hot. What is trained is what [lowering.Weights] lists, but for what is frozen. A first axis of a
// fixed size becomes the batch where the graph allows it. The model keeps the file's graph as it is.
func FromModel(file *onnx.Model, data datasets.Info, o FineTuning) (*networks.Instance, map[string]*onnx.Tensor, error) {
	if _, err := ops.Check(file, o.Limit); err != nil {
		return nil, nil, err
	}
	t := &fineTuning{o: o, data: data, graph: file.Graph.Clone()}
	if len(t.graph.Opsets) == 0 {
		t.graph = ops.WithOpset1(t.graph)
	}
	t.graph.Inputs = t.graph.RequiredInputs()
	t.net = &networks.Instance{Name: o.Name, Fields: make(map[string]string),
		Recipe: networks.Recipe{Optimizer: "adam", Schedule: "constant", Epochs: 10, BatchSize: 32}}
	if err := t.describe(file); err != nil {
		return nil, nil, err
	}
	weights, err := t.weights()
	if err != nil {
		return nil, nil, err
	}
	if err := t.train(); err != nil {
		return nil, nil, err
	}
	t.net.Origin = fmt.Sprintf("file %s, loss %s, frozen %q", o.Digest, o.Loss, o.Freeze)
	return t.net, weights, nil
}

// fineTuning is a model file on its way to a network.
type fineTuning struct {
	o     FineTuning
	data  datasets.Info
	graph *onnx.Graph // the file's, its trained weights without data
	net   *networks.Instance
}

// describe takes over what the file says of itself, but for what every run says anew.
func (t *fineTuning) describe(file *onnx.Model) error {
	recipe, ok, err := features.Restore(file.Metadata)
	if err != nil {
		return err
	}
	if ok {
		t.net.Features = recipe
	}
	for _, e := range file.Metadata {
		name, set := strings.CutPrefix(e.Key, SettingPrefix)
		input, zeros := strings.CutPrefix(e.Key, backend.DefaultPrefix)
		switch {
		case set:
			t.net.Settings = append(t.net.Settings, networks.Setting{Name: name, Value: e.Value})
		case zeros:
			at := slices.IndexFunc(t.graph.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == input })
			if at < 0 || len(t.graph.Inputs[at].Type.Dims) == 0 {
				return fmt.Errorf("metadata %q: the model has no such input", e.Key)
			}
			draw := networks.Draw{Name: input}
			for _, d := range t.graph.Inputs[at].Type.Dims[1:] {
				draw.Dims = append(draw.Dims, d.Value)
			}
			t.net.Draws = append(t.net.Draws, draw)
		case e.Key == NetworkKey || !strings.HasPrefix(e.Key, ownPrefix):
			t.net.Metadata = append(t.net.Metadata, e)
		}
	}
	t.net.Metadata = append(t.net.Metadata, onnx.Entry{Key: LossKey, Value: t.o.Loss})
	return nil
}

// weights takes the data of what is trained out of the graph.
func (t *fineTuning) weights() (map[string]*onnx.Tensor, error) {
	g := t.graph
	if len(g.Inputs) == 0 || len(g.Outputs) == 0 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs; training needs one of each", len(g.Inputs), len(g.Outputs))
	}
	names, err := lowering.Weights(g, g.Outputs[0].Name, t.o.Limit)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the model has no float initializer that output %q depends on by gradients, so there is nothing to train", g.Outputs[0].Name)
	}
	frozen := make(map[string]bool)
	for _, pattern := range t.o.Freeze {
		found := false
		for _, name := range names {
			// No character of a name stands apart: * goes over slashes, too.
			match, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
			if err != nil {
				return nil, misuse("--freeze %s: the pattern is not one", pattern)
			}
			if match {
				frozen[name], found = true, true
			}
		}
		if !found {
			return nil, misuse("--freeze %s: no weight has such a name; there are %s", pattern, listed(names))
		}
	}
	if len(frozen) == len(names) {
		return nil, misuse("--freeze leaves nothing to train: the weights are %s", listed(names))
	}
	weights := make(map[string]*onnx.Tensor)
	t.net.Model = &graphs.Model{Graph: g}
	for _, w := range g.Initializers {
		if !slices.Contains(names, w.Name) || frozen[w.Name] {
			continue
		}
		own := *w
		own.Storage, own.External = onnx.StorageRaw, nil
		weights[w.Name] = &own
		w.Data, w.Storage, w.External = nil, onnx.StorageRaw, nil
		t.net.Model.Parameters = append(t.net.Model.Parameters, graphs.Parameter{Name: w.Name, Dims: w.Dims})
	}
	return weights, nil
}

// train makes the training graph: the file's, and behind it the loss.
func (t *fineTuning) train() error {
	g := t.graph.Clone()
	g.Name, g.ValueInfo = t.net.Name+" training", nil
	if err := t.inputs(g); err != nil {
		return err
	}
	if err := apart(g, networks.LossOutput, networks.PredictionOutput, targetInput); err != nil {
		return err
	}
	output := g.Outputs[0]
	g.Outputs = []*onnx.ValueInfo{{Name: output.Name, Type: onnx.UnrankedTensorType(output.Type.Elem)}}
	b, err := graphs.Extend(g)
	if err != nil {
		return err
	}
	y, _ := b.Value(output.Name)
	row, err := rowOf(y.Dims())
	if err != nil || y.Fact().Elem() != onnx.Float {
		return fmt.Errorf("output %q is %v in training, want float of rank 2 or more, its first axis the batch and the others of known sizes", t.graph.Outputs[0].Name, y.Fact().Type)
	}
	prediction := y.Identity()
	target, err := t.target(b, row)
	if err != nil {
		return err
	}
	loss, err := t.loss(prediction, target, row)
	if err != nil {
		return err
	}
	b.Output(networks.LossOutput, loss.Total)
	for _, term := range loss.Terms {
		b.Output(networks.TermPrefix+term.Name, term.Value)
		t.net.Terms = append(t.net.Terms, term.Name)
	}
	b.Output(networks.PredictionOutput, prediction)
	if t.net.Training, err = b.Model(); err != nil {
		return fmt.Errorf("loss %s of output %q: %w", t.o.Loss, t.graph.Outputs[0].Name, err)
	}
	// The file's own output is there as the prediction.
	made := t.net.Training.Graph
	made.Outputs = slices.DeleteFunc(made.Outputs, func(v *onnx.ValueInfo) bool { return v.Name == output.Name })
	t.net.Training.Parameters = t.net.Model.Parameters
	return nil
}

// targetInput is the training input that takes y.
const targetInput = "target"

// inputs ties the graph's inputs to the data and gives them the shapes of its rows, the first axis being the batch.
func (t *fineTuning) inputs(g *onnx.Graph) error {
	for i, v := range g.Inputs {
		if v.Type.Kind != onnx.KindTensor || len(v.Type.Dims) == 0 {
			return fmt.Errorf("input %q is %v, want a tensor whose first axis is the batch", v.Name, v.Type)
		}
		name := v.Name
		if i == 0 {
			name = datasets.FieldX
			t.net.Fields[v.Name] = name
		}
		field, at := t.data.Field(name)
		dims := slices.Clone(v.Type.Dims)
		dims[0] = onnx.Symbol(graphs.Batch)
		for k := range dims[1:] {
			if dims[k+1].Known() {
				continue
			}
			if at < 0 || len(field.Dims) != len(dims)-1 {
				return fmt.Errorf("input %q is %v, and no field %q of data %q says how long its axes are", v.Name, v.Type, name, t.data.Name)
			}
			dims[k+1] = onnx.Fixed(field.Dims[k])
		}
		g.Inputs[i] = &onnx.ValueInfo{Name: v.Name, Type: onnx.TensorType(v.Type.Elem, dims...)}
	}
	return nil
}

// rowOf gives the sizes of a row of a batch.
func rowOf(dims []onnx.Dim) ([]int64, error) {
	if len(dims) < 2 || dims[0].Param != graphs.Batch {
		return nil, errors.New("no batch")
	}
	var row []int64
	for _, d := range dims[1:] {
		if !d.Known() {
			return nil, errors.New("a size that is not known")
		}
		row = append(row, d.Value)
	}
	return row, nil
}

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
		numbers := t.input(b, onnx.Int64, batch)
		off := b.Const("one_hot_values", onnx.FromFloat32s([]float32{0, 1}, 2))
		return b.Op("OneHot", []graphs.Value{numbers, b.Const("one_hot_depth", onnx.Scalar64(row[0])), off}), nil
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
	own, err := rowOf(x.Dims())
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

// apart gives values that have one of these names another, so that training can have it. Names of inputs and initializers stay.
func apart(g *onnx.Graph, names ...string) error {
	values := make(map[string]bool)
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			values[name] = true
		}
	}
	fixed := make(map[string]bool)
	for _, v := range g.Inputs {
		fixed[v.Name] = true
	}
	for _, t := range g.Initializers {
		fixed[t.Name] = true
	}
	rename := make(map[string]string)
	for _, name := range names {
		if fixed[name] {
			return fmt.Errorf("an input or initializer is named %q, which training needs for itself; rename it", name)
		}
		if !values[name] {
			continue
		}
		to := name + "_of_model"
		for values[to] || fixed[to] {
			to += "_"
		}
		rename[name] = to
	}
	// Losses with terms have outputs of their own, all with the prefix.
	for name := range values {
		if strings.HasPrefix(name, networks.TermPrefix) {
			rename[name] = "model_" + name
		}
	}
	change := func(list []string) {
		for i, name := range list {
			if to, ok := rename[name]; ok {
				list[i] = to
			}
		}
	}
	for _, n := range g.Nodes {
		for _, a := range n.Attributes {
			if len(rename) > 0 && a.Subgraphs() != nil {
				return fmt.Errorf("a value is named as one that training needs for itself, beside a node with subgraphs; rename it")
			}
		}
		change(n.Inputs)
		change(n.Outputs)
	}
	for i, v := range g.Outputs {
		if to, ok := rename[v.Name]; ok {
			c := *v
			c.Name = to
			g.Outputs[i] = &c
		}
	}
	return nil
}
