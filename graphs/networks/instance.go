package networks

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx"
)

// build makes the model and the training graph of a network with one input x. loss is told the training graph's inputs: x, y where
// the instance has targets, clean where it has noise.
func (i *Instance) build(doc string, x []int64, network graphs.Layer, loss func(in map[string]graphs.Value, y graphs.Value) losses.Loss) error {
	m := graphs.New(i.Name)
	m.Doc(doc)
	m.Output("y", network(input(m, "x", x)))
	var err error
	if i.Model, err = m.Model(); err != nil {
		return err
	}
	t := graphs.New(i.Name + " training")
	in := map[string]graphs.Value{"x": input(t, "x", x)}
	if i.targets != nil {
		if len(i.targets) > 0 {
			in["y"] = input(t, "y", i.targets)
		} else {
			in["y"] = t.Input("y", onnx.Int64, onnx.Symbol(graphs.Batch))
		}
	}
	if i.Noise > 0 {
		in[CleanInput] = input(t, CleanInput, x)
	}
	y := network(in["x"])
	return i.train(t, y, loss(in, y))
}

// target gives what a network that reconstructs is held against.
func target(in map[string]graphs.Value) graphs.Value {
	if clean, ok := in[CleanInput]; ok {
		return clean
	}
	return in["x"]
}

// train finishes the training graph.
func (i *Instance) train(t *graphs.Builder, prediction graphs.Value, loss losses.Loss) error {
	t.Output(LossOutput, loss.Total)
	for _, term := range loss.Terms {
		t.Output(TermPrefix+term.Name, term.Value)
		i.Terms = append(i.Terms, term.Name)
	}
	t.Output(PredictionOutput, prediction)
	var err error
	i.Training, err = t.Model()
	return err
}

// part is a layer that becomes a model of its own.
type part struct {
	name   string
	x      []int64 // a row of its input x
	output string
	layer  graphs.Layer
}

func (i *Instance) parts(list ...part) error {
	for _, p := range list {
		b := graphs.New(i.Name + " " + p.name)
		b.Output(p.output, p.layer(input(b, "x", p.x)))
		m, err := b.Model()
		if err != nil {
			return err
		}
		i.Parts = append(i.Parts, Part{p.name, m})
	}
	return nil
}

// rowLen counts the numbers of a row.
func rowLen(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// pictureDims gives the shape of a row that is a picture: [channels, height, width], where a flat row of a square number is gray.
func pictureDims(d Data) ([]int64, error) {
	if len(d.X) == 3 {
		return d.X, nil
	}
	if len(d.X) == 1 {
		for side := int64(1); side*side <= d.X[0]; side++ {
			if side*side == d.X[0] {
				return []int64{1, side, side}, nil
			}
		}
	}
	return nil, fmt.Errorf("x is %v a row, want [channels, height, width]", d.X)
}
