package gradients

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of operators that move elements to places known from shapes: the gradient goes the same way back. Where an element
// went to several places, what comes back adds up.
func moveRules() []rule {
	return []rule{
		plain("Transpose", transposeGradient),
		{name: "Concat", gradient: concatGradient},
		{name: "Split", first: 1, gradient: splitGradient, manyOutputs: true},
		{name: "Slice", first: 1, gradient: sliceGradient},
		{name: "Pad", gradient: padGradient},
		{name: "Tile", first: 1, gradient: tileGradient},
		{name: "Expand", first: 1, gradient: func(c *call, _ int) (graphs.Value, error) {
			return c.sumTo(c.dy[0], c.x[0], nil), nil
		}},
		{name: "DepthToSpace", gradient: depthToSpaceGradient},
		{name: "SpaceToDepth", gradient: spaceToDepthGradient},
		{name: "Trilu", first: 1, gradient: func(c *call, _ int) (graphs.Value, error) {
			in := append([]graphs.Value{c.dy[0]}, c.x[1:]...)
			return c.op("Trilu", in, cloned(c.node)...), nil
		}},
		{name: "Resize", first: 1, gradient: resizeGradient},
	}
}

// cloned gives the attributes of a node for another one.
func cloned(n *onnx.Node) []*onnx.Attribute { return n.Clone().Attributes }

func transposeGradient(c *call) graphs.Value {
	perm := make([]int64, len(c.x[0].Dims()))
	given := c.node.Attribute("perm")
	for k := range perm {
		if given == nil {
			perm[k] = int64(len(perm) - 1 - k)
		} else {
			perm[given.Ints[k]] = int64(k)
		}
	}
	return c.dy[0].Transpose(perm...)
}

func (c *call) axis(rank int) (int, error) {
	a := c.attrs()
	axis := a.Int("axis")
	k, err := ops.Axis(axis, rank)
	if err != nil {
		return 0, fmt.Errorf("attribute \"axis\": %w", err)
	}
	return k, nil
}

// concatGradient cuts the input's part out.
func concatGradient(c *call, i int) (graphs.Value, error) {
	axis, err := c.axis(len(c.x[i].Dims()))
	if err != nil {
		return absent, err
	}
	start, known := int64(0), true
	for _, x := range c.x[:i] {
		d := x.Dims()[axis]
		start, known = start+d.Value, known && d.Known()
	}
	from := c.indices(start)
	if !known {
		from = c.indices(0)
		for _, x := range c.x[:i] {
			from = from.Add(c.length(x, axis))
		}
	}
	var to graphs.Value
	switch d := c.x[i].Dims()[axis]; {
	case i == len(c.x)-1:
		to = c.indices(1<<63 - 1)
	case known && d.Known():
		to = c.indices(start + d.Value)
	default:
		to = from.Add(c.length(c.x[i], axis))
	}
	return c.op("Slice", []graphs.Value{c.dy[0], from, to, c.indices(int64(axis))}), nil
}

// splitGradient joins the parts; one that nothing comes back by is 0.
func splitGradient(c *call, _ int) (graphs.Value, error) {
	axis, err := c.axis(len(c.x[0].Dims()))
	if err != nil {
		return absent, err
	}
	parts := make([]graphs.Value, len(c.dy))
	for k, dy := range c.dy {
		if dy == absent {
			if c.node.Outputs[k] == "" {
				return absent, fmt.Errorf("a gradient of a split with an absent output is %w", ops.ErrUnsupported)
			}
			dy = c.filled(c.y[k], 0)
		}
		parts[k] = dy
	}
	return graphs.Concat(int64(axis), parts...), nil
}

// sliceGradient puts zeros around what a step of 1 cut out; other steps are followed element by element.
func sliceGradient(c *call, i int) (graphs.Value, error) {
	starts, ok := c.ints(1)
	ends, ok2 := c.ints(2)
	axes, ok3 := c.ints(3)
	steps, ok4 := c.ints(4)
	if !ok || !ok2 || !ok3 || !ok4 || slices.ContainsFunc(steps, func(n int64) bool { return n != 1 }) {
		return c.follow(i)
	}
	x := c.x[0].Dims()
	if axes == nil {
		for k := range starts {
			axes = append(axes, int64(k))
		}
	}
	before, after, at := []int64{}, []int64{}, []int64{}
	for k, axis := range axes {
		n, err := ops.Axis(axis, len(x))
		if err != nil {
			return absent, err
		}
		start, end := starts[k], ends[k]
		switch size := x[n]; {
		case size.Known():
			bound := func(v int64) int64 {
				if v < 0 {
					v += size.Value
				}
				return min(max(v, 0), size.Value)
			}
			start, end = bound(start), bound(end)
			if end < start {
				end = start
			}
			before, after = append(before, start), append(after, size.Value-end)
		case start == 0 && end >= 1<<31: // all of it
			continue
		default:
			return c.follow(i)
		}
		at = append(at, int64(n))
	}
	if len(at) == 0 {
		return c.dy[0], nil
	}
	return c.op("Pad", []graphs.Value{c.dy[0], c.indices(append(before, after...)...), absent, c.indices(at...)}), nil
}

// padGradient cuts off what was added, and adds on what was cut off.
func padGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	mode := a.Str("mode")
	if err := a.Err(); err != nil {
		return absent, err
	}
	if i != 0 && i != 2 {
		return absent, fmt.Errorf("a gradient by input %d is %w", i, ops.ErrUnsupported)
	}
	if mode != "constant" {
		if i == 2 {
			return c.filled(c.x[2], 0), nil
		}
		return c.follow(i)
	}
	pads, axes := c.x[1], c.input(3)
	if i == 2 { // what is not from the input
		ones := c.op("Pad", []graphs.Value{c.filled(c.x[0], 1), pads, absent, axes})
		added := ones.Equal(c.number(ones, 0))
		return c.reshapeLike(c.where(added, c.dy[0]).ReduceSum(), c.x[2]), nil
	}
	back := pads.Neg()
	if known, ok := pads.Fact().KnownInts(); ok {
		negated := make([]int64, len(known))
		for k, n := range known {
			negated[k] = -n
		}
		back = c.indices(negated...)
	}
	in := []graphs.Value{c.dy[0], back}
	if axes != absent {
		in = append(in, absent, axes)
	}
	return c.op("Pad", in), nil
}

// tileGradient sums over the repetitions.
func tileGradient(c *call, i int) (graphs.Value, error) {
	repeats, ok := c.ints(1)
	if !ok {
		return c.follow(i)
	}
	var list []extent
	var sums []int64
	for k, n := range repeats {
		if n != 1 {
			sums = append(sums, int64(len(list)))
			list = append(list, fixed(n))
		}
		list = append(list, c.extent(c.x[0], k))
	}
	if sums == nil {
		return c.dy[0], nil
	}
	return c.sum(c.reshape(c.dy[0], list...), false, sums...), nil
}

func depthToSpaceGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	block, mode := a.Int("blocksize"), a.Str("mode")
	if err := a.Err(); err != nil {
		return absent, err
	}
	if mode != "DCR" {
		return c.follow(i)
	}
	return c.unary("SpaceToDepth", c.dy[0], onnx.AttrInt("blocksize", block)), nil
}

func spaceToDepthGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	block := a.Int("blocksize")
	if mode := c.node.Attribute("mode"); mode != nil && string(mode.Str) != "DCR" {
		return c.follow(i)
	}
	return c.unary("DepthToSpace", c.dy[0], onnx.AttrInt("blocksize", block)), nil
}

// resizeGradient is that of mode nearest, which moves elements: where each is repeated a whole number of times their gradients are
// summed, else they are followed one by one.
func resizeGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	mode, place, nearest := a.Str("mode"), a.Str("coordinate_transformation_mode"), a.Str("nearest_mode")
	if mode != "nearest" {
		return absent, fmt.Errorf("a gradient of mode %s is %w; nearest has one", mode, ops.ErrUnsupported)
	}
	if place == "tf_crop_and_resize" {
		return absent, fmt.Errorf("a gradient of %s is %w", place, ops.ErrUnsupported)
	}
	scales := c.input(2)
	if place != "asymmetric" || nearest != "floor" || scales == absent || scales.Fact().Value == nil || scales.Fact().Elem() != onnx.Float {
		return c.follow(i)
	}
	axes := make([]int64, len(c.x[0].Dims()))
	for k := range axes {
		axes[k] = int64(k)
	}
	if given := c.node.Attribute("axes"); given != nil {
		axes = given.Ints
	}
	times := make(map[int]int64)
	for k, scale := range scales.Fact().Value.Float32s() {
		n := int64(scale)
		if float32(n) != scale || n < 1 || k >= len(axes) {
			return c.follow(i)
		}
		axis, err := ops.Axis(axes[k], len(c.x[0].Dims()))
		if err != nil {
			return absent, err
		}
		times[axis] = n
	}
	var list []extent
	var sums []int64
	for k := range c.x[0].Dims() {
		list = append(list, c.extent(c.x[0], k))
		if n := times[k]; n > 1 {
			sums = append(sums, int64(len(list)))
			list = append(list, fixed(n))
		}
	}
	if sums == nil {
		return c.dy[0], nil
	}
	return c.sum(c.reshape(c.dy[0], list...), false, sums...), nil
}
