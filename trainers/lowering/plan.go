package lowering

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// plan is the machine's work for inputs of one set of shapes, forward alone or with gradients.
type plan struct {
	shapes  [][]int64 // of the inputs
	train   bool
	actions []action
	headers []*onnx.Tensor // by slot; nil where the plan does not need it
	kept    []bool         // by slot: whether its value is still there after the run
	inputs  []int          // slot of each input of the graph, or -1
	blocks  []*block
	arena   int // bytes
	age     int // of the arena that the blocks were bound to
}

// action is one instruction of a plan, ready to run.
type action struct {
	text string
	run  func() error
}

// block is a piece of the arena: from the action that writes it first to the last that reads it.
type block struct {
	size, offset int
	born, dies   int
	bind         func([]byte)
}

// activate gives the plan's headers memory and the inputs of a run.
func (pl *plan) activate(a *arena, inputs []*onnx.Tensor) {
	if len(a.data) < pl.arena {
		a.data = onnx.AlignedBytes(pl.arena)
		a.age++
	}
	if pl.age != a.age {
		pl.age = a.age
		for _, b := range pl.blocks {
			b.bind(a.data[b.offset : b.offset+b.size : b.offset+b.size])
		}
	}
	for i, at := range pl.inputs {
		if at >= 0 {
			pl.headers[at].Data, pl.headers[at].Strings = inputs[i].Data, inputs[i].Strings
		}
	}
}

// run carries the actions out. A panic in one becomes its error.
func (pl *plan) run() (err error) {
	at := 0
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: panic: %v", pl.actions[at].text, v)
		}
	}()
	for at = range pl.actions {
		if err := pl.actions[at].run(); err != nil {
			return fmt.Errorf("%s: %w", pl.actions[at].text, err)
		}
	}
	return nil
}

func (pl *plan) fits(m *machine) bool {
	if pl.train != m.train {
		return false
	}
	for i, t := range m.inputs {
		if !slices.Equal(pl.shapes[i], t.Dims) {
			return false
		}
	}
	return true
}
