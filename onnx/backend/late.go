package backend

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// leastLate is how many elements the largest input of a step has for which a fast way is looked for while the model runs.
const leastLate = 1024

// mostLate is up to how many whole numbers of an input are taken as sizes or axes, which say what shape comes out.
const mostLate = 64

// late runs a step by its fast way for the shapes at hand, where a plan could not know them because data decide what comes before: how many
// elements are not zero, how long a sequence is. ok says whether there is such a way; else nothing has happened.
func (r *run) late(p *Plan, s *step, in []onnx.Value) (out []onnx.Value, ok bool, err error) {
	meaning := p.eval.Op(s.node)
	if _, is := meaning.(ops.Specializer); !is || len(s.around) > 0 {
		return nil, false, nil
	}
	frame := ops.Frame{In: make([]*onnx.Tensor, len(in)), Out: make([]*onnx.Tensor, len(s.out))}
	shapes, known, consts := make([]ops.Fact, len(in)), make([]ops.Fact, len(in)), make([]*onnx.Tensor, len(in))
	largest := 0
	for i, v := range in {
		if s.in[i] < 0 {
			continue
		}
		t, is := v.(*onnx.Tensor)
		if !is || t.Type.Bits() < 8 || t.Len() == 0 {
			return nil, false, nil
		}
		frame.In[i], consts[i] = t, p.values[s.in[i]].constant
		shapes[i] = ops.Fact{Type: onnx.TypeOf(t)}
		known[i] = shapes[i]
		if t.Type == onnx.Int64 && t.Len() <= mostLate {
			known[i] = ops.Known(t)
		}
		if consts[i] != nil {
			shapes[i] = p.values[s.in[i]].fact
		}
		largest = max(largest, t.Len())
	}
	if largest < leastLate {
		return nil, false, nil
	}
	if r.table == nil {
		r.table = ops.NewTable()
	}
	facts, err := ops.InferNode(r.table, s.node, known)
	if err != nil {
		return nil, false, nil // what is wrong is for Eval to say
	}
	out = make([]onnx.Value, len(s.out))
	for i, k := range s.out {
		if k < 0 {
			continue
		}
		sizes, sized := facts[i].Sizes()
		if !sized || facts[i].Type.Kind != onnx.KindTensor || facts[i].Elem().Bits() < 8 {
			return nil, false, nil
		}
		bytes, err := onnx.ByteSize(facts[i].Elem(), sizes)
		if err != nil || bytes == 0 || bytes > p.model.options.limit() {
			return nil, false, nil
		}
		frame.Out[i] = onnx.NewTensor(facts[i].Elem(), sizes...)
		out[i] = frame.Out[i]
	}
	fast := p.model.packs.specialize(p.model.target, meaning, s.node, shapes, consts)
	if fast == nil {
		return nil, false, nil
	}
	frame.Scratch, frame.Kept = onnx.AlignedBytes(fast.Scratch), onnx.AlignedBytes(fast.Kept)
	if fast.Own != nil {
		frame.Own = fast.Own()
	}
	return out, true, fast.Run(&frame)
}
