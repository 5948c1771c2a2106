package backend

import (
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// leastLate is how many elements the largest input of a step has for which a fast way is looked for while the model runs.
const leastLate = 1024

// mostLate is up to how many whole numbers of an input are taken as sizes or axes, which say what shape comes out.
const mostLate = 64

// lateForm is what was found for a step at the shapes it had last.
type lateForm struct {
	in   []ops.Fact // types and, of few whole numbers, values
	fast *ops.Step  // nil where there is no fast way
	out  []ops.Fact
}

// late runs a step by its fast way for the shapes at hand, where a plan could not know them because data decide what comes before: how many
// elements are not zero, how long a sequence is. ok says whether there is such a way; else nothing has happened.
func (r *run) late(p *Plan, s *step, in []onnx.Value) (out []onnx.Value, ok bool, err error) {
	if _, is := p.eval.Op(s.node).(ops.Specializer); !is || len(s.around) > 0 {
		return nil, false, nil
	}
	frame := ops.Frame{In: make([]*onnx.Tensor, len(in)), Out: make([]*onnx.Tensor, len(s.out))}
	largest := 0
	for i, v := range in {
		if s.in[i] < 0 {
			continue
		}
		t, is := v.(*onnx.Tensor)
		if !is || t.Type.Bits() < 8 || t.Len() == 0 {
			return nil, false, nil
		}
		frame.In[i] = t
		largest = max(largest, t.Len())
	}
	if largest < leastLate {
		return nil, false, nil
	}
	form := r.forms[s]
	if form == nil || !form.suits(frame.In) {
		if r.forms == nil {
			r.forms, r.table = make(map[*step]*lateForm), ops.NewTable()
		}
		form = r.form(p, s, frame.In)
		r.forms[s] = form
	}
	if form.fast == nil {
		return nil, false, nil
	}
	out = make([]onnx.Value, len(s.out))
	for i, k := range s.out {
		if k >= 0 {
			sizes, _ := form.out[i].Sizes()
			frame.Out[i] = onnx.NewTensor(form.out[i].Elem(), sizes...)
			out[i] = frame.Out[i]
		}
	}
	frame.Scratch, frame.Kept = onnx.AlignedBytes(form.fast.Scratch), onnx.AlignedBytes(form.fast.Kept)
	if form.fast.Own != nil {
		frame.Own = form.fast.Own()
	}
	return out, true, form.fast.Run(&frame)
}

// suits says whether inputs are what the form was made for.
func (f *lateForm) suits(in []*onnx.Tensor) bool {
	for i, t := range in {
		if t == nil {
			continue
		}
		was := &f.in[i]
		if was.Elem() != t.Type || len(was.Dims()) != len(t.Dims) || was.Value != nil && !slices.Equal(was.Value.Int64s(), t.Int64s()) {
			return false
		}
		for axis, d := range was.Dims() {
			if d.Value != t.Dims[axis] {
				return false
			}
		}
	}
	return true
}

// form looks for the fast way of a step for inputs. What is wrong with them is for Eval to say.
func (r *run) form(p *Plan, s *step, in []*onnx.Tensor) *lateForm {
	f := &lateForm{in: make([]ops.Fact, len(in))}
	shapes, consts := make([]ops.Fact, len(in)), make([]*onnx.Tensor, len(in))
	for i, t := range in {
		if t == nil {
			continue
		}
		shapes[i] = ops.Fact{Type: onnx.TypeOf(t)}
		f.in[i] = shapes[i]
		if t.Type == onnx.Int64 && t.Len() <= mostLate {
			f.in[i] = ops.Known(copyTensor(t))
		}
		if consts[i] = p.values[s.in[i]].constant; consts[i] != nil {
			shapes[i] = p.values[s.in[i]].fact
		}
	}
	var err error
	if f.out, err = ops.InferNode(r.table, s.node, f.in); err != nil {
		return f
	}
	for i, k := range s.out {
		sizes, sized := f.out[i].Sizes()
		if k < 0 {
			continue
		}
		if !sized || f.out[i].Type.Kind != onnx.KindTensor || f.out[i].Elem().Bits() < 8 {
			return f
		}
		if bytes, err := onnx.ByteSize(f.out[i].Elem(), sizes); err != nil || bytes == 0 || bytes > p.model.options.limit() {
			return f
		}
	}
	f.fast = p.model.packs.specialize(p.model.target, p.eval.Op(s.node), s.node, shapes, consts)
	return f
}
