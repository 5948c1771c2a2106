package backend

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// packs keeps the fast steps of a model's nodes, and the regions of several, by the shapes they are for, so that plans of equal shapes at
// a node share its packed weights.
type packs struct {
	mu    sync.Mutex
	steps map[string]*ops.Step
	made  map[string]*kernels.Region
}

// mostPacked bounds what is kept of steps and of regions; a model with this many shapes in use starts over.
const mostPacked = 4096

func newPacks() *packs {
	return &packs{steps: make(map[string]*ops.Step), made: make(map[string]*kernels.Region)}
}

// region gives the region of some nodes' stages on images of a shape.
func (c *packs) region(s kernels.Set, nodes []*onnx.Node, image []int64, stages []kernels.Stage) *kernels.Region {
	var key strings.Builder
	fmt.Fprint(&key, image)
	for i, n := range nodes {
		fmt.Fprintf(&key, ";%p,%p,%p", n, stages[i].Packed, stages[i].Bias)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.made[key.String()]
	if r == nil {
		if len(c.made) >= mostPacked {
			clear(c.made)
		}
		r = kernels.NewRegion(s, stages...)
		c.made[key.String()] = r
	}
	return r
}

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
	if len(c.steps) >= mostPacked {
		clear(c.steps)
	}
	c.steps[key.String()] = s
	return s
}
