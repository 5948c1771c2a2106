package trainers

import (
	"context"
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// A network that is meant to overfit has done so when what its training loss lies above the lowest possible one has fallen to
// OverfitFraction of what it was in the first epoch. It has OverfitEpochs for it where nothing else is asked for.
const (
	OverfitFraction = 0.05
	OverfitEpochs   = 1000
)

// Overfit says whether a network learnt a few rows by heart. One that cannot has a mistake in it or in its data.
type Overfit struct {
	Rows        int
	First, Last float64 // training loss of the first epoch and of the last one
	// Floor is the lowest loss that predictions can have: 0, but for a cross-entropy against targets between 0 and 1, such as gray
	// pixels, the entropy of the targets.
	Floor   float64
	Epochs  int // taken
	Reached bool
}

// Left gives the fraction that is left of the first epoch's loss above the floor.
func (o *Overfit) Left() float64 { return (o.Last - o.Floor) / (o.First - o.Floor) }

// String says how it went.
func (o *Overfit) String() string {
	how := "the network learnt"
	if !o.Reached {
		how = "the network did not learn"
	}
	s := fmt.Sprintf("%s %d rows by heart: after %d epochs the training loss is %.6g, it was %.6g in the first", how, o.Rows, o.Epochs, o.Last, o.First)
	if o.Floor > 0 {
		s += fmt.Sprintf(", and cannot be lower than %.6g", o.Floor)
	}
	return s + fmt.Sprintf(": %.3g %% is left, want %g %% at most", 100*o.Left(), 100*OverfitFraction)
}

// overfitted judges the epochs so far; nil where nothing is to be overfitted or no epoch is finished.
func (f *fitting) overfitted() *Overfit {
	if f.o.Overfit == 0 || len(f.history) == 0 {
		return nil
	}
	o := &Overfit{Rows: f.train.Info().Rows, First: f.history[0].Train[0], Last: f.history[len(f.history)-1].Train[0],
		Floor: f.floor, Epochs: len(f.history)}
	o.Reached = len(f.history) > 1 && o.Last-o.Floor <= OverfitFraction*(o.First-o.Floor)
	return o
}

// lossFloor gives the loss of predictions that are what they are held against, averaged over the training rows: the loss's own nodes
// evaluated with the target in the place of the prediction. It is 0 where predictions are no likeness of the target; of a loss with
// terms the reconstruction alone counts.
func (f *fitting) lossFloor() (float64, error) {
	output := networks.LossOutput
	if f.net.Terms != nil {
		output = networks.TermPrefix + "reconstruction"
	}
	g, target := lossAlone(f.net, output)
	if g == nil {
		return 0, nil
	}
	m, err := backend.Compile(g, backend.Options{Kernels: f.set.String(), Threads: 1, MemoryLimit: f.o.MemoryLimit})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	names := f.net.Training.Graph.Inputs
	sum, count := 0.0, 0
	err = f.feed.each(0, func(inputs []*onnx.Tensor, rows []int) error {
		var in []onnx.Value
		for _, v := range g.Inputs {
			name := v.Name
			if name == networks.PredictionOutput {
				name = target
			}
			in = append(in, inputs[slices.IndexFunc(names, func(w *onnx.ValueInfo) bool { return w.Name == name })])
		}
		out, err := m.Run(context.Background(), in)
		if err != nil {
			return err
		}
		sum += float64(out[0].(*onnx.Tensor).Float32s()[0]) * float64(len(rows))
		count += len(rows)
		return nil
	})
	return sum / float64(max(count, 1)), err
}

// lossAlone cuts a training graph at its prediction, which becomes an input, and names the input that it is to be like. It gives nil
// where there is no such input, or where the output needs more of the network than its prediction.
func lossAlone(net *networks.Instance, output string) (g *onnx.Graph, target string) {
	g = net.Training.Graph.Clone()
	find := func(list []*onnx.ValueInfo, name string) *onnx.ValueInfo {
		at := slices.IndexFunc(list, func(v *onnx.ValueInfo) bool { return v.Name == name })
		if at < 0 {
			return nil
		}
		return list[at]
	}
	prediction, loss := find(g.Outputs, networks.PredictionOutput), find(g.Outputs, output)
	if prediction == nil || loss == nil {
		return nil, ""
	}
	for _, v := range g.Inputs {
		switch net.Field(v.Name) {
		case datasets.FieldY, networks.CleanInput:
			target = v.Name
		case datasets.FieldX:
			if target == "" {
				target = v.Name
			}
		}
	}
	like := find(g.Inputs, target)
	if like == nil || like.Type.Elem != prediction.Type.Elem || !slices.EqualFunc(like.Type.Dims, prediction.Type.Dims,
		func(a, b onnx.Dim) bool { return a.Value == b.Value && a.Known() == b.Known() }) {
		return nil, ""
	}
	read := map[string]bool{output: true}
	var kept []*onnx.Node
	for _, n := range slices.Backward(g.Nodes) {
		if slices.Contains(n.Outputs, networks.PredictionOutput) || !slices.ContainsFunc(n.Outputs, func(name string) bool { return read[name] }) {
			continue
		}
		kept = append(kept, n)
		ops.Reads(n, func(name string) { read[name] = true })
	}
	slices.Reverse(kept)
	g.Nodes, g.Outputs, g.ValueInfo = kept, []*onnx.ValueInfo{loss}, nil
	g.Inputs = slices.DeleteFunc(append(g.Inputs, prediction), func(v *onnx.ValueInfo) bool { return !read[v.Name] })
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *onnx.Tensor) bool { return !read[t.Name] })
	if !read[networks.PredictionOutput] || slices.ContainsFunc(g.Initializers, func(t *onnx.Tensor) bool { return !t.Bound() }) {
		return nil, ""
	}
	return g, target
}
