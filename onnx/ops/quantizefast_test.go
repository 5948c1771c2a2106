package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// quanta makes a tensor of bytes that follow from the seed.
func quanta(seed uint64, elem onnx.ElemType, dims ...int64) *onnx.Tensor {
	r, t := rand.New(rand.NewPCG(seed, 1)), onnx.NewTensor(elem, dims...)
	for i := range t.Data {
		t.Data[i] = byte(r.Uint32())
	}
	return t
}

// scales makes small positive floats that follow from the seed.
func scales(seed uint64, dims ...int64) *onnx.Tensor {
	r, t := rand.New(rand.NewPCG(seed, 2)), onnx.NewTensor(onnx.Float, append([]int64{}, dims...)...)
	for i := range t.Float32s() {
		t.Float32s()[i] = 0.002 + r.Float32()/50
	}
	return t
}

func biases(n int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Int32, n)
	for i := range t.Int32s() {
		t.Int32s()[i] = int32(i*997%4001 - 2000)
	}
	return t
}

// Every fast way of a quantized operator gives what Eval does to the bit, on every set of kernels, with constant weights and without,
// for one thread and two, and allocates nothing.
func TestFastWaysOfQuantizedOperators(t *testing.T) {
	const u8, s8 = onnx.Uint8, onnx.Int8
	attrs := func(a ...*onnx.Attribute) []*onnx.Attribute { return a }
	pads := attrs(onnx.AttrInts("pads", 1, 0, 2, 1), onnx.AttrInts("strides", 1, 2))
	x := noise(1, 2, 3, 5, 7)
	wild := noise(2, 3, 41)
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30} {
		wild.Float32s()[i*7] = float32(v)
	}
	cases := map[string]fastNode{
		"quantize":                      {"QuantizeLinear", nil, []*onnx.Tensor{wild, scales(1), quanta(1, u8)}},
		"quantize, no zero point":       {"QuantizeLinear", nil, []*onnx.Tensor{wild, scales(1)}},
		"quantize by channels":          {"QuantizeLinear", nil, []*onnx.Tensor{x, scales(1, 3), quanta(1, s8, 3)}},
		"dequantize":                    {"DequantizeLinear", nil, []*onnx.Tensor{quanta(2, u8, 3, 41), scales(1), quanta(1, u8)}},
		"dequantize by rows":            {"DequantizeLinear", attrs(onnx.AttrInt("axis", 0)), []*onnx.Tensor{quanta(2, s8, 3, 41), scales(1, 3), quanta(1, s8, 3)}},
		"dynamic":                       {"DynamicQuantizeLinear", nil, []*onnx.Tensor{x}},
		"product":                       {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 7, 19), quanta(4, s8, 19, 33), quanta(5, u8), quanta(6, s8)}},
		"product, unsigned":             {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 7, 19), quanta(4, u8, 19, 33)}},
		"product, points each":          {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, s8, 7, 19), quanta(4, u8, 19, 33), quanta(5, s8, 7), quanta(6, u8, 33)}},
		"batch, one b":                  {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 2, 3, 7, 19), quanta(4, s8, 19, 33), quanta(5, u8), quanta(6, s8, 33)}},
		"two batches":                   {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 2, 1, 7, 19), quanta(4, s8, 3, 19, 5)}},
		"row by matrix":                 {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 19), quanta(4, s8, 19, 33)}},
		"product for two threads":       {"MatMulInteger", nil, []*onnx.Tensor{quanta(3, u8, 130, 64), quanta(4, s8, 64, 300), quanta(5, u8)}},
		"quantized product":             {"QLinearMatMul", nil, []*onnx.Tensor{quanta(3, u8, 7, 19), scales(1), quanta(5, u8), quanta(4, s8, 19, 33), scales(2), quanta(6, s8), scales(3), quanta(7, u8)}},
		"quantized product by columns":  {"QLinearMatMul", nil, []*onnx.Tensor{quanta(3, s8, 2, 7, 19), scales(1), quanta(5, s8), quanta(4, s8, 19, 33), scales(2, 33), quanta(6, s8, 33), scales(3), quanta(7, s8)}},
		"pooling":                       {"MaxPool", attrs(onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)), []*onnx.Tensor{quanta(1, s8, 2, 3, 9, 40)}},
		"pooling with pads":             {"MaxPool", attrs(onnx.AttrInts("kernel_shape", 3, 3), onnx.AttrInts("pads", 1, 1, 1, 1)), []*onnx.Tensor{quanta(1, u8, 2, 3, 9, 40)}},
		"upsampling":                    {"Resize", nil, []*onnx.Tensor{quanta(1, u8, 2, 3, 9, 40), nil, onnx.FromFloat32s([]float32{1, 1, 2, 3}, 4)}},
		"quantized product with a bias": {"FusedQLinearMatMul", nil, []*onnx.Tensor{quanta(3, u8, 7, 19), scales(1), quanta(5, u8), quanta(4, s8, 19, 33), scales(2, 33), onnx.NewTensor(s8, 33), scales(3), quanta(7, u8), biases(33)}},
		"and a zero point each":         {"FusedQLinearMatMul", nil, []*onnx.Tensor{quanta(3, u8, 7, 20), scales(1), quanta(5, u8), quanta(4, s8, 20, 33), scales(2, 33), quanta(6, s8, 33), scales(3), quanta(7, u8), biases(33)}},
		"convolution":                   {"ConvInteger", pads, []*onnx.Tensor{quanta(3, u8, 2, 5, 9, 8), quanta(4, s8, 7, 5, 3, 3), quanta(5, u8), quanta(6, s8, 7)}},
		"convolution, no zero points":   {"ConvInteger", nil, []*onnx.Tensor{quanta(3, s8, 2, 5, 9, 8), quanta(4, u8, 7, 5, 3, 3)}},
		"quantized convolution":         {"QLinearConv", pads, []*onnx.Tensor{quanta(3, u8, 2, 5, 9, 8), scales(1), quanta(5, u8), quanta(4, s8, 7, 5, 3, 3), scales(2), quanta(6, s8), scales(3), quanta(7, u8), biases(7)}},
		"quantized convolution by maps": {"QLinearConv", attrs(onnx.AttrInt("group", 2)), []*onnx.Tensor{quanta(3, s8, 1, 6, 9, 8), scales(1), quanta(5, s8), quanta(4, u8, 4, 3, 2, 3), scales(2, 4),
			quanta(6, u8, 4), scales(3), quanta(7, s8)}},
		"convolution for two threads": {"QLinearConv", nil, []*onnx.Tensor{quanta(3, u8, 1, 8, 40, 40), scales(1), quanta(5, u8), quanta(4, s8, 16, 8, 3, 3), scales(2), quanta(6, s8), scales(3), quanta(7, u8)}},
	}
	pool := kernels.NewPool(2)
	defer pool.Close()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			op, facts, want := c.read(t)
			for _, set := range kernels.Supported() {
				for _, constant := range []bool{false, true} {
					for _, p := range []*kernels.Pool{nil, pool} {
						where := fmt.Sprintf("%v, constants %v, %d threads", set, constant, p.Threads())
						consts := make([]*onnx.Tensor, len(c.in))
						if constant {
							copy(consts[1:], c.in[1:])
						}
						step, ok := op.(Specializer).Specialize(Target{Set: set, Pool: p}, facts, consts)
						if !ok && c.op == "Resize" && !constant {
							continue // its sizes are not known
						}
						if !ok {
							t.Fatalf("%s: there is no fast way", where)
						}
						f := &Frame{In: c.in, Scratch: onnx.AlignedBytes(step.Scratch)}
						for i := range f.Scratch {
							f.Scratch[i] = 0x5a
						}
						for _, v := range want {
							w := v.(*onnx.Tensor)
							f.Out = append(f.Out, onnx.NewTensor(w.Type, w.Dims...))
						}
						var err error
						n := testing.AllocsPerRun(2, func() { err = step.Run(f) })
						if err != nil {
							t.Fatalf("%s: %v", where, err)
						}
						if n > 0 && !testing.Short() {
							t.Errorf("%s: a run allocates %v times", where, n)
						}
						for i, v := range want {
							if d := Compare(f.Out[i], v, Tolerance{}); !d.Equal() {
								t.Errorf("%s, output %d: %v", where, i, d)
							}
						}
					}
				}
			}
		})
	}
}
