package backend

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// variant is a graph with some of its conditions settled, because shapes decide them: the branches taken stand in the graph itself and
// are folded, joined and planned with it. Plans of shapes that settle the same share it.
type variant struct {
	graph  *onnx.Graph
	eval   *ops.Evaluator
	bodies bodies
	next   map[string]*variant // by the branches taken, see unfold
}

// maxVariants bounds those of one model, whose constants are memory; further shapes run their branches as they stand.
const maxVariants = 64

// maxSettled bounds how often branches are looked for in branches.
const maxSettled = 32

func newVariant(g *onnx.Graph) (*variant, error) {
	eval, err := ops.NewEvaluator(&ops.Lifted{Graph: g})
	if err != nil {
		return nil, err
	}
	return &variant{graph: g, eval: eval, bodies: newBodies(g)}, nil
}

// settle gives the variant for inputs of some shapes, with the facts of its values.
func (m *Model) settle(in []ops.Fact) (*variant, ops.Facts, error) {
	v := m.whole
	for {
		g, facts, path, err := m.unfold(v.graph, in)
		if err != nil {
			return nil, nil, err
		}
		if path == "" {
			return v, facts, nil
		}
		next, err := m.variant(v, g, path)
		if err != nil {
			return nil, nil, err
		}
		if next == nil {
			facts, err = ops.InferGraph(&ops.Lifted{Graph: v.graph}, in, m.options.limit())
			return v, facts, err
		}
		v = next
	}
}

// unfold puts in the branches that shapes decide, and those inside of them. path says which were taken; facts are those of the result.
func (m *Model) unfold(g *onnx.Graph, in []ops.Fact) (out *onnx.Graph, facts ops.Facts, path string, err error) {
	for range maxSettled {
		facts, err := ops.InferGraph(&ops.Lifted{Graph: g}, in, m.options.limit())
		if err != nil {
			return nil, nil, "", err
		}
		inner, choice := ops.TakeBranches(g, facts)
		if choice == "" {
			return g, facts, path, nil
		}
		g, path = inner, path+choice+"/"
	}
	return nil, nil, "", fmt.Errorf("branches nest deeper than %d", maxSettled)
}

// variant gives what a path makes of v, made now or kept from before; nil where there are too many.
func (m *Model) variant(v *variant, g *onnx.Graph, path string) (*variant, error) {
	m.settling.Lock()
	defer m.settling.Unlock()
	if next := v.next[path]; next != nil {
		return next, nil
	}
	if m.variants >= maxVariants {
		return nil, nil
	}
	eval, err := ops.NewEvaluator(&ops.Lifted{Graph: g})
	if err != nil {
		return nil, err
	}
	next, err := m.prepare(g, eval, growthOfPart)
	if err != nil {
		return nil, err
	}
	if v.next == nil {
		v.next = make(map[string]*variant)
	}
	v.next[path] = next
	m.variants++
	return next, nil
}

// prepare folds and joins the nodes of a lifted graph; eval is one of it, growth as in foldConstants.
func (m *Model) prepare(g *onnx.Graph, eval *ops.Evaluator, growth int64) (*variant, error) {
	if !m.options.Plain {
		if joined := joinQuanta(g); joined != g {
			v, err := newVariant(joined)
			if err != nil {
				return nil, err
			}
			g, eval = joined, v.eval
		}
	}
	g, err := foldConstants(g, eval, m.options, growth)
	if err != nil {
		return nil, err
	}
	if !m.options.Plain {
		g = fuse(g)
	}
	return newVariant(g)
}
