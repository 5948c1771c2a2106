package ops

import (
	"errors"
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// If: the outputs of one of two subgraphs, by a condition of one element. Subgraphs take no inputs and see the values around
// the node. cond bool [] or [1]; outputs any, what both branches agree on is known beforehand.
// 1: first · 11: branches may differ in shape · 13, 16, 19, 21, 23, 24, 25: types.
// https://onnx.ai/onnx/operators/onnx__If.html

func controlFamily() []Meaning {
	return []Meaning{{
		Name: "If", Class: Exact,
		New: func(a *Attrs) Op {
			return branch{then: a.Graph("then_branch"), other: a.Graph("else_branch"), outputs: a.Outputs()}
		},
	}}
}

type branch struct {
	then, other *onnx.Graph
	outputs     int
}

func (b branch) Infer(env *Env, in []Fact) ([]Fact, error) {
	if len(b.then.Outputs) != b.outputs || len(b.other.Outputs) != b.outputs {
		return nil, fmt.Errorf("the branches have %d and %d outputs, the node names %d", len(b.then.Outputs), len(b.other.Outputs), b.outputs)
	}
	if len(b.then.Inputs) != 0 || len(b.other.Inputs) != 0 {
		return nil, fmt.Errorf("a branch has inputs, it must have none")
	}
	if sizes, ok := in[0].Sizes(); ok {
		if n, err := onnx.Elements(sizes); err != nil || n != 1 {
			return nil, fmt.Errorf("the condition must have one element")
		}
	}
	if e := in[0].Elem(); e != onnx.Bool && e != onnx.Undefined {
		return nil, fmt.Errorf("the condition is %v, want bool", e)
	}
	if in[0].Value != nil {
		taken, name := b.taken(in[0].Value)
		out, err := env.InferGraph(taken, []Fact{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return out, nil
	}
	then, other, err := b.either(env)
	if err != nil {
		return nil, err
	}
	out := make([]Fact, b.outputs)
	for i := range out {
		out[i] = common(then[i], other[i])
	}
	return out, nil
}

// either gives the facts of both branches. Exporters write both for shapes that only one of them fits, also where data decide: where
// shapes are at hand and one cannot work, what the other says holds, as running the one fails.
func (b branch) either(env *Env) (then, other []Fact, err error) {
	look := func(g *onnx.Graph) ([]Fact, error) {
		if env.branch != nil {
			return env.branch(g)
		}
		return env.InferGraph(g, []Fact{})
	}
	then, err = look(b.then)
	if err != nil {
		err = fmt.Errorf("then_branch: %w", err)
		if env.branch == nil || errors.Is(err, errTooMany) {
			return nil, nil, err
		}
	}
	other, failed := look(b.other)
	switch {
	case failed != nil && (err != nil || env.branch == nil || errors.Is(failed, errTooMany)):
		if err == nil || errors.Is(failed, errTooMany) {
			err = fmt.Errorf("else_branch: %w", failed)
		}
		return nil, nil, err
	case failed != nil:
		return then, then, nil
	case err != nil:
		return other, other, nil
	}
	return then, other, nil
}

// taken is the branch that a condition chooses.
func (b branch) taken(cond *onnx.Tensor) (*onnx.Graph, string) {
	if cond.Bools()[0] {
		return b.then, "then_branch"
	}
	return b.other, "else_branch"
}

// neverTaken says whether an attribute of a node is a branch that a known condition rules out. What cannot work there is
// no mistake: exporters write both branches for shapes that only one of them fits.
func neverTaken(n *onnx.Node, attribute string, facts func(string) Fact) bool {
	if n.OpType != "If" || onnx.NormalDomain(n.Domain) != onnx.DomainDefault || len(n.Inputs) == 0 || n.Inputs[0] == "" {
		return false
	}
	cond := facts(n.Inputs[0]).Value
	if cond == nil || cond.Type != onnx.Bool || cond.Len() != 1 {
		return false
	}
	return attribute == "then_branch" && !cond.Bools()[0] || attribute == "else_branch" && cond.Bools()[0]
}

// common is what two facts agree on.
func common(a, b Fact) Fact {
	if a.Type.Kind != b.Type.Kind {
		return Absent
	}
	if a.Type.Kind != onnx.KindTensor {
		return Fact{Type: a.Type}
	}
	elem := a.Elem()
	if elem != b.Elem() {
		elem = onnx.Undefined
	}
	if !a.Ranked() || !b.Ranked() || a.Rank() != b.Rank() {
		return Unranked(elem)
	}
	dims := make([]onnx.Dim, a.Rank())
	for i := range dims {
		dims[i] = onnx.UnknownDim()
		if a.Dims()[i].Value == b.Dims()[i].Value && a.Dims()[i].Param == b.Dims()[i].Param {
			dims[i] = a.Dims()[i]
		}
	}
	return Tensor(elem, dims...)
}

func (b branch) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	cond, ok := in[0].(*onnx.Tensor)
	if !ok || cond.Type != onnx.Bool || cond.Len() != 1 {
		return nil, fmt.Errorf("the condition must be a bool of one element")
	}
	g, name := b.taken(cond)
	out, err := env.RunGraph(g, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}
