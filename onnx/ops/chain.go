package ops

import (
	"slices"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// Link is a step on elements as a link of a chain: what it does to one input, which has the shape of its result.
type Link struct {
	kernels.Link
	On []int // inputs that may be the one it works on, the first by choice
	In int   // of a step: the other input; of a chain: the input of its frame that is the operand. -1 where there is none
}

// To is the link where it works on that input, which is one of On.
func (l Link) To(input int) Link {
	if l.In >= 0 && input != l.On[0] { // both have the shape of the result
		l.In, l.Swapped = l.On[0], !l.Swapped
	}
	l.On = []int{input}
	return l
}

// leading takes a function at the head of a chain as the activation where there is none yet.
func leading(act kernels.Activation, links []Link) (kernels.Activation, []Link) {
	if act.Function == kernels.Identity && len(links) > 0 && links[0].Operand == kernels.NoOperand {
		return links[0].Act, links[1:]
	}
	return act, links
}

// ownChain makes for every run the links with room for their operands.
func ownChain(links []Link) func() any {
	if len(links) == 0 {
		return nil
	}
	return func() any {
		c := make(kernels.Chain, len(links))
		for i, l := range links {
			c[i] = l.Link
		}
		return c
	}
}

// chain gives the links with the operands of a frame, in what the run owns.
func chain(links []Link, f *Frame) kernels.Chain {
	if len(links) == 0 {
		return nil
	}
	c := f.Own.(kernels.Chain)
	for i, l := range links {
		if l.In >= 0 {
			c[i].B = f.In[l.In].Float32s()
		}
	}
	return c
}

// Chained gives the step of a chain of links on the first input of its frame.
func Chained(t Target, links []Link) Step {
	links = slices.Clone(links)
	return Step{InPlace: true, Own: ownChain(links), Run: func(f *Frame) error {
		t.Set.Chain(t.Pool, chain(links, f), f.Out[0].Float32s(), f.In[0].Float32s())
		return nil
	}, Then: func(more []Link) Step { return Chained(t, slices.Concat(links, more)) }}
}
