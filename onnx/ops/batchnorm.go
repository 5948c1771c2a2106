package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// BatchNormalization: y = (x-mean)/√(var+epsilon)·scale + b, per channel. x, y [batch, C, spatial…] (or [batch], with C = 1);
// scale, b, mean, var [C]. With training_mode mean and var are those of the batch, over all axes but the channels, with n in the
// denominator; then there are outputs running_mean = input_mean·momentum + mean·(1-momentum), [C], and running_var, likewise.
// 1, 6: is_test · 7: training where five outputs are named; statistics may be per element (spatial=0) · 9: not so · 14: training_mode,
// three outputs · 15: statistics in another type.
// https://onnx.ai/onnx/operators/onnx__BatchNormalization.html

func batchNormFamily() []Meaning {
	return []Meaning{{
		Name: "BatchNormalization", Class: Rounds, New: newBatchNorm,
		Upgrade:   map[int64]Rewrite{6: dropConsumed, 7: batchNormUp7, 9: batchNormUp9, 14: batchNormUp14},
		Downgrade: map[int64]Rewrite{6: batchNormDown6, 7: batchNormDown7, 9: keep, 14: batchNormDown14},
	}}
}

// keep is a step on which a node stays as it is, though the tables do not show that it may.
func keep(r *Rewriter) error { return r.Keep() }

type batchNorm struct {
	epsilon, momentum float32
	training          bool
	outputs           int
}

func newBatchNorm(a *Attrs) Op {
	b := batchNorm{epsilon: a.Float("epsilon"), momentum: a.Float("momentum"), training: a.Bool("training_mode"), outputs: a.Outputs()}
	for i := 1; i < a.Outputs(); i++ {
		if a.Wants(i) && !b.training {
			a.Fail("output %d is there in training mode only", i)
		}
	}
	return b
}

func (b batchNorm) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	channels := onnx.UnknownDim()
	switch {
	case x.Ranked() && x.Rank() == 0:
		return nil, fmt.Errorf("the input is a scalar, want [batch, channels, …]")
	case x.Ranked() && x.Rank() == 1:
		channels = onnx.Fixed(1)
	case x.Ranked():
		channels = x.Dims()[1]
	}
	for i, name := range []string{"scale", "B", "input_mean", "input_var"} {
		if err := wantVector(in[i+1], name); err != nil {
			return nil, err
		}
		if in[i+1].Ranked() {
			var err error
			if channels, err = sameDim(channels, in[i+1].Dims()[0]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	y := Fact{Type: x.Type}
	if x.Ranked() && x.Rank() > 1 {
		dims := append([]onnx.Dim{}, x.Dims()...)
		dims[1] = channels
		y = Tensor(x.Elem(), dims...)
	}
	out := []Fact{y}
	for i := 1; i < min(b.outputs, 3); i++ {
		out = append(out, Tensor(in[2+i].Elem(), channels))
	}
	return out, nil
}

func (b batchNorm) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	for _, p := range t {
		if isHalf(p.Type) {
			return throughFloat(env, b, in)
		}
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	var read [4]func(int) float64
	for i := range read {
		if read[i] = floatReader(t[i+1]); read[i] == nil {
			return nil, unsupported(t[i+1].Type)
		}
	}
	out := []onnx.Value{y}
	var put [2]func(int, float64)
	for i := range 2 {
		if !b.training {
			break
		}
		running, err := env.New(t[3+i].Type, t[3+i].Dims...)
		if err != nil {
			return nil, err
		}
		out, put[i] = append(out, running), floatWriter(running)
	}
	get, set := floatReader(x), floatWriter(y)
	if x.Type != onnx.Float && x.Type != onnx.Double {
		return nil, unsupported(x.Type)
	}
	batch, channels, plane := channelsOf(x.Dims)
	for c := range channels {
		mean, variance := read[2](c), read[3](c)
		if b.training {
			mean, variance = channelMoments(get, batch, channels, plane, c)
			m := float64(b.momentum)
			put[0](c, read[2](c)*m+mean*(1-m))
			put[1](c, read[3](c)*m+variance*(1-m))
		}
		scale, shift := read[0](c)/math.Sqrt(variance+float64(b.epsilon)), read[1](c)
		for n := range batch {
			for i := (n*channels + c) * plane; i < (n*channels+c+1)*plane; i++ {
				set(i, (get(i)-mean)*scale+shift)
			}
		}
	}
	return out, nil
}

// channelsOf splits a shape [batch, channels, spatial…] into batch, channels and elements of a plane.
func channelsOf(dims []int64) (batch, channels, plane int) {
	if len(dims) < 2 {
		return count(dims), 1, 1
	}
	return int(dims[0]), int(dims[1]), count(dims[2:])
}

// channelMoments gives mean and variance of one channel.
func channelMoments(x func(int) float64, batch, channels, plane, c int) (mean, variance float64) {
	each := func(f func(v float64)) {
		for n := range batch {
			for i := (n*channels + c) * plane; i < (n*channels+c+1)*plane; i++ {
				f(x(i))
			}
		}
	}
	total := float64(batch * plane)
	each(func(v float64) { mean += v })
	mean /= total
	each(func(v float64) { variance += (v - mean) * (v - mean) })
	return mean, variance / total
}

// Specialize folds constant statistics into one factor and one addend a channel.
func (b batchNorm) Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool) {
	x, ok := in[0].Sizes()
	if !ok || count(x) == 0 || b.training || in[0].Elem() != onnx.Float {
		return Step{}, false
	}
	factor, addend, ok := b.affine(consts)
	if !ok {
		return Step{}, false
	}
	_, _, plane := channelsOf(x)
	return Step{InPlace: true, Run: func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		t.Set.BinaryColumn(t.Pool, kernels.Mul, y, x, factor, plane, false)
		t.Set.BinaryColumn(t.Pool, kernels.Add, y, y, addend, plane, false)
		return nil
	}}, true
}

// affine gives factor and addend of every channel for constant parameters.
func (b batchNorm) affine(consts []*onnx.Tensor) (factor, addend []float32, ok bool) {
	for i := 1; i < 5; i++ {
		if consts[i] == nil || consts[i].Type != onnx.Float {
			return nil, nil, false
		}
	}
	scale, shift, mean, variance := consts[1].Float32s(), consts[2].Float32s(), consts[3].Float32s(), consts[4].Float32s()
	factor, addend = make([]float32, len(scale)), make([]float32, len(scale))
	for c := range scale {
		k := float64(scale[c]) / math.Sqrt(float64(variance[c])+float64(b.epsilon))
		factor[c], addend[c] = float32(k), float32(float64(shift[c])-float64(mean[c])*k)
	}
	return factor, addend, true
}

// batchNormUp7 is the step to the version that trains where its further outputs are named.
func batchNormUp7(r *Rewriter) error {
	test := r.Take("is_test")
	if training := test == nil || test.Int == 0; training != (len(r.Node.Outputs) > 1) {
		return fmt.Errorf("is_test and the number of outputs, %d, do not say the same of training, which is %w", len(r.Node.Outputs), ErrUnsupported)
	}
	return r.Keep()
}

// batchNormDown6 gives the hint that version 1 requires: no input may be overwritten.
func batchNormDown6(r *Rewriter) error {
	r.Set(onnx.AttrInts("consumed_inputs", 0, 0, 0, 0, 0))
	return r.Keep()
}

func batchNormDown7(r *Rewriter) error {
	if len(r.Node.Outputs) == 1 {
		r.Set(onnx.AttrInt("is_test", 1))
	}
	return r.Keep()
}

// batchNormUp9 writes statistics for every element of [C, spatial…] out as arithmetic that broadcasts.
func batchNormUp9(r *Rewriter) error {
	spatial := r.Take("spatial")
	if spatial == nil || spatial.Int != 0 {
		return r.Keep()
	}
	if len(r.Node.Outputs) > 1 {
		return fmt.Errorf("training with spatial=0 is %w", ErrUnsupported)
	}
	epsilon := onnx.AttrFloat("epsilon", 1e-5)
	if a := r.Take("epsilon"); a != nil {
		epsilon = a
	}
	eps, err := scalarOf(r.Fact(0).Elem(), epsilon.Float)
	if err != nil {
		return err
	}
	centred := r.Emit("Sub", []string{r.Input(0), r.Input(3)})
	spread := r.Emit("Sqrt", []string{r.Emit("Add", []string{r.Input(4), r.Const("epsilon", eps)})})
	scaled := r.Emit("Mul", []string{r.Emit("Div", []string{centred, spread}), r.Input(1)})
	r.EmitTo(r.Node.Outputs[0], "Add", []string{scaled, r.Input(2)})
	return nil
}

// batchNormUp14 says in an attribute what the number of outputs said: five in training, the last two saved for the gradient.
func batchNormUp14(r *Rewriter) error {
	out := r.Node.Outputs
	for len(out) > 1 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	for i := 3; i < len(out); i++ {
		if out[i] != "" && r.read(out[i]) {
			return fmt.Errorf("outputs saved_mean and saved_var, which are gone since version 14, are %w", ErrUnsupported)
		}
	}
	r.Node.Outputs = out[:min(len(out), 3)]
	if len(out) > 1 {
		r.Set(onnx.AttrInt("training_mode", 1))
	}
	return r.Keep()
}

func batchNormDown14(r *Rewriter) error {
	training := r.Take("training_mode")
	if training == nil || training.Int == 0 {
		return r.Keep()
	}
	for i, name := range []string{"", "running_mean", "running_var", "saved_mean", "saved_var"} {
		if i == len(r.Node.Outputs) {
			r.Node.Outputs = append(r.Node.Outputs, "")
		}
		if r.Node.Outputs[i] == "" {
			r.Node.Outputs[i] = r.names.fresh(r.stem() + "/" + name)
		}
	}
	return r.Keep()
}
