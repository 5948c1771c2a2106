package ops

import (
	"cmp"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/schema"
)

// y = f(x), element by element, in the shape and type of x:
// Relu max(0, x) · LeakyRelu x < 0: alpha·x · ThresholdedRelu x > alpha: x, else 0 · Elu x < 0: alpha·(eˣ-1) ·
// Celu max(0, x) + min(0, alpha·(e^(x/alpha)-1)) · Selu gamma·(x > 0: x, else alpha·(eˣ-1)) · Sigmoid 1/(1+e⁻ˣ) ·
// HardSigmoid max(0, min(1, alpha·x+beta)) · HardSwish x·HardSigmoid(x) with 1/6 and 1/2 · Swish x·Sigmoid(alpha·x) ·
// Mish x·tanh(Softplus(x)) · Gelu x·Φ(x), or its approximation by tanh · Softplus ln(1+eˣ) · Softsign x/(1+|x|) ·
// Shrink x < -lambd: x+bias, x > lambd: x-bias, else 0 · Tanh, Exp, Log, Sqrt, Erf, Abs, Neg, Reciprocal, Floor, Ceil, Sign,
// Round (halves to even), Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Asinh, Acosh, Atanh, BitwiseNot.
// 1: most, with consumed_inputs · 6: without · 7, 9: trigonometry, Sign, Erf (with integers), Shrink · 10 ThresholdedRelu ·
// 11 Round · 12 Celu · 13, 14, 16, 22, 28: types (Erf 13: floats only) · 14 HardSwish · 18 Mish, BitwiseNot · 20 Gelu · 24 Swish.
// https://onnx.ai/onnx/operators/onnx__Relu.html

func unaryFamily() []Meaning {
	old, oldDown := map[int64]Rewrite{6: unaryUp6}, map[int64]Rewrite{6: unaryDown6}
	plain := func(name string, class Class, upgrade map[int64]Rewrite, u unary) Meaning {
		m := Meaning{Name: name, Class: class, New: func(*Attrs) Op { return u }, Upgrade: upgrade}
		if upgrade != nil {
			m.Downgrade = oldDown
		}
		return m
	}
	float := func(name string, f func(float64) float64) Meaning {
		return plain(name, Rounds, nil, unary{float: f})
	}
	return append([]Meaning{
		plain("Relu", Exact, old, unary{
			float: relu,
			int:   func(x int64) int64 { return max(x, 0) },
			act:   kernels.Activation{Function: kernels.Relu},
		}),
		plain("Sigmoid", Rounds, old, unary{float: sigmoid, act: kernels.Activation{Function: kernels.Sigmoid}}),
		plain("Tanh", Rounds, old, unary{float: math.Tanh, act: kernels.Activation{Function: kernels.Tanh}}),
		plain("Exp", Rounds, old, unary{float: math.Exp, act: kernels.Activation{Function: kernels.Exp}}),
		plain("Log", Rounds, old, unary{float: math.Log, act: kernels.Activation{Function: kernels.Log}}),
		plain("Sqrt", Rounds, old, unary{float: math.Sqrt, act: kernels.Activation{Function: kernels.Sqrt}}),
		plain("Abs", Exact, old, unary{
			float: math.Abs,
			int: func(x int64) int64 {
				if x < 0 {
					return -x
				}
				return x
			},
			uint: func(x uint64) uint64 { return x },
			act:  kernels.Activation{Function: kernels.Abs},
		}),
		plain("Neg", Exact, old, unary{
			float: func(x float64) float64 { return -x },
			int:   func(x int64) int64 { return -x },
			act:   kernels.Activation{Function: kernels.Neg},
		}),
		plain("Reciprocal", Rounds, old, unary{float: func(x float64) float64 { return 1 / x }}),
		plain("Floor", Exact, old, unary{float: math.Floor, act: kernels.Activation{Function: kernels.Floor}}),
		plain("Ceil", Exact, old, unary{float: math.Ceil, act: kernels.Activation{Function: kernels.Ceil}}),
		plain("Round", Exact, nil, unary{float: math.RoundToEven, act: kernels.Activation{Function: kernels.Round}}),
		plain("Sign", Exact, nil, unary{
			float: func(x float64) float64 {
				switch {
				case x > 0:
					return 1
				case x < 0:
					return -1
				case x == 0:
					return 0
				}
				return x
			},
			int:  func(x int64) int64 { return int64(cmp.Compare(x, 0)) },
			uint: func(x uint64) uint64 { return min(x, 1) },
		}),
		{Name: "Erf", Class: Rounds, New: func(*Attrs) Op { return unary{float: math.Erf, act: kernels.Activation{Function: kernels.Erf}} },
			Upgrade: map[int64]Rewrite{13: throughDouble}, Downgrade: map[int64]Rewrite{13: keep}},
		plain("BitwiseNot", Exact, nil, unary{
			int:  func(x int64) int64 { return ^x },
			uint: func(x uint64) uint64 { return ^x },
		}),
		plain("Softplus", Rounds, nil, unary{float: softplus, act: kernels.Activation{Function: kernels.Softplus}}),
		float("Softsign", func(x float64) float64 { return x / (1 + math.Abs(x)) }),
		plain("HardSwish", Rounds, nil, unary{float: func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) }, act: kernels.Activation{Function: kernels.HardSwish}}),
		plain("Mish", Rounds, nil, unary{float: func(x float64) float64 { return x * math.Tanh(softplus(x)) }, act: kernels.Activation{Function: kernels.Mish}}),
		float("Sin", math.Sin), float("Cos", math.Cos), float("Tan", math.Tan),
		float("Asin", math.Asin), float("Acos", math.Acos), float("Atan", math.Atan),
		float("Sinh", math.Sinh), float("Cosh", math.Cosh),
		float("Asinh", math.Asinh), float("Acosh", math.Acosh), float("Atanh", math.Atanh),
	}, parameterised(old, oldDown)...)
}

// parameterised are the functions with attributes.
func parameterised(old, oldDown map[int64]Rewrite) []Meaning {
	return []Meaning{
		{Name: "LeakyRelu", Class: Rounds, Upgrade: old, Downgrade: oldDown, New: func(a *Attrs) Op {
			slope := a.Float("alpha")
			return unary{act: kernels.Activation{Function: kernels.LeakyRelu, Slope: slope}, float: func(x float64) float64 {
				if x < 0 {
					return float64(slope) * x
				}
				return x
			}}
		}},
		{Name: "ThresholdedRelu", Class: Exact, New: func(a *Attrs) Op {
			alpha := float64(a.Float("alpha"))
			return unary{float: func(x float64) float64 {
				if x <= alpha {
					return 0
				}
				return x
			}}
		}},
		{Name: "Elu", Class: Rounds, Upgrade: old, Downgrade: oldDown, New: func(a *Attrs) Op {
			slope := a.Float("alpha")
			alpha := float64(slope)
			return unary{act: kernels.Activation{Function: kernels.Elu, Slope: slope}, float: func(x float64) float64 {
				if x < 0 {
					return alpha * math.Expm1(x)
				}
				return x
			}}
		}},
		{Name: "Celu", Class: Rounds, New: func(a *Attrs) Op {
			alpha := float64(a.Float("alpha"))
			return unary{float: func(x float64) float64 { return max(0, x) + min(0, alpha*math.Expm1(x/alpha)) }}
		}},
		{Name: "Selu", Class: Rounds, Upgrade: old, Downgrade: oldDown, New: func(a *Attrs) Op {
			alpha, gamma := float64(a.Float("alpha")), float64(a.Float("gamma"))
			return unary{float: func(x float64) float64 {
				if x > 0 {
					return gamma * x
				}
				return gamma * alpha * math.Expm1(x)
			}}
		}},
		{Name: "HardSigmoid", Class: Rounds, Upgrade: old, Downgrade: oldDown, New: func(a *Attrs) Op {
			slope, shift := a.Float("alpha"), a.Float("beta")
			alpha, beta := float64(slope), float64(shift)
			return unary{
				float: func(x float64) float64 { return max(0, min(1, alpha*x+beta)) },
				act:   kernels.Activation{Function: kernels.HardSigmoid, Slope: slope, Shift: shift},
			}
		}},
		{Name: "Swish", Class: Rounds, New: func(a *Attrs) Op {
			slope := a.Float("alpha")
			alpha := float64(slope)
			return unary{float: func(x float64) float64 { return x * sigmoid(alpha*x) }, act: kernels.Activation{Function: kernels.Swish, Slope: slope}}
		}},
		{Name: "Gelu", Class: Rounds, New: func(a *Attrs) Op {
			if a.OneOf("approximate", "none", "tanh") == "tanh" {
				return unary{act: kernels.Activation{Function: kernels.GeluTanh}, float: func(x float64) float64 {
					return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
				}}
			}
			return unary{act: kernels.Activation{Function: kernels.Gelu}, float: func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }}
		}},
		{Name: "Shrink", Class: Rounds, New: func(a *Attrs) Op {
			bias, lambd := float64(a.Float("bias")), float64(a.Float("lambd"))
			f := func(x float64) float64 {
				switch {
				case x < -lambd:
					return x + bias
				case x > lambd:
					return x - bias
				}
				return 0
			}
			return unary{
				float: f,
				int:   func(x int64) int64 { return toInt(f(float64(x)), 64) },
				uint:  func(x uint64) uint64 { return toUint(f(float64(x)), 64) },
			}
		}},
	}
}

// unary applies a function to every element; the functions that are nil it does not take. act is the same function on the
// kernels, where they have it.
type unary struct {
	float func(float64) float64
	int   func(int64) int64
	uint  func(uint64) uint64
	act   kernels.Activation
}

func (u unary) Infer(_ *Env, in []Fact) ([]Fact, error) { return []Fact{{Type: in[0].Type}}, nil }

func (u unary) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	if isHalf(x.Type) {
		return throughFloat(env, u, in)
	}
	if isFloat(x.Type) && u.float == nil || isSigned(x.Type) && u.int == nil || isUnsigned(x.Type) && u.uint == nil {
		return nil, unsupported(x.Type)
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	switch x.Type {
	case onnx.Float:
		apply(y.Float32s(), x.Float32s(), u.float)
	case onnx.Double:
		apply(y.Float64s(), x.Float64s(), u.float)
	case onnx.Int8:
		apply(onnx.View[int8](y), onnx.View[int8](x), u.int)
	case onnx.Int16:
		apply(onnx.View[int16](y), onnx.View[int16](x), u.int)
	case onnx.Int32:
		apply(y.Int32s(), x.Int32s(), u.int)
	case onnx.Int64:
		apply(y.Int64s(), x.Int64s(), u.int)
	case onnx.Uint8:
		apply(y.Uint8s(), x.Uint8s(), u.uint)
	case onnx.Uint16:
		apply(onnx.View[uint16](y), onnx.View[uint16](x), u.uint)
	case onnx.Uint32:
		apply(onnx.View[uint32](y), onnx.View[uint32](x), u.uint)
	case onnx.Uint64:
		apply(onnx.View[uint64](y), onnx.View[uint64](x), u.uint)
	default:
		return nil, unsupported(x.Type)
	}
	return []onnx.Value{y}, nil
}

func apply[T number, W wide](y, x []T, f func(W) W) {
	for i, v := range x {
		y[i] = T(f(W(v)))
	}
}

// Specialize runs the functions that the kernels have on float.
func (u unary) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || count(sizes) == 0 || in[0].Elem() != onnx.Float || u.act.Function == kernels.Identity {
		return Step{}, false
	}
	return Step{InPlace: true, Link: &Link{Link: kernels.Link{Act: u.act}, On: []int{0}, In: -1}, Run: func(f *Frame) error {
		t.Set.Unary(t.Pool, u.act, f.Out[0].Float32s(), f.In[0].Float32s())
		return nil
	}}, true
}

// unaryUp6 is the step to opset 6: besides the hint that went away, defaults that changed are written out.
func unaryUp6(r *Rewriter) error {
	r.Take("consumed_inputs")
	return writeDefaults(r, 5, 6)
}

// unaryDown6 is the step back.
func unaryDown6(r *Rewriter) error { return writeDefaults(r, 6, 5) }

// writeDefaults gives float attributes that are left out the default they have at one opset, where it is another one at the next.
func writeDefaults(r *Rewriter, from, to int64) error {
	older, ok := schema.Lookup("", r.Node.OpType, from)
	newer, ok2 := schema.Lookup("", r.Node.OpType, to)
	if ok && ok2 {
		for i := range older.Attributes {
			a := &older.Attributes[i]
			b := newer.Attribute(a.Name)
			if b == nil || a.Type != schema.Float || !a.HasDefault() || b.Default.Equal(a.Default) || r.Node.Attribute(a.Name) != nil {
				continue
			}
			r.Set(onnx.AttrFloat(a.Name, a.Default.Float()))
		}
	}
	return r.Keep()
}

// throughDouble keeps the integers that an operator of floats took before the version it is a step to: they are computed in double
// and truncated.
func throughDouble(r *Rewriter) error {
	elem := r.Fact(0).Elem()
	if !isInteger(elem) {
		return r.Keep()
	}
	out := r.Node.Outputs[0]
	r.Node.Inputs[0] = r.Emit("Cast", []string{r.Input(0)}, onnx.AttrInt("to", int64(onnx.Double)))
	r.Node.Outputs[0] = r.names.fresh(out + "/double")
	inner := r.Node.Outputs[0]
	if err := r.Keep(); err != nil {
		return err
	}
	r.EmitTo(out, "Cast", []string{inner}, onnx.AttrInt("to", int64(elem)))
	return nil
}

func relu(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x
}

// sigmoid and softplus never raise e to a positive power, which would overflow before the result does.
func sigmoid(x float64) float64 {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
