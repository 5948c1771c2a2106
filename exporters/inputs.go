package exporters

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
)

// invent makes values for the inputs of a graph, the same for the same seed; nil for inputs with a default. The batch dimension
// gets the size asked for: the symbol "batch", or where there is none the first dimension of inputs whose size is not fixed. Other
// symbols get small sizes that differ from one another. Floats are drawn from -1 to 1, at even batch sizes
// from 0 to 1, where square roots and logarithms are numbers too; whole numbers of 8 bits and more from 0 to 3,
// text from a few words, of a vocabulary where the graph has one. It fails where an input is no tensor of known rank, or would take more bytes than the limit.
func invent(g *onnx.Graph, batch int64, seed uint64, limit int64) ([]onnx.Value, error) {
	return inventSizes(g, batch, seed, limit, 4, 1)
}

// inventFor makes values as [invent] does, which try takes: pictures of four pixels are too small for many a network, and sizes that
// are no multiple of what it halves them by do not fit together again; sound comes in hundreds of samples, for which pictures would be
// too much work. Where try takes none of the sizes, unfit is what it says of the smallest.
func inventFor(g *onnx.Graph, batch int64, limit int64, try func([]onnx.Value) error) (in []onnx.Value, unfit, err error) {
	if in, err = invent(g, batch, numbersSeed, limit); err != nil {
		return nil, nil, err
	}
	if unfit = try(in); unfit == nil {
		return in, nil, nil
	}
	for _, size := range [...]int64{32, 48, 64, 640} {
		larger, err := inventSizes(g, batch, numbersSeed, limit, size, size)
		if err != nil || sameShapes(in, larger) || elements(larger) > 1<<17 {
			break
		}
		if try(larger) == nil {
			return larger, nil, nil
		}
	}
	return in, unfit, nil
}

func elements(in []onnx.Value) (n int) {
	for _, v := range in {
		if t, ok := v.(*onnx.Tensor); ok && t != nil {
			n += t.Len()
		}
	}
	return n
}

// inventSizes is invent with the size that the first of the other dimensions gets, and how much larger each next one is.
func inventSizes(g *onnx.Graph, batch int64, seed uint64, limit, next, step int64) ([]onnx.Value, error) {
	sizes := map[string]int64{}
	for _, v := range g.Inputs {
		for _, d := range v.Type.Dims {
			if d.Param == graphs.Batch {
				sizes[d.Param] = batch
			}
		}
	}
	if len(sizes) == 0 {
		for _, v := range g.Inputs {
			if len(v.Type.Dims) > 0 && v.Type.Dims[0].Param != "" {
				sizes[v.Type.Dims[0].Param] = batch
			}
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(batch)))
	required := make(map[string]bool)
	for _, v := range g.RequiredInputs() {
		required[v.Name] = true
	}
	words := vocabulary(g)
	values := make([]onnx.Value, len(g.Inputs))
	for i, v := range g.Inputs {
		if !required[v.Name] {
			continue
		}
		if v.Type.Kind != onnx.KindTensor || !v.Type.Ranked {
			return nil, fmt.Errorf("input %q of type %v cannot be invented", v.Name, v.Type)
		}
		dims := make([]int64, len(v.Type.Dims))
		for k, d := range v.Type.Dims {
			switch size, known := sizes[d.Param]; {
			case d.Known():
				dims[k] = d.Value
			case d.Param != "" && known:
				dims[k] = size
			case d.Param == "" && k == 0:
				dims[k] = batch
			default:
				dims[k] = next
				next += step
				if d.Param != "" {
					sizes[d.Param] = dims[k]
				}
			}
		}
		size, err := onnx.ByteSize(v.Type.Elem, dims)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", v.Name, err)
		}
		if size > limit {
			return nil, fmt.Errorf("input %q of type %v takes %d bytes, more than the memory limit of %d", v.Name, v.Type, size, limit)
		}
		t := onnx.NewTensor(v.Type.Elem, dims...)
		draw(t, random, batch%2 == 0, words)
		values[i] = t
	}
	return values, nil
}

// draw fills a tensor, with numbers that are not negative where positive, and with words.
func draw(t *onnx.Tensor, random *rand.Rand, positive bool, words []string) {
	float := func() float32 {
		if positive {
			return random.Float32()
		}
		return 2*random.Float32() - 1
	}
	few := func() uint64 { return random.Uint64N(4) }
	switch t.Type {
	case onnx.Float:
		fill(t, float)
	case onnx.Double:
		fill(t, func() float64 { return float64(float()) })
	case onnx.Complex64:
		fill(t, func() complex64 { return complex(float(), float()) })
	case onnx.Complex128:
		fill(t, func() complex128 { return complex(float64(float()), float64(float())) })
	case onnx.BFloat16: // the upper half of a float
		fill(t, func() uint16 { return uint16(math.Float32bits(float()) >> 16) })
	case onnx.Float16: // any fraction, exponents from 2^-7 to 2^-1
		fill(t, func() uint16 {
			bits := (8+random.Uint32N(7))<<10 | random.Uint32N(1<<10)
			if float() < 0 {
				bits |= 1 << 15
			}
			return uint16(bits)
		})
	case onnx.Int8:
		fill(t, func() int8 { return int8(few()) })
	case onnx.Int16:
		fill(t, func() int16 { return int16(few()) })
	case onnx.Int32:
		fill(t, func() int32 { return int32(few()) })
	case onnx.Int64:
		fill(t, func() int64 { return int64(few()) })
	case onnx.Uint8:
		fill(t, func() uint8 { return uint8(few()) })
	case onnx.Uint16:
		fill(t, func() uint16 { return uint16(few()) })
	case onnx.Uint32:
		fill(t, func() uint32 { return uint32(few()) })
	case onnx.Uint64:
		fill(t, few)
	case onnx.Bool:
		fill(t, func() bool { return few() < 2 })
	case onnx.String:
		for i := range t.Strings {
			t.Strings[i] = words[random.IntN(len(words))]
		}
	default: // a byte or less: every pattern is a number but those of the float8 types with the upper bits set
		for i := range t.Data {
			t.Data[i] = uint8(random.Uint32())
			if t.Type.Bits() == 8 {
				t.Data[i] &= 0x3f
			}
		}
		if used := t.Len() * t.Type.Bits() % 8; used > 0 {
			t.Data[len(t.Data)-1] &= 1<<used - 1
		}
	}
}

func fill[T onnx.Element](t *onnx.Tensor, next func() T) {
	v := onnx.View[T](t)
	for i := range v {
		v[i] = next()
	}
}
