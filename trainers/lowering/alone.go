package lowering

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"gorgonia.org/gorgonia"
)

// alone is a unit prepared to run on any machine, at the shapes that the graph is drawn with. It computes by the same steps
// as ours, into memory of its own.
type alone struct {
	call *call
	step step
	outs []*onnx.Tensor
	back []*onnx.Tensor // gradients that were made together
}

func (u *unit) prepared() (*alone, error) {
	if u.alone != nil {
		return u.alone, nil
	}
	c := u.call(u.p.facts)
	s, err := u.compile(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.place, err)
	}
	u.alone = &alone{call: c, step: s}
	return u.alone, nil
}

// take brings operands to the places of a node's inputs.
func take(n int, at []int, values []gorgonia.Value) ([]*onnx.Tensor, error) {
	in := make([]*onnx.Tensor, n)
	for c, i := range at {
		t, err := tensorOf(values[c])
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		in[i] = t
	}
	return in, nil
}

func (a *alone) forward(f *forward, values []gorgonia.Value) (gorgonia.Value, error) {
	u := f.u
	if f.pick {
		return valueOf(a.outs[f.k])
	}
	in, err := take(len(u.in), u.operands(), values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.place, err)
	}
	a.outs = make([]*onnx.Tensor, len(u.out))
	for k, v := range u.out {
		if v == nil {
			continue
		}
		if sizes, ok := a.call.out[k].Sizes(); ok {
			a.outs[k] = onnx.NewTensor(v.elem, sizes...)
		} else {
			a.outs[k] = &onnx.Tensor{Type: v.elem}
		}
	}
	private := make([]*onnx.Tensor, len(a.outs))
	for k, t := range a.outs {
		if t != nil {
			c := *t
			private[k] = &c
		}
	}
	if err := a.step.run(&work{in: in, out: private, scratch: onnx.AlignedBytes(a.step.scratch)}); err != nil {
		return nil, fmt.Errorf("%s: %w", u.place, err)
	}
	// A step may hand on memory of its inputs; another machine may write into what it is given.
	for k, t := range private {
		if t == nil {
			continue
		}
		if a.outs[k].Dims == nil {
			a.outs[k] = onnx.NewTensor(t.Type, t.Dims...)
		}
		copy(a.outs[k].Data, t.Data)
	}
	return valueOf(a.outs[f.k])
}

func (a *alone) backward(b *backward, values []gorgonia.Value) (gorgonia.Value, error) {
	u := b.u
	if b.pick > 0 {
		return valueOf(a.back[b.pick])
	}
	f := &frame{}
	var err error
	if f.in, err = take(len(u.in), b.reads, values); err != nil {
		return nil, fmt.Errorf("%s: %w", b.text, err)
	}
	if b.readsY {
		if f.y, err = tensorOf(values[len(b.reads)]); err != nil {
			return nil, fmt.Errorf("%s: %w", b.text, err)
		}
	}
	if f.dy, err = tensorOf(values[len(values)-1]); err != nil {
		return nil, fmt.Errorf("%s: %w", b.text, err)
	}
	f.dx = onnx.NewTensor(onnx.Float, u.source(b.i).dims...)
	if u.view {
		copy(f.dx.Data, f.dy.Data)
		return valueOf(f.dx)
	}
	c := *a.call
	c.k = b.k
	var g gradient
	if b.all != nil {
		a.back = []*onnx.Tensor{f.dx}
		for _, i := range b.all[1:] {
			a.back = append(a.back, onnx.NewTensor(onnx.Float, u.in[i].dims...))
		}
		f.all = a.back
		g, err = u.rule.together(&c, b.all)
	} else {
		g, err = u.rule.gradient(&c, b.i)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.text, err)
	}
	f.scratch = onnx.ElementsOf[float32](onnx.AlignedBytes(4 * g.scratch))
	g.run(f)
	return valueOf(f.dx)
}
