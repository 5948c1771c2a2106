package graphs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/gonyx/gonyx/onnx"
)

// Digest gives 64 hexadecimal digits that two graphs share exactly when [Diff] finds no difference: a SHA-256 over the
// canonical form, in which each weight and subgraph stands by its own SHA-256.
func Digest(g *onnx.Graph) (string, error) {
	f, err := Canonical(g)
	if err != nil {
		return "", err
	}
	return f.Digest(), nil
}

// Digest gives the form's digest, see [Digest].
func (f *Form) Digest() string { return hex.EncodeToString(f.digest[:]) }

// code is an encoding in which no two values look the same: every text and list goes behind its length.
type code []byte

func (c *code) number(v int64) { *c = binary.LittleEndian.AppendUint64(*c, uint64(v)) }

func (c *code) float(v float32) { c.number(int64(math.Float32bits(v))) }

func (c *code) text(s string) {
	c.number(int64(len(s)))
	*c = append(*c, s...)
}

func (c *code) numbers(list []int64) {
	c.number(int64(len(list)))
	for _, v := range list {
		c.number(v)
	}
}

// types encodes types that stand by themselves.
func (c *code) types(list ...*onnx.Type) {
	symbols := make(map[string]int)
	c.number(int64(len(list)))
	for _, t := range list {
		if t == nil {
			c.number(-1)
			continue
		}
		c.typ(*t, symbols)
	}
}

// typ encodes a type, its symbols numbered by first use. Denotations do not count.
func (c *code) typ(t onnx.Type, symbols map[string]int) {
	c.number(int64(t.Kind))
	switch t.Kind {
	case onnx.KindTensor, onnx.KindSparseTensor:
		c.number(int64(t.Elem))
		if !t.Ranked {
			c.number(-1)
			return
		}
		c.number(int64(len(t.Dims)))
		for _, d := range t.Dims {
			switch {
			case d.Known():
				c.number(0)
				c.number(d.Value)
			case d.Param != "":
				number, ok := symbols[d.Param]
				if !ok {
					number = len(symbols)
					symbols[d.Param] = number
				}
				c.number(1)
				c.number(int64(number))
			default:
				c.number(2)
			}
		}
	case onnx.KindMap:
		c.number(int64(t.Key))
		c.inner(t.Of, symbols)
	case onnx.KindSequence, onnx.KindOptional:
		c.inner(t.Of, symbols)
	case onnx.KindOpaque:
		c.text(t.Domain)
		c.text(t.Name)
	}
}

func (c *code) inner(t *onnx.Type, symbols map[string]int) {
	if t == nil {
		c.number(-1)
		return
	}
	c.typ(*t, symbols)
}

// encode writes down what a node is by itself.
func (n *formNode) encode() {
	var c code
	c.text(n.opType)
	c.number(n.version)
	c.text(n.outputs)
	c.number(int64(len(n.attrs)))
	for _, a := range n.attrs {
		c.text(a.name)
		c.text(a.code)
	}
	n.code = c
}

// sumOf hashes a node with all that it depends on, whatever the numbers of its operands.
func (f *Form) sumOf(n *formNode) [32]byte {
	var c code
	c.text(string(n.code))
	for _, list := range [...][]operand{n.operands, n.outer} {
		c.number(int64(len(list)))
		for _, at := range list {
			c.number(int64(at.kind))
			switch at.kind {
			case operandNode:
				c = append(c, f.nodes[at.index].sum[:]...)
				c.number(int64(at.output))
			default:
				c.leaf(at)
			}
		}
	}
	return sha256.Sum256(c)
}

func (c *code) leaf(at operand) {
	switch at.kind {
	case operandInput, operandCapture:
		c.number(int64(at.index))
	case operandWeight:
		*c = append(*c, at.weight.sum[:]...)
	}
}

// operand encodes where a value comes from, by number.
func (c *code) operand(at operand) {
	c.number(int64(at.kind))
	switch at.kind {
	case operandNode:
		c.number(int64(at.index))
		c.number(int64(at.output))
	default:
		c.leaf(at)
	}
}

// seal takes the form's digest. Types count in the outermost graph.
func (f *Form) seal(outermost bool) {
	if outermost {
		symbols := make(map[string]int)
		for i := range f.inputs {
			var c code
			c.typ(f.inputs[i].typ, symbols)
			f.inputs[i].code = string(c)
		}
		for i := range f.outputs {
			var c code
			c.typ(f.outputs[i].typ, symbols)
			f.outputs[i].code = string(c)
		}
	}
	h := sha256.New()
	c := code{}
	c.text("gonyx canonical form 1")
	c.number(int64(f.captures))
	c.number(int64(len(f.inputs)))
	for _, in := range f.inputs {
		c.text(in.code)
		at := operand{}
		if in.value != nil {
			at = operand{kind: operandWeight, weight: in.value}
		}
		c.operand(at)
	}
	c.number(int64(len(f.nodes)))
	h.Write(c)
	for _, n := range f.nodes {
		c = c[:0]
		c.text(string(n.code))
		for _, list := range [...][]operand{n.operands, n.outer} {
			c.number(int64(len(list)))
			for _, at := range list {
				c.operand(at)
			}
		}
		h.Write(c)
	}
	c = c[:0]
	c.number(int64(len(f.outputs)))
	for _, out := range f.outputs {
		c.text(out.code)
		c.operand(out.from)
	}
	h.Write(c)
	h.Sum(f.digest[:0])
}
