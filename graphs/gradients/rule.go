package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// rule says how an operator of the newest version is differentiated.
type rule struct {
	domain string
	name   string
	// gradient records the gradient by input i, of that input's type and shape. All ranks are known.
	gradient func(c *call, i int) (graphs.Value, error)
	// first says that there is a gradient by the first inputs alone, as many; by every one of floats where 0.
	first int
	// manyOutputs says that gradients by other outputs than the first are taken; some of dy may be absent then.
	manyOutputs bool
	// stop says that the operator is a constant to gradients: its derivative is zero wherever it has one, or it is asked to be.
	stop bool
}

// rules lists every trainable operator, one line a file.
func rules() [][]rule {
	return [][]rule{
		convRules(),
		gemmRules(),
		arithmeticRules(),
		unaryRules(),
		reduceRules(),
		shapeRules(),
		moveRules(),
		indexRules(),
		poolRules(),
		softmaxRules(),
		normalizationRules(),
		{{domain: onnx.DomainPrivate, name: "StopGradient", stop: true}},
	}
}

// call is one node on the way back.
type call struct {
	*pass
	node *onnx.Node
	x    []graphs.Value // the inputs; absent where not there
	y    []graphs.Value // the outputs
	dy   []graphs.Value // the gradients by the outputs; absent where there is none
}

// absent is the value of an input that is not there.
var absent graphs.Value

// plain makes a rule of a gradient that cannot fail, by the only input.
func plain(name string, gradient func(c *call) graphs.Value) rule {
	return rule{name: name, first: 1, gradient: func(c *call, _ int) (graphs.Value, error) { return gradient(c), nil }}
}

// attrs reads the node's attributes with the schema's defaults.
func (c *call) attrs() *ops.Attrs {
	s, _ := ops.Schema(c.node.Domain, c.node.OpType, 0)
	return ops.NewAttrs(c.node, s)
}

// input gives input i, absent also where the node has fewer.
func (c *call) input(i int) graphs.Value {
	if i >= len(c.x) {
		return absent
	}
	return c.x[i]
}

// ints gives the elements of an integer input whose value is known; nil where the input is absent.
func (c *call) ints(i int) ([]int64, bool) {
	v := c.input(i)
	if v == absent {
		return nil, true
	}
	return v.Fact().KnownInts()
}

// op records a node of one output.
func (p *pass) op(opType string, inputs []graphs.Value, attrs ...*onnx.Attribute) graphs.Value {
	return p.b.Op(opType, inputs, attrs...)
}

// unary records a node of one input and one output.
func (p *pass) unary(opType string, v graphs.Value, attrs ...*onnx.Attribute) graphs.Value {
	return p.b.Op(opType, []graphs.Value{v}, attrs...)
}

// keep makes a value once.
func (p *pass) keep(key string, make func() graphs.Value) graphs.Value {
	v, ok := p.kept[key]
	if !ok {
		v = make()
		p.kept[key] = v
	}
	return v
}

// number gives a scalar of the type of another value.
func (p *pass) number(like graphs.Value, x float64) graphs.Value {
	elem := like.Fact().Elem()
	return p.keep(fmt.Sprintf("%v %v", elem, x), func() graphs.Value {
		switch elem {
		case onnx.Float:
			return p.b.Scalar(float32(x))
		case onnx.Double:
			t := onnx.NewTensor(onnx.Double, []int64{}...)
			t.Float64s()[0] = x
			return p.b.Const("const", t)
		}
		return p.b.Scalar(float32(x)).Cast(elem)
	})
}

// times multiplies by a number.
func (p *pass) times(v graphs.Value, x float64) graphs.Value {
	if x == 1 {
		return v
	}
	return v.Mul(p.number(v, x))
}

// indices gives a vector of whole numbers.
func (p *pass) indices(v ...int64) graphs.Value {
	return p.keep(fmt.Sprint(v), func() graphs.Value { return p.b.Ints("ints", v...) })
}

// whole gives a whole number as a scalar.
func (p *pass) whole(n int64) graphs.Value {
	return p.keep(fmt.Sprintf("int64 %d", n), func() graphs.Value { return p.b.Const("int", onnx.Scalar64(n)) })
}

// where gives v where the condition holds and 0 elsewhere.
func (p *pass) where(condition, v graphs.Value) graphs.Value {
	return condition.Where(v, p.number(v, 0))
}
