package trainers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// EvaluateOptions says how a model file is measured.
type EvaluateOptions struct {
	BatchSize int             // rows run together
	Seed      uint64          // of noise that inputs get or are drawn from
	Loss      string          // of losses.Names; where empty what the file says, else that of its network in the catalogue
	Backend   backend.Options // how the loss is run
}

// Evaluate measures a loaded model file on all rows of a data set. The file's outputs are the plan's, held against y by the task that the
// file's recipe says. The losses are those of the network's loss behind the file's graph, with its weights: the file names the network or the
// loss. Where it does neither, or is not the network that it names, there are no losses and the note says why. The caller fills in Path
// and Data.
func Evaluate(ctx context.Context, m *backend.Model, data datasets.Dataset, o EvaluateOptions) (*Evaluation, error) {
	info := data.Info()
	if in := m.Inputs(); len(in) > 0 && len(in[0].Type.Dims) > 0 && in[0].Type.Dims[0].Known() {
		o.BatchSize = int(in[0].Type.Dims[0].Value) // it takes no other
	}
	e := &evaluator{model: m, data: data}
	var note string
	var err error
	if e.net, note, err = measured(m.File, info, o); err != nil {
		return nil, err
	}
	if e.net.Training.Graph.Outputs != nil {
		bound, err := bindFile(e.net.Training.Graph, m.File.Graph)
		if err != nil {
			return nil, err
		}
		if e.loss, err = backend.Compile(bound, o.Backend); err != nil {
			return nil, err
		}
		defer e.loss.Close()
	}
	if e.feed, err = newFeed(e.net, data, Options{BatchSize: max(1, o.BatchSize), Seed: o.Seed, NoShuffle: true}, heldOutStream); err != nil {
		return nil, err
	}
	measures, err := e.run(ctx)
	if err != nil {
		return nil, err
	}
	made := tell(measures, e.net.Terms, e.net.Features)
	made.Note, made.Kernels = note, m.Kernels()
	made.DataDigest, err = data.Digest()
	return made, err
}

// evaluator measures a model file.
type evaluator struct {
	model *backend.Model
	loss  *backend.Model // the training graph with the file's weights; nil where the loss is not known
	net   *networks.Instance
	data  datasets.Dataset
	feed  *feed
}

func (e *evaluator) run(ctx context.Context) (*Measures, error) {
	m := &Measures{}
	if e.loss != nil {
		m.Losses = make([]float64, 1+len(e.net.Terms))
	}
	inputs := e.net.Training.Graph.Inputs
	target := slices.IndexFunc(inputs, func(v *onnx.ValueInfo) bool { return e.net.Field(v.Name) == datasets.FieldY })
	var judge *judge
	if target >= 0 {
		judge = newJudge(e.net.Features)
	}
	err := e.feed.each(0, func(batch []*onnx.Tensor, rows []int) error {
		in := make([]onnx.Value, len(e.model.Inputs()))
		for i, v := range e.model.Inputs() {
			if at := slices.IndexFunc(inputs, func(w *onnx.ValueInfo) bool { return w.Name == v.Name }); at >= 0 {
				in[i] = batch[at]
			}
		}
		out, err := e.model.Run(ctx, in)
		if err != nil {
			return err
		}
		m.Rows += len(rows)
		if judge != nil {
			y, ok := out[0].(*onnx.Tensor)
			if !ok || y.Type != onnx.Float || len(y.Dims) == 0 || y.Dims[0] != int64(len(rows)) {
				return fmt.Errorf("output %q is %v, want float with a row for each of %d", e.model.Outputs()[0].Name, onnx.TypeOf(out[0]), len(rows))
			}
			if err := judge.add(y, batch[target]); err != nil {
				return err
			}
		}
		if e.loss == nil {
			return nil
		}
		all := make([]onnx.Value, len(batch))
		for i, t := range batch {
			all[i] = t
		}
		losses, err := e.loss.Run(ctx, all)
		if err != nil {
			return err
		}
		for i := range m.Losses { // the loss and its terms come first
			m.Losses[i] += float64(losses[i].(*onnx.Tensor).Float32s()[0]) * float64(len(rows))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m.Rows == 0 {
		return nil, fmt.Errorf("data %q has no rows to measure on", e.data.Info().Name)
	}
	for i := range m.Losses {
		m.Losses[i] /= float64(m.Rows)
	}
	if judge != nil {
		judge.into(m)
	}
	return m, nil
}

// measured gives the network of a file with its loss; its training graph has no outputs where there is none, and the note says why.
func measured(file *onnx.Model, info datasets.Info, o EvaluateOptions) (net *networks.Instance, note string, err error) {
	loss := o.Loss
	if loss == "" {
		loss, _ = file.Meta(LossKey)
	}
	if loss != "" {
		if net, _, err = FromModel(file, info, FineTuning{Name: "the model", Loss: loss, Limit: o.Backend.MemoryLimit}); err == nil || o.Loss != "" {
			return net, "", err
		}
		note = err.Error()
	}
	if name, there := file.Meta(NetworkKey); there && note == "" {
		if net, err = catalogued(file, name, info); err == nil {
			return net, "", nil
		}
		note = err.Error()
	}
	if note == "" {
		note = "the file names neither its network nor its loss; --loss does"
	}
	net, err = plain(file, info)
	return net, "no loss: " + note, err
}

// catalogued builds the network of the catalogue that a file says it is, and makes sure of it.
func catalogued(file *onnx.Model, name string, info datasets.Info) (*networks.Instance, error) {
	network, err := networks.Find(name)
	if err != nil {
		return nil, err
	}
	set := make(map[string]string)
	for _, e := range file.Metadata {
		if option, ok := strings.CutPrefix(e.Key, SettingPrefix); ok {
			set[option] = e.Value
		}
	}
	data := describe(info)
	if recipe, ok, err := features.Restore(file.Metadata); err != nil {
		return nil, err
	} else if ok {
		data.Recipe = recipe
	}
	net, err := network.Build(networks.NewSettings(network.Options, set), data)
	if err != nil {
		return nil, fmt.Errorf("the file is of network %q, which does not fit the data: %w", name, err)
	}
	bound, err := bindFile(net.Model.Graph, file.Graph)
	if err != nil {
		return nil, fmt.Errorf("the file is not the network %q that it says it is: %w", name, err)
	}
	difference, err := graphs.Diff(bound, file.Graph)
	if err == nil && difference != "" {
		err = errors.New(difference)
	}
	if err != nil {
		return nil, fmt.Errorf("the file is not the network %q that it says it is: %w", name, err)
	}
	return net, nil
}

// bindFile binds a graph's parameters to a file's initializers of their names.
func bindFile(g, file *onnx.Graph) (*onnx.Graph, error) {
	weights := make(map[string]*onnx.Tensor)
	for _, t := range g.Initializers {
		if t.Bound() {
			continue
		}
		if w := file.Initializer(t.Name); w != nil {
			weights[t.Name] = w
		}
	}
	return graphs.Bind(g, weights)
}

// plain is a network of which nothing is known but its inputs and what the file says of its task.
func plain(file *onnx.Model, info datasets.Info) (*networks.Instance, error) {
	t := &fineTuning{data: info, graph: file.Graph.Clone(), net: &networks.Instance{Name: "the model", Fields: make(map[string]string)}}
	t.graph.Inputs = t.graph.RequiredInputs()
	if len(t.graph.Inputs) == 0 || len(t.graph.Outputs) == 0 {
		return nil, fmt.Errorf("the model has %d inputs and %d outputs, want one of each", len(t.graph.Inputs), len(t.graph.Outputs))
	}
	if err := t.describe(file); err != nil {
		return nil, err
	}
	g := &onnx.Graph{Inputs: slices.Clone(t.graph.Inputs)}
	if err := t.inputs(g); err != nil {
		return nil, err
	}
	if y, at := info.Field(datasets.FieldY); at >= 0 && metricNames(t.net.Features) != nil {
		dims := append([]onnx.Dim{onnx.Symbol(graphs.Batch)}, onnx.FixedDims(y.Dims...)...)
		t.net.Fields[targetInput] = datasets.FieldY
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: targetInput, Type: onnx.TensorType(y.Elem, dims...)})
	}
	t.net.Training = &graphs.Model{Graph: g}
	return t.net, nil
}
