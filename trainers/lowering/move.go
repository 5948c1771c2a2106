package lowering

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of operators that move elements. Where each element goes is found by letting the operator move numbers that say
// where they came from; the gradient takes the same ways back and adds up where an element went to several places. Indices that
// are not known before a run are followed in each run.
func moveRules() []rule {
	reads := always(everything &^ theOutput)
	var list []rule
	for _, name := range []string{"Transpose", "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Pad", "Tile",
		"DepthToSpace", "SpaceToDepth", "Trilu"} {
		list = append(list, rule{name: name, reads: reads, gradient: func(c *call, i int) (gradient, error) {
			return moveGradient(c, i, func(k int) bool { return c.in[k].Elem() == onnx.Float })
		}})
	}
	for _, name := range []string{"ScatterElements", "ScatterND"} {
		list = append(list, rule{name: name, reads: reads, gradient: scatterGradient})
	}
	return append(list,
		rule{name: "Expand", wrt: first(1), reads: always(nothing), gradient: linear(1)},
		rule{name: "Resize", wrt: first(1), reads: always(everything &^ (theOutput | inputs(0))), gradient: resizeGradient},
	)
}

// scatterGradient is that of an assignment; updates that are combined with what is there are something else.
func scatterGradient(c *call, i int) (gradient, error) {
	if a := c.node.Attribute("reduction"); a != nil && string(a.Str) != "none" {
		return gradient{}, fmt.Errorf("a gradient of reduction %s is %w", a.Str, ops.ErrUnsupported)
	}
	return moveGradient(c, i, func(k int) bool { return c.in[k].Elem() == onnx.Float })
}

// resizeGradient is that of mode nearest, which moves elements.
func resizeGradient(c *call, i int) (gradient, error) {
	word := func(name string) string {
		if a := c.node.Attribute(name); a != nil {
			return string(a.Str)
		}
		return ""
	}
	if mode := word("mode"); mode != "" && mode != "nearest" {
		return gradient{}, fmt.Errorf("a gradient of mode %s is %w; nearest has one", mode, ops.ErrUnsupported)
	}
	if mode := word("coordinate_transformation_mode"); mode == "tf_crop_and_resize" {
		return gradient{}, fmt.Errorf("a gradient of %s is %w", mode, ops.ErrUnsupported)
	}
	if shape, ok := ops.KernelUpsample(c.op, c.in); ok {
		return gradient{run: func(f *frame) { c.set.UpsampleBackward(c.pool, shape, f.dy.Float32s(), f.dx.Float32s()) }}, nil
	}
	return moveGradient(c, i, func(k int) bool { return k == 0 })
}

// move is a run of elements that stay neighbours.
type move struct{ to, from, n int32 }

// moveGradient is the gradient by input i; moved says which inputs hold the elements that move, the others say where.
func moveGradient(c *call, i int, moved func(k int) bool) (gradient, error) {
	in := make([]onnx.Value, len(c.in))
	open := false
	for k, f := range c.in {
		switch {
		case f.Absent():
		case !moved(k):
			if f.Value == nil {
				open = true
			} else {
				in[k] = f.Value
			}
		default:
			dims, ok := f.Sizes()
			if !ok {
				return gradient{}, fmt.Errorf("input %d: its shape is not known", k)
			}
			if count(dims) > math.MaxInt32-1 {
				return gradient{}, fmt.Errorf("input %d: a gradient by %v is %w", k, f, ops.ErrUnsupported)
			}
			t := onnx.NewTensor(onnx.Int64, dims...)
			if k == i {
				for at := range t.Int64s() {
					t.Int64s()[at] = int64(at) + 1 // 0 is an element that did not come from here
				}
			}
			in[k] = t
		}
	}
	if !open {
		moves, err := movesOf(c, in)
		if err != nil {
			return gradient{}, err
		}
		return gradient{run: func(f *frame) { moveBack(f.dx.Float32s(), f.dy.Float32s(), moves) }}, nil
	}
	return gradient{run: func(f *frame) {
		for k, fact := range c.in {
			if !fact.Absent() && !moved(k) && fact.Value == nil {
				in[k] = f.in[k]
			}
		}
		moves, err := movesOf(c, in)
		if err != nil {
			panic(err) // the forward pass has moved the same way
		}
		moveBack(f.dx.Float32s(), f.dy.Float32s(), moves)
	}}, nil
}

// movesOf gives the ways from the numbered input to the output.
func movesOf(c *call, in []onnx.Value) ([]move, error) {
	out, err := ops.EvalOp(c.op, &ops.Env{Limit: math.MaxInt64}, in)
	if err != nil {
		return nil, err
	}
	var list []move
	for to, from := range out[c.k].(*onnx.Tensor).Int64s() {
		if from == 0 {
			continue
		}
		if n := len(list) - 1; n >= 0 && list[n].to+list[n].n == int32(to) && list[n].from+list[n].n == int32(from-1) {
			list[n].n++
			continue
		}
		list = append(list, move{int32(to), int32(from - 1), 1})
	}
	return list, nil
}

func moveBack(dx, dy []float32, moves []move) {
	clear(dx)
	for _, m := range moves {
		to := dx[m.from : m.from+m.n]
		for k, v := range dy[m.to : m.to+m.n] {
			to[k] += v
		}
	}
}
