package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// DFT: the discrete Fourier transform along an axis. input [batch, d…, 1] of real or [batch, d…, 2] of complex numbers, dft_length n
// of one element, the axis's length where absent, to which the axis is cut or filled with zeros; axis of one element, -2 where absent
// → output [batch, d…, 2], the axis of n. inverse: backward, divided by n. onesided: forward the first n/2+1 of a real input, whose
// others mirror them; backward from these to real numbers, [batch, d…, 1], n being twice their count less 2 where dft_length is absent.
// 17: axis is an attribute, 1 by default · 20: an input, -2 by default.
// https://onnx.ai/onnx/operators/onnx__DFT.html

func dftFamily() []Meaning {
	return []Meaning{{
		Name: "DFT", Class: Rounds,
		New: func(a *Attrs) Op {
			return dft{inverse: a.Bool("inverse"), onesided: a.Bool("onesided")}
		},
		Upgrade: map[int64]Rewrite{20: dftUp20}, Downgrade: map[int64]Rewrite{20: dftDown20},
	}}
}

type dft struct{ inverse, onesided bool }

// maxTransform bounds the length of one transform, whose tables take some multiples of it.
const maxTransform = 1 << 22

func (d dft) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	for i, what := range []string{"dft_length", "axis"} {
		if len(in) > i+1 && !in[i+1].Absent() {
			if err := wantOne(in[i+1], what); err != nil {
				return nil, err
			}
		}
	}
	if !x.Ranked() {
		return []Fact{Unranked(x.Elem())}, nil
	}
	last := x.Rank() - 1
	if last < 1 {
		return nil, fmt.Errorf("input has %d axes, want [batch, d…, 1 or 2]", x.Rank())
	}
	parts := x.Dims()[last]
	if parts.Known() && parts.Value != 1 && parts.Value != 2 {
		return nil, fmt.Errorf("the last axis of input is %d, want 1 for real or 2 for complex numbers", parts.Value)
	}
	if d.onesided && !d.inverse && parts.Known() && parts.Value == 2 {
		return nil, fmt.Errorf("onesided is for real numbers, the input is complex")
	}
	dims := unknownDims(x.Rank())
	dims[last] = onnx.Fixed(2)
	if d.onesided && d.inverse {
		dims[last] = onnx.Fixed(1)
	}
	at := int64(-2)
	if len(in) > 2 && !in[2].Absent() {
		list, ok := in[2].KnownInts()
		if !ok {
			return []Fact{Tensor(x.Elem(), dims...)}, nil
		}
		at = list[0]
	}
	axis, err := Axis(at, x.Rank())
	if err != nil {
		return nil, fmt.Errorf("axis: %w", err)
	}
	if axis == last {
		return nil, fmt.Errorf("axis %d is that of the parts of a number", at)
	}
	copy(dims[:last], x.Dims()[:last])
	dims[axis] = onnx.UnknownDim()
	n, known := int64(0), false
	if len(in) > 1 && !in[1].Absent() {
		var list []int64
		if list, known = in[1].KnownInts(); known {
			n = list[0]
		}
	} else if size := x.Dims()[axis]; size.Known() {
		n, known = d.length(size.Value), true
	}
	if known {
		if n < 1 || n > maxTransform {
			return nil, fmt.Errorf("the transform has a length of %d, want 1 to %d", n, maxTransform)
		}
		dims[axis] = onnx.Fixed(n)
		if d.onesided && !d.inverse {
			dims[axis] = onnx.Fixed(n/2 + 1)
		}
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

// length is that of the transform of an axis where no other is given.
func (d dft) length(size int64) int64 {
	if d.onesided && d.inverse {
		return 2 * (size - 1)
	}
	return size
}

func (d dft) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	if isHalf(x.Type) {
		return throughFloat(env, d, in)
	}
	out, err := d.Infer(env, factsOf(in))
	if err != nil {
		return nil, err
	}
	sizes, _ := out[0].Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	axis := len(x.Dims) - 2
	if len(t) > 2 && t[2] != nil {
		list, _ := IntsOf(t[2])
		axis, _ = Axis(list[0], len(x.Dims))
	}
	length := d.length(x.Dims[axis])
	if len(t) > 1 && t[1] != nil {
		list, _ := IntsOf(t[1])
		length = list[0]
	}
	d.lines(y, x, axis, int(length))
	return []onnx.Value{y}, nil
}

// lines transforms the lines along an axis.
func (d dft) lines(y, x *onnx.Tensor, axis, n int) {
	read, put := floatReader(x), floatWriter(y)
	last := len(x.Dims) - 1
	from, to := int(x.Dims[axis]), int(y.Dims[axis])
	parts, gives := int(x.Dims[last]), int(y.Dims[last])
	inner := count(x.Dims[axis+1 : last])
	f := newFourier(n)
	line, spectrum := make([]complex128, n), make([]complex128, n)
	for o := range count(x.Dims[:axis]) {
		for i := range inner {
			clear(line)
			for k := range min(from, n) {
				at := ((o*from+k)*inner + i) * parts
				if line[k] = complex(read(at), 0); parts == 2 {
					line[k] = complex(read(at), read(at+1))
				}
			}
			if d.onesided && d.inverse { // the other side mirrors this one
				for k := n/2 + 1; k < n; k++ {
					line[k] = conj(line[n-k])
				}
			}
			f.transform(spectrum, line, d.inverse)
			scale := 1.0
			if d.inverse {
				scale = 1 / float64(n)
			}
			for k := range to {
				at := ((o*to+k)*inner + i) * gives
				put(at, real(spectrum[k])*scale)
				if gives == 2 {
					put(at+1, imag(spectrum[k])*scale)
				}
			}
		}
	}
}

func dftUp20(r *Rewriter) error {
	axis := int64(1)
	if a := r.Take("axis"); a != nil {
		axis = a.Int
	}
	r.SetInput(2, r.Const("axis", onnx.Scalar64(axis)))
	return r.Keep()
}

func dftDown20(r *Rewriter) error {
	axis := int64(-2)
	if r.Input(2) != "" {
		v, ok := r.Fact(2).KnownInts()
		if !ok || len(v) != 1 {
			return fmt.Errorf("axis must be a constant there")
		}
		axis = v[0]
	}
	r.Node.Inputs = r.Node.Inputs[:min(2, len(r.Node.Inputs))]
	r.TrimInputs()
	r.Set(onnx.AttrInt("axis", axis))
	return r.Keep()
}
