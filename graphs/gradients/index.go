package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of operators that take elements by index: what comes back is added up at the index.
func indexRules() []rule {
	return []rule{
		{name: "Gather", first: 1, gradient: gatherGradient},
		{name: "GatherElements", first: 1, gradient: func(c *call, _ int) (graphs.Value, error) {
			axis, err := c.axis(len(c.x[0].Dims()))
			if err != nil {
				return absent, err
			}
			return c.op("ScatterElements", []graphs.Value{c.filled(c.x[0], 0), c.x[1], c.dy[0]},
				onnx.AttrInt("axis", int64(axis)), onnx.AttrString("reduction", "add")), nil
		}},
		{name: "GatherND", first: 1, gradient: func(c *call, i int) (graphs.Value, error) {
			if a := c.node.Attribute("batch_dims"); a != nil && a.Int != 0 {
				return c.follow(i)
			}
			return c.scatter(c.filled(c.x[0], 0), c.x[1], c.dy[0]), nil
		}},
		{name: "ScatterElements", gradient: scatterGradient},
		{name: "ScatterND", gradient: scatterGradient},
	}
}

// scatterGradient: where updates replace what is there, each place has its gradient from the last that wrote to it; where they are
// added, all have it. Other reductions have none here.
func scatterGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	reduction := a.Str("reduction")
	data, indices, updates, dy := c.x[0], c.x[1], c.x[2], c.dy[0]
	again := func(data, updates graphs.Value) graphs.Value {
		n := onnx.Node{OpType: c.node.OpType, Attributes: cloned(c.node)}
		return c.b.Node("scatter", n, 1, data, indices, updates)[0]
	}
	switch {
	case reduction == "add" && i == 0:
		return dy, nil
	case reduction == "add" && c.node.OpType == "ScatterND":
		return c.op("GatherND", []graphs.Value{dy, indices}), nil
	case reduction == "add":
		return c.op("GatherElements", []graphs.Value{dy, indices}, onnx.AttrInt("axis", a.Int("axis"))), nil
	case reduction != "none":
		return absent, fmt.Errorf("a gradient of reduction %s is %w", reduction, ops.ErrUnsupported)
	case i == 0:
		return again(dy, c.filled(updates, 0)), nil
	}
	none := onnx.NewTensor(onnx.Int64, 1)
	none.Int64s()[0] = -1
	from := again(c.unary("ConstantOfShape", c.shape(data), onnx.AttrTensor("value", none)), c.numbers(updates))
	return c.scatterFlat(from, dy, updates, true), nil
}

// numbers counts the elements of a tensor like x, beginning with 0.
func (p *pass) numbers(x graphs.Value) graphs.Value {
	return p.reshapeLike(p.op("Range", []graphs.Value{p.whole(0), p.size(x), p.whole(1)}), x)
}

// scatter adds blocks of updates to zeros; indices are [..., axes].
func (p *pass) scatter(zeros, indices, updates graphs.Value) graphs.Value {
	return p.op("ScatterND", []graphs.Value{zeros, indices, updates}, onnx.AttrString("reduction", "add"))
}

// gatherGradient adds the rows of dy to those of the input that they came from, with the axis of the rows first.
func gatherGradient(c *call, _ int) (graphs.Value, error) {
	rank, points := len(c.x[0].Dims()), len(c.x[1].Dims())
	axis, err := c.axis(rank)
	if err != nil {
		return absent, err
	}
	indices := c.x[1]
	if indices.Fact().Elem() != onnx.Int64 {
		indices = indices.Cast(onnx.Int64)
	}
	indices = c.op("Unsqueeze", []graphs.Value{indices, c.indices(-1)})
	dy, zeros := c.dy[0], c.filled(c.x[0], 0)
	if axis == 0 {
		return c.scatter(zeros, indices, dy), nil
	}
	// dy is [before…, points…, after…]
	var perm, forth, back []int64
	for k := range points {
		perm = append(perm, int64(axis+k))
	}
	forth = append(forth, int64(axis))
	for k := range rank {
		switch {
		case k < axis:
			perm, forth, back = append(perm, int64(k)), append(forth, int64(k)), append(back, int64(k+1))
		case k == axis:
			back = append(back, 0)
		default:
			perm, forth, back = append(perm, int64(k-1+points)), append(forth, int64(k)), append(back, int64(k))
		}
	}
	return c.scatter(zeros.Transpose(forth...), indices, dy.Transpose(perm...)).Transpose(back...), nil
}

// follow is the gradient by input i of a node that moves elements in whatever way: it moves their numbers, which say where each
// came from.
func (c *call) follow(i int) (graphs.Value, error) {
	if i != 0 {
		return absent, fmt.Errorf("a gradient by input %d is %w", i, ops.ErrUnsupported)
	}
	x := c.x[0]
	n := onnx.Node{OpType: c.node.OpType, Domain: c.node.Domain, Attributes: cloned(c.node)}
	in := append([]graphs.Value{c.numbers(x)}, c.x[1:]...)
	from := c.b.Node("origin", n, 1, in...)[0]
	return c.scatterFlat(from, c.dy[0], x, false), nil
}

// scatterFlat adds each element of dy to the element of a tensor like x, whose number stands at its place in from; a negative number
// means none, and stands there only where holes is set.
func (p *pass) scatterFlat(from, dy, x graphs.Value, holes bool) graphs.Value {
	if holes {
		dy = from.Less(p.whole(0)).Where(p.number(dy, 0), dy)
		from = from.Max(p.whole(0))
	}
	zeros := p.op("ConstantOfShape", []graphs.Value{p.unaryVector(p.size(x))})
	if elem := x.Fact().Elem(); elem != onnx.Float {
		zeros = zeros.Cast(elem)
	}
	sum := p.op("ScatterElements", []graphs.Value{zeros, p.flat(from), p.flat(dy)}, onnx.AttrString("reduction", "add"))
	return p.reshapeLike(sum, x)
}

// unaryVector gives a scalar as a vector of one element.
func (p *pass) unaryVector(v graphs.Value) graphs.Value {
	if known, ok := v.Fact().KnownInts(); ok {
		return p.indices(known...)
	}
	return p.op("Unsqueeze", []graphs.Value{v, p.indices(0)})
}
