package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// Range: start, start+delta, start+2·delta, … before limit. All three numbers of one type and one element → [n] with
// n = max(ceil((limit-start)/delta), 0). stash_type is the type that float16 and bfloat16 are added up in.
// 11: first · 27: stash_type, float16, bfloat16.
// https://onnx.ai/onnx/operators/onnx__Range.html

func rangeFamily() []Meaning {
	return []Meaning{{Name: "Range", Class: Rounds, New: newRange}}
}

type counting struct{}

func newRange(a *Attrs) Op {
	a.Int("stash_type")
	return counting{}
}

func (c counting) Infer(_ *Env, in []Fact) ([]Fact, error) {
	for i, what := range []string{"start", "limit", "delta"} {
		if err := wantOne(in[i], what); err != nil {
			return nil, err
		}
	}
	start, limit, delta := in[0].Value, in[1].Value, in[2].Value
	size := onnx.UnknownDim()
	switch {
	case start != nil && limit != nil && delta != nil:
		n, err := c.len(start, limit, delta)
		if err != nil && start.Type != onnx.Float16 && start.Type != onnx.BFloat16 {
			return nil, err
		}
		if err == nil {
			size = onnx.Fixed(n)
		}
	case start != nil && delta != nil:
		// From 0 in steps of 1 it is as long as the limit says, which may be a symbol.
		from, ok := in[0].KnownInts()
		by, ok2 := in[2].KnownInts()
		to, ok3 := elemsOf(in[1])
		if ok && ok2 && ok3 && from[0] == 0 && by[0] == 1 && len(to) == 1 {
			size = to[0]
		}
	}
	return []Fact{Tensor(in[0].Elem(), size)}, nil
}

// len counts the numbers, or fails where they never end.
func (counting) len(start, limit, delta *onnx.Tensor) (int64, error) {
	const most = 1 << 40
	if start.Type == onnx.Float || start.Type == onnx.Double {
		from, _ := oneNumber(start)
		to, _ := oneNumber(limit)
		by, _ := oneNumber(delta)
		n := math.Ceil((to - from) / by)
		if by == 0 || n != n || n > most {
			return 0, fmt.Errorf("from %v to %v in steps of %v is no range", from, to, by)
		}
		return int64(max(n, 0)), nil
	}
	var v [3]int64
	for i, t := range []*onnx.Tensor{start, limit, delta} {
		w, err := wholeNumbers(t)
		if err != nil {
			return 0, err
		}
		v[i] = w[0]
	}
	from, to, by := v[0], v[1], v[2]
	n := uint64(0)
	switch {
	case by == 0:
		return 0, fmt.Errorf("from %d to %d in steps of 0 is no range", from, to)
	case by > 0 && to > from:
		n = (uint64(to)-uint64(from)-1)/uint64(by) + 1
	case by < 0 && to < from:
		n = (uint64(from)-uint64(to)-1)/(-uint64(by)) + 1
	}
	if n > most {
		return 0, fmt.Errorf("from %d to %d in steps of %d are %d numbers, too many", from, to, by, n)
	}
	return int64(n), nil
}

func (c counting) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	start, limit, delta := in[0].(*onnx.Tensor), in[1].(*onnx.Tensor), in[2].(*onnx.Tensor)
	if isHalf(start.Type) {
		return throughFloat(env, c, in)
	}
	n, err := c.len(start, limit, delta)
	if err != nil {
		return nil, err
	}
	y, err := env.New(start.Type, n)
	if err != nil {
		return nil, err
	}
	switch start.Type {
	case onnx.Float:
		from, by := float64(start.Float32s()[0]), float64(delta.Float32s()[0])
		for i, v := 0, y.Float32s(); i < len(v); i++ {
			v[i] = float32(from + float64(i)*by)
		}
	case onnx.Double:
		from, by := start.Float64s()[0], delta.Float64s()[0]
		for i, v := 0, y.Float64s(); i < len(v); i++ {
			v[i] = from + float64(i)*by
		}
	case onnx.Int16:
		countUp[int16](start, delta, y)
	case onnx.Int32:
		countUp[int32](start, delta, y)
	case onnx.Int64:
		countUp[int64](start, delta, y)
	default:
		return nil, unsupported(start.Type)
	}
	return []onnx.Value{y}, nil
}

func countUp[T int16 | int32 | int64](start, delta, y *onnx.Tensor) {
	from, by := onnx.View[T](start)[0], onnx.View[T](delta)[0]
	for i, v := 0, onnx.View[T](y); i < len(v); i++ {
		v[i] = from + T(i)*by
	}
}
