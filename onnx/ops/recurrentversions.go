package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// The steps between the versions of RNN, GRU and LSTM, see recurrent.go.

func recurrentUpgrades() map[int64]Rewrite { return map[int64]Rewrite{7: recurrentUp7} }

func recurrentDowngrades() map[int64]Rewrite {
	return map[int64]Rewrite{7: recurrentDown7, 14: layoutDown14}
}

func gruUp3(r *Rewriter) error {
	if word(r.Node, "direction", "foward") == "foward" {
		r.Take("direction")
	}
	return r.Keep()
}

func gruDown3(r *Rewriter) error {
	if a := r.Take("linear_before_reset"); a != nil && a.Int != 0 {
		return fmt.Errorf("attribute \"linear_before_reset\" is not there yet")
	}
	if len(r.Node.Outputs) < 2 || r.Node.Outputs[1] == "" {
		for len(r.Node.Outputs) < 2 {
			r.Node.Outputs = append(r.Node.Outputs, "")
		}
		r.Node.Outputs[1] = r.names.fresh(r.stem() + "/Y_h")
	}
	r.Set(onnx.AttrString("direction", word(r.Node, "direction", "forward")))
	return r.Keep()
}

func recurrentUp7(r *Rewriter) error {
	r.Take("output_sequence")
	return r.Keep()
}

func recurrentDown7(r *Rewriter) error {
	if len(r.Node.Outputs) > 0 && r.Node.Outputs[0] != "" {
		r.Set(onnx.AttrInt("output_sequence", 1))
	}
	return r.Keep()
}

// layoutDown14 writes a node with the batch first as one with the steps first, between transpositions.
func layoutDown14(r *Rewriter) error {
	if a := r.Take("layout"); a == nil || a.Int == 0 {
		return r.Keep()
	}
	swap := onnx.AttrInts("perm", 1, 0, 2)
	for _, i := range []int{0, 5, 6} { // X, initial_h, initial_c
		if r.Input(i) != "" {
			r.SetInput(i, r.Emit("Transpose", []string{r.Input(i)}, swap.Clone()))
		}
	}
	outputs := slices.Clone(r.Node.Outputs)
	for i, name := range outputs {
		if name != "" {
			r.Node.Outputs[i] = r.names.fresh(name + "/steps")
		}
	}
	made := slices.Clone(r.Node.Outputs)
	if err := r.Keep(); err != nil {
		return err
	}
	for i, name := range outputs {
		perm := swap.Clone()
		if i == 0 { // Y [steps, directions, batch, hidden] → [batch, steps, directions, hidden]
			perm = onnx.AttrInts("perm", 2, 0, 1, 3)
		}
		if name != "" {
			r.EmitTo(name, "Transpose", []string{made[i]}, perm)
		}
	}
	return nil
}
