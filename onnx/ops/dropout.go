package ops

import (
	"fmt"
	"math/rand/v2"

	"github.com/gonyx/gonyx/onnx"
)

// Dropout: in training y = mask·x/(1-ratio) with a mask that is false with probability ratio, otherwise y = x and a mask of true.
// data and y of one shape and type, mask bool of that shape. ratio, 0.5 by default, and training_mode, false by default, have one
// element each.
// 1, 6: is_test and ratio are attributes, the mask has the type of data · 7: inference only · 10: mask bool · 12: ratio is an input,
// training_mode · 13, 22: types.
// https://onnx.ai/onnx/operators/onnx__Dropout.html

func dropoutFamily() []Meaning {
	return []Meaning{{
		Name: "Dropout", Class: Random, New: newDropout,
		Upgrade:   map[int64]Rewrite{6: dropConsumed, 7: dropoutUp7, 10: dropoutUp10, 12: dropoutUp12},
		Downgrade: map[int64]Rewrite{6: keep, 7: dropoutDown7, 10: dropoutDown10, 12: dropoutDown12},
	}}
}

type dropout struct {
	seed   uint64
	seeded bool
	mask   bool
}

func newDropout(a *Attrs) Op {
	return dropout{seed: uint64(a.IntOr("seed", 0)), seeded: a.Has("seed"), mask: a.Wants(1)}
}

func (d dropout) Infer(_ *Env, in []Fact) ([]Fact, error) {
	for i, f := range in[1:] {
		if f.Absent() {
			continue
		}
		if err := wantOne(f, [...]string{"ratio", "training_mode"}[i]); err != nil {
			return nil, err
		}
	}
	if len(in) > 1 && in[1].Value != nil {
		if read := floatReader(in[1].Value); read != nil {
			if r := read(0); !(r >= 0 && r < 1) {
				return nil, fmt.Errorf("ratio is %v, want at least 0 and less than 1", r)
			}
		}
	}
	out := []Fact{{Type: in[0].Type}}
	if d.mask {
		mask := Fact{Type: in[0].Type}
		mask.Type.Elem = onnx.Bool
		out = append(out, mask)
	}
	return out, nil
}

func (d dropout) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	ratio := 0.0
	if len(t) > 2 && t[2] != nil && t[2].Bools()[0] {
		ratio = 0.5
		if t[1] != nil {
			read := floatReader(t[1])
			if read == nil {
				return nil, unsupported(t[1].Type)
			}
			ratio = read(0)
		}
	}
	keep, err := env.New(onnx.Bool, x.Dims...)
	if err != nil {
		return nil, err
	}
	mask := keep.Bools()
	if ratio == 0 {
		for i := range mask {
			mask[i] = true
		}
		return []onnx.Value{x, keep}, nil
	}
	if isHalf(x.Type) {
		return throughFloat(env, d, in)
	}
	random := env.Rand
	if d.seeded || random == nil {
		random = rand.New(rand.NewPCG(d.seed, 0x5eed))
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	for i := range mask {
		mask[i] = random.Float64() >= ratio
	}
	switch x.Type {
	case onnx.Float:
		dropped(y.Float32s(), x.Float32s(), mask, ratio)
	case onnx.Double:
		dropped(y.Float64s(), x.Float64s(), mask, ratio)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y, keep}, nil
}

func dropped[T ~float32 | ~float64](y, x []T, mask []bool, ratio float64) {
	for i, keep := range mask {
		if keep {
			y[i] = T(float64(x[i]) / (1 - ratio))
		}
	}
}

// dropoutUp7 is the step to the versions that know inference only.
func dropoutUp7(r *Rewriter) error {
	if test := r.Take("is_test"); test == nil || test.Int == 0 {
		return fmt.Errorf("Dropout in training mode, which version 7 cannot express, is %w", ErrUnsupported)
	}
	return r.Keep()
}

func dropoutDown7(r *Rewriter) error {
	r.Set(onnx.AttrInt("is_test", 1))
	return r.Keep()
}

// dropoutUp10 keeps the type of the mask, which was that of the data.
func dropoutUp10(r *Rewriter) error {
	if len(r.Node.Outputs) < 2 || r.Node.Outputs[1] == "" {
		return r.Keep()
	}
	elem := r.Fact(0).Elem()
	if elem == onnx.Undefined {
		return fmt.Errorf("the element type of the data: %w", errUnknown)
	}
	old := r.Node.Outputs[1]
	r.Node.Outputs[1] = r.names.fresh(old + "/bool")
	mask := r.Node.Outputs[1]
	if err := r.Keep(); err != nil {
		return err
	}
	r.EmitTo(old, "Cast", []string{mask}, onnx.AttrInt("to", int64(elem)))
	return nil
}

func dropoutDown10(r *Rewriter) error {
	if len(r.Node.Outputs) > 1 && r.Node.Outputs[1] != "" {
		return fmt.Errorf("the mask is not filled in inference there")
	}
	return r.Keep()
}

func dropoutUp12(r *Rewriter) error {
	if ratio := r.Take("ratio"); ratio != nil {
		r.SetInput(1, r.Const("ratio", onnx.Scalar32(ratio.Float)))
	}
	return r.Keep()
}

func dropoutDown12(r *Rewriter) error {
	if r.Input(2) != "" {
		mode := r.Fact(2).Value
		if mode == nil || mode.Type != onnx.Bool || mode.Len() != 1 || mode.Bools()[0] {
			return fmt.Errorf("training_mode must be the constant false there")
		}
		r.SetInput(2, "")
	}
	if err := scalarToAttr(r, "ratio", 1); err != nil {
		return err
	}
	r.Take("seed") // without a meaning in inference
	r.TrimInputs()
	return r.Keep()
}
