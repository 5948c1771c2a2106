package gradients

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
)

// shape gives the dimensions of a value as int64 [rank], a constant where they are known.
func (p *pass) shape(v graphs.Value) graphs.Value {
	if sizes, ok := v.Fact().Sizes(); ok && len(sizes) > 0 {
		return p.indices(sizes...)
	}
	return p.keep("shape "+v.Name(), func() graphs.Value { return p.unary("Shape", v) })
}

// length gives one dimension as int64 [1].
func (p *pass) length(v graphs.Value, axis int) graphs.Value {
	if d := v.Dims()[axis]; d.Known() {
		return p.indices(d.Value)
	}
	return p.keep(fmt.Sprintf("length %d %s", axis, v.Name()), func() graphs.Value {
		return p.unary("Shape", v, onnx.AttrInt("start", int64(axis)), onnx.AttrInt("end", int64(axis)+1))
	})
}

// size gives the number of elements as an int64 scalar.
func (p *pass) size(v graphs.Value) graphs.Value {
	if sizes, ok := v.Fact().Sizes(); ok {
		return p.whole(count(sizes))
	}
	return p.keep("size "+v.Name(), func() graphs.Value { return p.unary("Size", v) })
}

// count multiplies sizes.
func count(sizes []int64) int64 {
	n := int64(1)
	for _, d := range sizes {
		n *= d
	}
	return n
}

// filled gives a value of one number everywhere, of the type and shape of another.
func (p *pass) filled(like graphs.Value, x float64) graphs.Value {
	if len(like.Dims()) == 0 {
		return p.number(like, x)
	}
	elem := like.Fact().Elem()
	one := onnx.NewTensor(onnx.Float, 1)
	one.Float32s()[0] = float32(x)
	if elem == onnx.Double {
		one = onnx.NewTensor(onnx.Double, 1)
		one.Float64s()[0] = x
	}
	v := p.unary("ConstantOfShape", p.shape(like), onnx.AttrTensor("value", one))
	if one.Type != elem {
		v = v.Cast(elem)
	}
	return v
}

// sameDim says whether two dimensions are known to be equal.
func sameDim(a, b onnx.Dim) bool {
	return a.Known() && a.Value == b.Value || !a.Known() && a.Param != "" && a.Param == b.Param
}

func sameDims(a, b []onnx.Dim) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameDim(a[i], b[i]) {
			return false
		}
	}
	return true
}

// reshapeLike gives v, which has the elements of like, its shape.
func (p *pass) reshapeLike(v, like graphs.Value) graphs.Value {
	if sameDims(v.Dims(), like.Dims()) {
		return v
	}
	if len(like.Dims()) == 0 { // of one element; an empty shape would be a tensor without elements, which not all can read
		return v.ReduceSum()
	}
	list := make([]extent, len(like.Dims()))
	for i := range list {
		list[i] = p.extent(like, i)
	}
	return p.reshape(v, list...)
}

// extent is a size of a shape to be made: known, or that of an axis of a value, times a factor.
type extent struct {
	known  int64 // or -1
	of     graphs.Value
	axis   int
	factor int64
}

// fixed is a known extent.
func fixed(n int64) extent { return extent{known: n} }

// extent gives the size of an axis.
func (p *pass) extent(v graphs.Value, axis int) extent {
	return extent{v.Dims()[axis].Value, v, axis, 1}
}

// times multiplies an extent.
func (e extent) times(n int64) extent {
	if e.known >= 0 {
		e.known *= n
	}
	e.factor *= n
	return e
}

// reshape gives a value another shape.
func (p *pass) reshape(v graphs.Value, list ...extent) graphs.Value {
	sizes := make([]int64, len(list))
	unknown, empty := 0, false
	for i, e := range list {
		sizes[i] = e.known
		if e.known < 0 {
			unknown, sizes[i] = unknown+1, -1
		}
		empty = empty || e.known == 0
	}
	if unknown == 0 && empty {
		return p.op("Reshape", []graphs.Value{v, p.indices(sizes...)}, onnx.AttrInt("allowzero", 1))
	}
	if unknown == 0 || unknown == 1 && !empty {
		return p.op("Reshape", []graphs.Value{v, p.indices(sizes...)})
	}
	parts := make([]graphs.Value, len(list))
	for i, e := range list {
		if e.known >= 0 {
			parts[i] = p.indices(e.known)
			continue
		}
		parts[i] = p.length(e.of, e.axis)
		if e.factor != 1 {
			parts[i] = parts[i].Mul(p.indices(e.factor))
		}
	}
	return p.op("Reshape", []graphs.Value{v, graphs.Concat(0, parts...)}, onnx.AttrInt("allowzero", 1))
}

// flat gives all elements in one axis.
func (p *pass) flat(v graphs.Value) graphs.Value {
	return p.op("Reshape", []graphs.Value{v, p.indices(-1)})
}

// expandLike repeats v to the shape of another value.
func (p *pass) expandLike(v, like graphs.Value) graphs.Value {
	if sameDims(v.Dims(), like.Dims()) {
		return v
	}
	return p.op("Expand", []graphs.Value{v, p.shape(like)})
}

// sum adds up over axes; they stay, of size 1, where keep is set.
func (p *pass) sum(v graphs.Value, keep bool, axes ...int64) graphs.Value {
	if len(axes) == 0 {
		return v
	}
	return p.op("ReduceSum", []graphs.Value{v, p.indices(axes...)}, keepDims(keep))
}

// back sums v, of the shape of the output, over the axes that input i was repeated along: the gradient of broadcasting, for
// operators all of whose inputs broadcast to the output.
func (c *call) back(v graphs.Value, i int) graphs.Value {
	return c.sumTo(v, c.x[i], func(axis int) bool {
		// Where every other input has size 1 this one gives the output its size.
		for k, x := range c.x {
			if k == i || x == absent {
				continue
			}
			dims := x.Dims()
			if at := len(dims) - axis; at >= 0 && dims[at].Value != 1 {
				return false
			}
		}
		return true
	})
}

// sumTo sums v over the axes along which x, that broadcasts to v's shape, was repeated. whole says of an axis, counted from the
// end beginning with 1, that it is known not to be repeated; nil: none is.
func (p *pass) sumTo(v, x graphs.Value, whole func(axis int) bool) graphs.Value {
	from, to := v.Dims(), x.Dims()
	lead := len(from) - len(to)
	var leading, repeated []int64
	open := false
	for k, d := range from {
		if k < lead {
			leading = append(leading, int64(k))
			continue
		}
		switch t := to[k-lead]; {
		case sameDim(t, d), t.Known() && t.Value != 1, d.Value == 1:
		case t.Known():
			repeated = append(repeated, int64(k))
		case whole != nil && whole(len(from)-k):
		default:
			open = true
		}
	}
	if open { // which axes those are shows in a run
		v = p.sum(v, false, leading...)
		differ := p.unary("Not", p.unary("Shape", v).Equal(p.shape(x)))
		axes := p.unary("NonZero", differ).Squeeze(0)
		v = p.op("ReduceSum", []graphs.Value{v, axes}, keepDims(true), onnx.AttrInt("noop_with_empty_axes", 1))
		return p.op("Reshape", []graphs.Value{v, p.shape(x)}, onnx.AttrInt("allowzero", 1))
	}
	if len(repeated) == 0 {
		return p.sum(v, false, leading...)
	}
	v = p.sum(v, true, append(leading, repeated...)...)
	if lead > 0 {
		v = p.op("Squeeze", []graphs.Value{v, p.indices(leading...)})
	}
	return v
}

// keepDims is the attribute of reductions.
func keepDims(keep bool) *onnx.Attribute {
	if keep {
		return onnx.AttrInt("keepdims", 1)
	}
	return onnx.AttrInt("keepdims", 0)
}
