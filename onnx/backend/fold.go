package backend

import (
	"context"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// By how many bytes results that are much larger than their inputs may make a graph larger: the whole one, and each of its variants and
// bodies, of which there can be many.
const (
	growthOfWhole = 16 << 20
	growthOfPart  = 1 << 20
)

// foldConstants computes every node whose inputs never change, once and for all plans. What only other constants were made of is
// dropped. Nodes whose results are much larger than their inputs stay as they are once there are many of them, so that a small file does not
// become a large model.
func foldConstants(g *onnx.Graph, eval *ops.Evaluator, o Options, growth int64) (*onnx.Graph, error) {
	constant := make(map[string]*onnx.Tensor)
	for _, t := range g.Initializers {
		constant[t.Name] = t
	}
	for _, t := range g.SparseInitializers {
		dense, err := ops.Densify(t, o.limit())
		if err != nil {
			return nil, err
		}
		dense.Name = t.Name()
		constant[dense.Name] = dense
	}
	for _, v := range g.Inputs {
		delete(constant, v.Name) // a default: the caller may replace it
	}
	out := *g
	out.Nodes, out.SparseInitializers = nil, nil
	out.Initializers = append([]*onnx.Tensor(nil), g.Initializers...)
	for _, t := range g.SparseInitializers {
		if c := constant[t.Name()]; c != nil {
			out.Initializers = append(out.Initializers, c)
		}
	}
	table := ops.NewTable()
	made := make(map[string]bool)
	for _, n := range g.Nodes {
		folded := fold(n, constant, eval, table, o, &growth)
		if folded == nil {
			out.Nodes = append(out.Nodes, n)
			continue
		}
		for i, t := range folded {
			if name := n.Outputs[i]; name != "" {
				named := *t
				named.Name = name
				constant[name], made[name] = &named, true
				out.Initializers = append(out.Initializers, &named)
			}
		}
	}
	read := make(map[string]bool)
	for _, n := range out.Nodes {
		ops.Reads(n, func(name string) { read[name] = true })
	}
	for _, v := range g.Outputs {
		read[v.Name] = true
	}
	out.Initializers = slices.DeleteFunc(out.Initializers, func(t *onnx.Tensor) bool { return made[t.Name] && !read[t.Name] })
	return &out, nil
}

// fold gives a node's results where they are constants, or nil. A node that fails is left to fail when it is run. growth is what results
// may still add, see growthOfWhole.
func fold(n *onnx.Node, constant map[string]*onnx.Tensor, eval *ops.Evaluator, table *ops.Table, o Options, growth *int64) []*onnx.Tensor {
	m := table.Meaning(n.Domain, n.OpType)
	if m == nil || m.Class == ops.Random {
		return nil
	}
	bytes := int64(1 << 16)
	in := make([]onnx.Value, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		t := constant[name]
		if t == nil {
			return nil
		}
		in[i] = t
		bytes += int64(len(t.Data))
	}
	for _, a := range n.Attributes {
		if a.Subgraphs() != nil {
			return nil
		}
		if a.Tensor != nil {
			bytes += int64(len(a.Tensor.Data))
		}
	}
	results, err := eval.EvalNode(context.Background(), n, in, nil, ops.EvalOptions{Limit: min(o.limit(), 4*bytes+*growth)})
	if err != nil || len(results) < len(n.Outputs) {
		return nil
	}
	folded := make([]*onnx.Tensor, len(n.Outputs))
	for i, name := range n.Outputs {
		t, ok := results[i].(*onnx.Tensor)
		if name != "" && (!ok || t == nil) {
			return nil
		}
		folded[i] = t
	}
	total := int64(0)
	for _, t := range folded {
		if t != nil {
			total += int64(len(t.Data))
		}
	}
	if more := total - 4*bytes; more > 0 {
		if more > *growth {
			return nil
		}
		*growth -= more
	}
	return folded
}
