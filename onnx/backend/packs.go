package backend

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
)

// packs keeps the fast steps of a model's nodes by the shapes they are for, so that plans of equal shapes at a node share its packed
// weights.
type packs struct {
	mu    sync.Mutex
	steps map[string]*ops.Step
}

func newPacks() *packs { return &packs{steps: make(map[string]*ops.Step)} }

// specialize gives the fast step of a node with its operator, or nil where there is none.
func (c *packs) specialize(t ops.Target, meaning ops.Op, n *onnx.Node, in []ops.Fact, consts []*onnx.Tensor) *ops.Step {
	op, ok := meaning.(ops.Specializer)
	if !ok {
		return nil
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%p", n)
	for i, f := range in {
		fmt.Fprintf(&key, ";%v,%p", f.Type, consts[i])
	}
	c.mu.Lock()
	s, found := c.steps[key.String()]
	c.mu.Unlock()
	if found {
		return s
	}
	made, ok := op.Specialize(t, in, consts)
	if ok {
		s = &made
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	const most = 4096 // steps; a model with this many shapes in use starts over
	if len(c.steps) >= most {
		clear(c.steps)
	}
	c.steps[key.String()] = s
	return s
}
