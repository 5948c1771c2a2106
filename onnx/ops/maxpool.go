package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// MaxPool: the greatest element of every window, NaN where one of them is; padding never counts. Indices are where it stands
// in the whole of X, counted row by row, or column by column within a plane for storage_order 1.
// X float or int8, uint8 [batch, channels, spatial…] → Y [batch, channels, out…], Indices int64 of the same shape.
// 1: first · 8: Indices, storage_order · 10: ceil_mode, dilations · 11: strides default to 1 in words, too · 12, 22: types.
// https://onnx.ai/onnx/operators/onnx__MaxPool.html

func maxPoolFamily() []Meaning {
	return []Meaning{{
		Name: "MaxPool", Class: Exact, New: newMaxPool,
		Downgrade: map[int64]Rewrite{8: maxPoolDown8, 10: both(plainDilations, dropFlags("ceil_mode"))},
	}}
}

type maxPool struct {
	window
	column  bool // indices count column by column
	indices bool
}

func newMaxPool(a *Attrs) Op {
	order := a.Int("storage_order")
	if order != 0 && order != 1 {
		a.Fail("attribute \"storage_order\" is %d, want 0 or 1", order)
	}
	return maxPool{window: readPool(a), column: order == 1, indices: a.Wants(1)}
}

func (m maxPool) Infer(_ *Env, in []Fact) ([]Fact, error) {
	y, err := m.inferPool(in[0])
	if err != nil {
		return nil, err
	}
	if !m.indices {
		return []Fact{y}, nil
	}
	indices := Fact{Type: y.Type}
	indices.Type.Elem = onnx.Int64
	return []Fact{y, indices}, nil
}

func (m maxPool) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, m, in)
	}
	w, dims, err := m.pooled(FactOf(x))
	if err != nil {
		return nil, err
	}
	m.window = w
	sizes, _ := Tensor(x.Type, dims...).Sizes()
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	var at *onnx.Tensor
	if m.indices {
		if at, err = env.New(onnx.Int64, sizes...); err != nil {
			return nil, err
		}
	}
	switch x.Type {
	case onnx.Float:
		poolMax(m, x, y, at, float32(math.Inf(-1)))
	case onnx.Double:
		poolMax(m, x, y, at, math.Inf(-1))
	case onnx.Int8:
		poolMax(m, x, y, at, int8(math.MinInt8))
	case onnx.Uint8:
		poolMax(m, x, y, at, uint8(0))
	default:
		return nil, unsupported(x.Type)
	}
	if !m.indices {
		return []onnx.Value{y}, nil
	}
	return []onnx.Value{y, at}, nil
}

func poolMax[T float32 | float64 | int8 | uint8](m maxPool, xt, yt, at *onnx.Tensor, least T) {
	x, y := onnx.View[T](xt), onnx.View[T](yt)
	in, out := xt.Dims[2:], yt.Dims[2:]
	n, planes := count(in), count(xt.Dims[:2])
	m.visit(in, out, func(place int, seen []int, _ float64) {
		for plane := range planes {
			best, where := least, -1
			for _, i := range seen {
				if v := x[plane*n+i]; where < 0 || v > best || v != v {
					best, where = v, i
				}
			}
			k := plane*count(out) + place
			y[k] = best
			switch {
			case at == nil:
			case where < 0:
				at.Int64s()[k] = -1
			default:
				at.Int64s()[k] = int64(plane*n + m.index(where, in))
			}
		}
	})
}

// index is the number of a place in a plane, which row by row is at.
func (m maxPool) index(at int, dims []int64) int {
	if !m.column {
		return at
	}
	index, step := 0, 1
	steps := Strides(dims)
	for i, s := range steps {
		index += at / s % int(dims[i]) * step
		step *= int(dims[i])
	}
	return index
}

// Specialize runs two-dimensional poolings of floats and bytes without indices on the kernels.
func (m maxPool) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	if isByte(in[0].Elem()) && !m.indices {
		return m.specializeBytes(t, in[0])
	}
	shape, ok := m.kernelPool(in[0])
	if !ok || m.indices {
		return Step{}, false
	}
	one := shape // image
	one.Planes = int(in[0].Dims()[1].Value)
	return Step{Stage: staged(kernels.Stage{Pool: &one}), Run: func(f *Frame) error {
		t.Set.MaxPool(t.Pool, shape, f.In[0].Float32s(), f.Out[0].Float32s(), nil)
		return nil
	}}, true
}

func maxPoolDown8(r *Rewriter) error {
	if len(r.Node.Outputs) > 1 && r.Node.Outputs[1] != "" {
		return fmt.Errorf("output 1 (Indices) is not there yet")
	}
	r.Node.Outputs = r.Node.Outputs[:1]
	r.Take("storage_order")
	return r.Keep()
}
