package backend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// String prints the plan: the kernel set, the arena, and a line a step with where each operand lives; those that a region does at once
// are called so.
func (p *Plan) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "kernels %s, arena %d bytes, %d steps\n", p.model.target.Set, p.arena, len(p.steps))
	for _, st := range p.steps {
		way := "plain"
		if st.fast != nil {
			way = "fast"
		}
		region := st.joins()
		for i, part := range region {
			way = "region"
			if i < len(region)-1 {
				p.line(&s, way, part)
				s.WriteByte('\n')
			} else { // with what links behind it read
				st.in = append(slices.Clip(part.in), st.in[1:]...)
			}
		}
		p.line(&s, way, st)
		if st.fast != nil && st.fast.Scratch > 0 {
			fmt.Fprintf(&s, " scratch[%d:%d]", st.scratch, st.scratch+st.fast.Scratch)
		}
		if st.fast != nil && st.fast.Kept > 0 {
			fmt.Fprintf(&s, " kept[%d:%d]", st.kept, st.kept+st.fast.Kept)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

// line prints a node with where each operand lives.
func (p *Plan) line(s *strings.Builder, way string, st step) {
	fmt.Fprintf(s, "%s %s %s(%s)", way, st.node.Name, st.operator(), p.operands(st.in))
	if len(st.around) > 0 {
		fmt.Fprintf(s, " around(%s)", p.operands(st.around))
	}
	fmt.Fprintf(s, " -> %s", p.operands(st.out))
}

// joins gives the steps that a region does at once, the step's own or that of the first in its chain.
func (st *step) joins() []step {
	if len(st.chain) > 0 {
		return st.chain[0].region
	}
	return st.region
}

// operator names the step's operator, with what is applied in its store.
func (st *step) operator() string {
	if len(st.chain) == 0 {
		return st.node.OpType + joined(st.node)
	}
	op := st.chain[0].node.OpType + joined(st.chain[0].node)
	for _, part := range st.chain[1:] {
		op += "+" + part.node.OpType
	}
	return op
}

// joined says which activation a fused node ends with.
func joined(n *onnx.Node) string {
	if a := n.Attribute("activation"); a != nil && n.Domain == onnx.DomainPrivate {
		return "+" + string(a.Str)
	}
	return ""
}

func (p *Plan) operands(list []int) string {
	parts := make([]string, len(list))
	for i, k := range list {
		if k >= 0 {
			parts[i] = p.operand(k)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *Plan) operand(k int) string {
	v := &p.values[k]
	where := ""
	switch v.place {
	case inConstant:
		where = "constant"
	case inInput:
		where = "input"
	case inArena:
		where = fmt.Sprintf("arena[%d:%d]", v.offset, v.offset+v.size)
	case inOutput:
		where = "output"
	case inView:
		where = "view of " + p.values[v.base].name
	case inRegion:
		where = "region"
	case inHeap:
		where = "heap"
	}
	return fmt.Sprintf("%s:%v %s", v.name, v.fact.Type, where)
}
