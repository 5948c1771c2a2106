package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// The histories of operators that are compared and converted but have no meaning here.
//
// DFT 17: axis is an attribute, 1 by default · 20: an input, -2 by default. GridSample 16: four axes, modes bilinear and bicubic ·
// 20: any axes, linear and cubic · 22: types. RoiAlign 10: coordinates as they are · 16: half_pixel by default · 22: types.
// https://onnx.ai/onnx/operators/
//
// Three changes of other operators are in words only and are read as corrections, which runtimes apply to every version: OneHot 11
// counts negative indices from the end; ConvTranspose 11 puts the odd pad at the other end; AveragePool 19 rounds the sizes of
// auto_pad as every other pooling does.

func versionsFamily() []Meaning {
	return []Meaning{
		{Name: "DFT", Class: Rounds, Upgrade: map[int64]Rewrite{20: dftUp20}, Downgrade: map[int64]Rewrite{20: dftDown20}},
		{
			Name: "GridSample", Class: Rounds,
			Upgrade:   map[int64]Rewrite{20: renameMode(map[string]string{"bilinear": "linear", "bicubic": "cubic"})},
			Downgrade: map[int64]Rewrite{20: gridSampleDown20},
		},
		{Name: "RoiAlign", Class: Rounds, Upgrade: map[int64]Rewrite{16: roiAlignUp16}, Downgrade: map[int64]Rewrite{16: roiAlignDown16}},
	}
}

func dftUp20(r *Rewriter) error {
	axis := int64(1)
	if a := r.Take("axis"); a != nil {
		axis = a.Int
	}
	r.SetInput(2, r.Const("axis", onnx.Scalar64(axis)))
	return r.Keep()
}

func dftDown20(r *Rewriter) error {
	axis := int64(-2)
	if r.Input(2) != "" {
		v, ok := r.Fact(2).KnownInts()
		if !ok || len(v) != 1 {
			return fmt.Errorf("axis must be a constant there")
		}
		axis = v[0]
	}
	r.Node.Inputs = r.Node.Inputs[:min(2, len(r.Node.Inputs))]
	r.TrimInputs()
	r.Set(onnx.AttrInt("axis", axis))
	return r.Keep()
}

// renameMode gives the attribute mode the words of another version.
func renameMode(words map[string]string) Rewrite {
	return func(r *Rewriter) error {
		if a := r.Node.Attribute("mode"); a != nil {
			if w, ok := words[string(a.Str)]; ok {
				r.Set(onnx.AttrString("mode", w))
			}
		}
		return r.Keep()
	}
}

func gridSampleDown20(r *Rewriter) error {
	if rank, err := r.Rank(0); err != nil || rank != 4 {
		return fmt.Errorf("the input must be known to be [batch, channels, height, width] there")
	}
	return renameMode(map[string]string{"linear": "bilinear", "cubic": "bicubic"})(r)
}

func roiAlignUp16(r *Rewriter) error {
	r.Set(onnx.AttrString("coordinate_transformation_mode", "output_half_pixel"))
	return r.Keep()
}

func roiAlignDown16(r *Rewriter) error {
	if mode := word(r.Node, "coordinate_transformation_mode", "half_pixel"); mode != "output_half_pixel" {
		return fmt.Errorf("coordinate_transformation_mode %q is not there yet", mode)
	}
	r.Take("coordinate_transformation_mode")
	return r.Keep()
}

// RNN, GRU, LSTM: X [steps, batch, inputs], W [directions, gates·hidden, inputs], R [directions, gates·hidden, hidden], B [directions,
// 2·gates·hidden], sequence_lens [batch], initial_h [directions, batch, hidden] (LSTM: initial_c likewise, P [directions, 3·hidden]) →
// Y [steps, directions, batch, hidden], Y_h [directions, batch, hidden] (LSTM: Y_c). With layout 1 batch comes first everywhere.
// 1: output_sequence says whether Y is wanted; GRU's direction is misspelt "foward" by default · GRU 3: linear_before_reset, forward ·
// 7: without output_sequence · 14: layout · 22: types.
// https://onnx.ai/onnx/operators/onnx__LSTM.html

func recurrentVersions() []Meaning {
	up := func() map[int64]Rewrite { return map[int64]Rewrite{7: recurrentUp7} }
	down := func() map[int64]Rewrite { return map[int64]Rewrite{7: recurrentDown7, 14: layoutDown14} }
	gru := Meaning{Name: "GRU", Class: Rounds, Upgrade: up(), Downgrade: down()}
	gru.Upgrade[3], gru.Downgrade[3] = gruUp3, gruDown3
	return []Meaning{
		{Name: "RNN", Class: Rounds, Upgrade: up(), Downgrade: down()},
		gru,
		{Name: "LSTM", Class: Rounds, Upgrade: up(), Downgrade: down()},
	}
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
