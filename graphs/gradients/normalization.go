package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx/ops"
)

// Gradients of BatchNormalization with given statistics, y = (x-mean)/√(var+ε)·scale + b per channel, and of LayerNormalization,
// RMSNormalization, InstanceNormalization and GroupNormalization: y = x̂·scale + b with x̂ = (x-mean)/√(var+ε) over each line of
// elements, RMSNormalization without mean and b.
func normalizationRules() []rule {
	return []rule{
		{name: "BatchNormalization", gradient: batchNormGradient},
		{name: "LayerNormalization", gradient: normalizationGradient},
		{name: "RMSNormalization", gradient: normalizationGradient},
		{name: "InstanceNormalization", gradient: normalizationGradient},
		{name: "GroupNormalization", gradient: normalizationGradient},
	}
}

// sameTypes refuses mixed element types.
func (c *call) sameTypes() error {
	for k, x := range c.x {
		if x != absent && x.Fact().Elem() != c.x[0].Fact().Elem() {
			return fmt.Errorf("a gradient with input %d in %v and the first in %v is %w", k, x.Fact().Elem(), c.x[0].Fact().Elem(), ops.ErrUnsupported)
		}
	}
	return nil
}

func batchNormGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	epsilon, training := float64(a.Float("epsilon")), a.Bool("training_mode")
	if training {
		return absent, fmt.Errorf("a gradient in training mode is %w", ops.ErrUnsupported)
	}
	if err := c.sameTypes(); err != nil {
		return absent, err
	}
	x, dy := c.x[0], c.dy[0]
	rank := len(x.Dims())
	column := func(v graphs.Value) graphs.Value { return c.column(v, rank) }
	sum := func(v graphs.Value) graphs.Value { return c.channelSum(v, rank) }
	if i == 2 {
		return sum(dy), nil
	}
	scale, variance := c.x[1], c.x[4]
	inverse := c.unary("Reciprocal", variance.Add(c.number(x, epsilon)).Sqrt())
	switch i {
	case 0:
		return dy.Mul(column(scale.Mul(inverse))), nil
	case 1:
		return sum(dy.Mul(x.Sub(column(c.x[3])))).Mul(inverse), nil
	case 3:
		return sum(dy).Mul(scale.Mul(inverse)).Neg(), nil
	}
	cube := inverse.Square().Mul(inverse)
	return c.times(sum(dy.Mul(x.Sub(column(c.x[3])))).Mul(scale.Mul(cube)), -0.5), nil
}

// normalizationGradient: by x it is (g - mean(g) - x̂·mean(g·x̂))/√(var+ε) with g = dy·scale, without mean(g) where the mean was
// not taken off; by scale dy·x̂ and by b dy, summed over what they were repeated along.
func normalizationGradient(c *call, i int) (graphs.Value, error) {
	a := c.attrs()
	epsilon, centred := float64(a.Float("epsilon")), c.node.OpType != "RMSNormalization"
	if err := c.sameTypes(); err != nil {
		return absent, err
	}
	x, dy := c.x[0], c.dy[0]
	rank := len(x.Dims())
	// lines gives a tensor of x's shape with the elements of a line along axes, unfold the other way. along gives a scale or b the
	// shape under which it broadcasts to x, back sums to it.
	lines := func(v graphs.Value) graphs.Value { return v }
	unfold := func(v graphs.Value) graphs.Value { return c.reshapeLike(v, x) }
	along := func(v graphs.Value) graphs.Value { return v }
	back := func(v graphs.Value) graphs.Value { return c.sumTo(v, c.x[i], nil) }
	var axes []int64
	switch c.node.OpType {
	case "LayerNormalization", "RMSNormalization":
		at, err := ops.Axis(a.Int("axis"), rank)
		if err != nil {
			return absent, fmt.Errorf("attribute \"axis\": %w", err)
		}
		for k := at; k < rank; k++ {
			axes = append(axes, int64(k))
		}
	default: // [batch, groups, line]; 0 keeps a size
		groups := int64(0)
		if c.node.OpType == "GroupNormalization" {
			groups = a.Int("num_groups")
		}
		axes = []int64{2}
		lines = func(v graphs.Value) graphs.Value { return c.op("Reshape", []graphs.Value{v, c.indices(0, groups, -1)}) }
		along = func(v graphs.Value) graphs.Value { return c.column(v, rank) }
		back = func(v graphs.Value) graphs.Value { return c.channelSum(v, rank) }
	}
	if i == 2 {
		return back(dy), nil
	}
	mean := func(v graphs.Value) graphs.Value {
		return c.op("ReduceMean", []graphs.Value{v, c.indices(axes...)}, keepDims(true))
	}
	normal := lines(x)
	if centred {
		normal = normal.Sub(mean(normal))
	}
	inverse := c.unary("Reciprocal", mean(normal.Square()).Add(c.number(x, epsilon)).Sqrt())
	normal = normal.Mul(inverse)
	if i == 1 {
		return back(dy.Mul(unfold(normal))), nil
	}
	g := lines(dy.Mul(along(c.x[1])))
	d := g.Sub(normal.Mul(mean(g.Mul(normal))))
	if centred {
		d = d.Sub(mean(g))
	}
	return unfold(d.Mul(inverse)), nil
}

// column gives a vector over channels the shape [channels, 1, …] that broadcasts to [batch, channels, …] of a rank.
func (c *call) column(v graphs.Value, rank int) graphs.Value {
	var after []int64
	for k := 1; k < rank-1; k++ {
		after = append(after, int64(k))
	}
	if after == nil {
		return v
	}
	return c.op("Unsqueeze", []graphs.Value{v, c.indices(after...)})
}

// channelSum sums [batch, channels, …] to [channels]; with one axis there is one channel.
func (c *call) channelSum(v graphs.Value, rank int) graphs.Value {
	if rank == 1 {
		return c.sum(v, true, 0)
	}
	axes := []int64{0}
	for k := 2; k < rank; k++ {
		axes = append(axes, int64(k))
	}
	return c.sum(v, false, axes...)
}
