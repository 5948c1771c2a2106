package trainers

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
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
	row, err := rowSizes(y.Dims())
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

// rowSizes gives the sizes of a row of a batch.
func rowSizes(dims []onnx.Dim) ([]int64, error) {
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
