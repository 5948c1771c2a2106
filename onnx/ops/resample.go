package ops

import (
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// How Resize puts its result together, axis by axis; see resize.go.

// pickAxes copies the elements at the places of each axis; nil stands for all of them in order.
func pickAxes(y, x cells, places [][]int, dims, sizes []int64) {
	if count(dims) == 0 {
		return
	}
	from, at := Strides(sizes), 0
	last := len(places) // axes from here on are copied as they are
	for last > 0 && places[last-1] == nil {
		last--
	}
	block := count(dims[last:])
	var walk func(axis, src int)
	walk = func(axis, src int) {
		if axis == last {
			y.set(at, x, src, block)
			at += block
			return
		}
		for o := range int(dims[axis]) {
			i := o
			if places[axis] != nil {
				i = places[axis][o]
			}
			walk(axis+1, src+i*from[axis])
		}
	}
	walk(0, 0)
}

// resample makes one axis anew.
func resample(env *Env, v []float64, sizes []int64, axis int, table []taps) ([]float64, []int64, error) {
	out := slices.Clone(sizes)
	out[axis] = int64(len(table))
	if err := env.Fits(onnx.Double, out); err != nil {
		return nil, nil, err
	}
	y := make([]float64, count(out))
	block, n := count(sizes[axis+1:]), int(sizes[axis])
	for outer := range count(sizes[:axis]) {
		for o, t := range table {
			to := y[(outer*len(table)+o)*block:][:block]
			for k, at := range t.at {
				from, w := v[(outer*n+at)*block:][:block], t.weights[k]
				for i, x := range from {
					to[i] += w * x
				}
			}
		}
	}
	return y, out, nil
}

// summed makes the axes that change anew on the kernels, the last first: it is done for the fewest lines there.
func (r resize) summed(t Target, elem onnx.ElemType, axes []resizedAxis) (Step, bool) {
	if elem != onnx.Float {
		return Step{}, false
	}
	type pass struct {
		table           *kernels.Resampling
		outer, n, block int
	}
	var passes []pass
	sizes, most := make([]int64, len(axes)), 0
	for i, a := range axes {
		sizes[i] = a.in
	}
	for i := len(axes) - 1; i >= 0; i-- {
		a := axes[i]
		if a.in == a.out && a.scale == 1 && r.place != "tf_half_pixel_for_nn" {
			continue
		}
		table := &kernels.Resampling{Start: []int32{0}}
		for _, t := range r.taps(a) {
			for k, at := range t.at {
				table.At, table.Weights = append(table.At, int32(at)), append(table.Weights, float32(t.weights[k]))
			}
			table.Start = append(table.Start, int32(len(table.At)))
		}
		passes = append(passes, pass{table, count(sizes[:i]), int(a.in), count(sizes[i+1:])})
		if sizes[i] = a.out; i > 0 {
			most = max(most, count(sizes))
		}
	}
	if len(passes) == 0 || count(sizes) == 0 {
		return Step{}, false
	}
	if len(passes) == 1 {
		most = 0
	}
	most = (most + 15) &^ 15
	return Step{Scratch: 2 * 4 * most, Run: func(f *Frame) error {
		x, scratch := f.In[0].Float32s(), f.ScratchFloats()
		for i, p := range passes {
			y := f.Out[0].Float32s()
			if i < len(passes)-1 {
				y = scratch[i%2*most:][:p.outer*(len(p.table.Start)-1)*p.block]
			}
			t.Set.Resample(t.Pool, p.table, y, x, p.outer, p.n, p.block)
			x = y
		}
		return nil
	}}, true
}

// extrapolate puts extrapolation_value where an axis is beyond the input.
func (r resize) extrapolate(v []float64, dims []int64, tables [][]taps) {
	for axis, table := range tables {
		block := count(dims[axis+1:])
		for i := range v {
			if table != nil && table[i/block%len(table)].outside {
				v[i] = r.extrapolation
			}
		}
	}
}

// widened gives the elements of a tensor of numbers as float64.
func widened(env *Env, t *onnx.Tensor) ([]float64, error) {
	if err := env.Fits(onnx.Double, t.Dims); err != nil {
		return nil, err
	}
	v := make([]float64, t.Len())
	switch t.Type {
	case onnx.Float:
		for i, x := range t.Float32s() {
			v[i] = float64(x)
		}
	case onnx.Double:
		copy(v, t.Float64s())
	default:
		w, err := wholeNumbers(t)
		if err != nil {
			return nil, err
		}
		for i, x := range w {
			v[i] = float64(x)
		}
	}
	return v, nil
}

// narrowed makes a tensor of an element type, integers cut off behind the point and held to the type's range.
func narrowed(env *Env, elem onnx.ElemType, v []float64, dims []int64) (*onnx.Tensor, error) {
	y, err := env.New(elem, dims...)
	if err != nil {
		return nil, err
	}
	switch elem {
	case onnx.Float:
		for i, out := 0, y.Float32s(); i < len(out); i++ {
			out[i] = float32(v[i])
		}
	case onnx.Double:
		copy(y.Float64s(), v)
	case onnx.Int8:
		narrowTo[int8](y, v, math.MinInt8, math.MaxInt8)
	case onnx.Int16:
		narrowTo[int16](y, v, math.MinInt16, math.MaxInt16)
	case onnx.Int32:
		narrowTo[int32](y, v, math.MinInt32, math.MaxInt32)
	case onnx.Int64:
		narrowTo[int64](y, v, math.MinInt64, math.MaxInt64)
	case onnx.Uint8:
		narrowTo[uint8](y, v, 0, math.MaxUint8)
	case onnx.Uint16:
		narrowTo[uint16](y, v, 0, math.MaxUint16)
	case onnx.Uint32:
		narrowTo[uint32](y, v, 0, math.MaxUint32)
	default:
		return nil, unsupported(elem)
	}
	return y, nil
}

func narrowTo[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](y *onnx.Tensor, v []float64, least, most int64) {
	for i, out := 0, onnx.View[T](y); i < len(out); i++ {
		out[i] = T(min(max(wholeFloat(v[i]), least), most))
	}
}
