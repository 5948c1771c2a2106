package backend_test

import (
	"bytes"
	"strings"
	"testing"

	onnxgo "github.com/owulveryck/onnx-go"
	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
)

func info(name string, dims ...onnx.Dim) *onnx.ValueInfo {
	return &onnx.ValueInfo{Name: name, Type: onnx.TensorType(onnx.Float, dims...)}
}

func three(name string) *onnx.ValueInfo { return info(name, onnx.Fixed(3)) }

func init3(name string, a, b, c float32) *onnx.Tensor {
	t := onnx.FromFloat32s([]float32{a, b, c}, 3)
	t.Name = name
	return t
}

func op(opType string, in []string, out []string, attributes ...*onnx.Attribute) *onnx.Node {
	return &onnx.Node{OpType: opType, Inputs: in, Outputs: out, Attributes: attributes}
}

type values = []string

// poured are models that onnx-go delivers in ways of its own, each with inputs and what must come out.
func poured() map[string]struct {
	graph onnx.Graph
	in    [][]float32
	want  [][]float32
} {
	type one = struct {
		graph onnx.Graph
		in    [][]float32
		want  [][]float32
	}
	constant := func(out string, v float32) *onnx.Node {
		return op("Constant", nil, values{out}, onnx.AttrTensor("value", onnx.Scalar32(v)))
	}
	return map[string]one{
		"an operand given twice": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Mul", values{"x", "x"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{1, 2, 3}}, [][]float32{{1, 4, 9}}},
		"an absent operand in the middle": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Clip", values{"x", "", "most"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
			Initializers: []*onnx.Tensor{{Name: "most", Type: onnx.Float, Dims: []int64{}, Data: onnx.BytesOf([]float32{2})}},
		}, [][]float32{{-1, 2, 3}}, [][]float32{{-1, 2, 2}}},
		"two absent operands at the end": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Clip", values{"x", "", ""}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{-1, 2, 3}}, [][]float32{{-1, 2, 3}}},
		"an initializer listed first among the inputs": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Sub", values{"x", "w"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("w"), three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
			Initializers: []*onnx.Tensor{init3("w", 100, 100, 100)},
		}, [][]float32{{1, 2, 3}}, [][]float32{{-99, -98, -97}}},
		"initializers of zeros, one of them unused": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Add", values{"x", "w"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
			Initializers: []*onnx.Tensor{init3("unused", 0, 0, 0), init3("w", 0, 0, 0)},
		}, [][]float32{{1, 2, 3}}, [][]float32{{1, 2, 3}}},
		"an input that value_info lists again": {onnx.Graph{
			Nodes:     []*onnx.Node{op("Neg", values{"x"}, values{"h"}), op("Neg", values{"h"}, values{"y"})},
			Inputs:    []*onnx.ValueInfo{three("x")},
			ValueInfo: []*onnx.ValueInfo{three("h"), three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{1, 2, 3}}, [][]float32{{1, 2, 3}}},
		"nodes without inputs and without names": {onnx.Graph{
			Nodes:  []*onnx.Node{constant("a", 2), constant("b", 5), op("Mul", values{"x", "a"}, values{"h"}), op("Add", values{"h", "b"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{1, 2, 3}}, [][]float32{{7, 9, 11}}},
		"a value whose name ends like that of a faked input": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Neg", values{"x"}, values{"c/input"}), op("Relu", values{"c/input"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{-1, 2, -3}}, [][]float32{{1, 0, 3}}},
		"such a value read before it is made": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Relu", values{"c/input"}, values{"y"}), op("Neg", values{"x"}, values{"c/input"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y")},
		}, [][]float32{{-1, 2, -3}}, [][]float32{{1, 0, 3}}},
		"an input that is an output": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Neg", values{"x"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y"), three("x")},
		}, [][]float32{{1, 2, 3}}, [][]float32{{-1, -2, -3}, {1, 2, 3}}},
		"an initializer that is an output": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Neg", values{"x"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("y"), three("w")},
			Initializers: []*onnx.Tensor{init3("w", 4, 5, 6)},
		}, [][]float32{{1, 2, 3}}, [][]float32{{-1, -2, -3}, {4, 5, 6}}},
		"an output that another node reads": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Relu", values{"x"}, values{"a"}), op("Add", values{"a", "a"}, values{"b"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{three("b"), three("a")},
		}, [][]float32{{-1, 2, 3}}, [][]float32{{0, 4, 6}, {0, 2, 3}}},
		"symbolic dimensions": {onnx.Graph{
			Nodes:   []*onnx.Node{op("Sub", values{"x", "z"}, values{"y"})},
			Inputs:  []*onnx.ValueInfo{info("x", onnx.Symbol("rows"), onnx.Fixed(3)), info("z", onnx.Symbol("rows"), onnx.Fixed(3))},
			Outputs: []*onnx.ValueInfo{info("y", onnx.Symbol("rows"), onnx.Fixed(3))},
		}, [][]float32{{1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1}}, [][]float32{{-5, -3, -1, 1, 3, 5}}},
		"several outputs, one of them absent": {onnx.Graph{
			Nodes:  []*onnx.Node{op("Split", values{"x", "parts"}, values{"a", "", "c"}), op("Sub", values{"c", "a"}, values{"y"})},
			Inputs: []*onnx.ValueInfo{three("x")}, Outputs: []*onnx.ValueInfo{info("y", onnx.Fixed(1))},
			Initializers: []*onnx.Tensor{{Name: "parts", Type: onnx.Int64, Dims: []int64{3}, Data: onnx.BytesOf([]int64{1, 1, 1})}},
		}, [][]float32{{1, 2, 5}}, [][]float32{{4}}},
	}
}

func encoded(t *testing.T, g onnx.Graph, opset int64) []byte {
	t.Helper()
	g.Name, g.Opsets = "test", []onnx.Opset{{Version: opset}}
	data, err := wire.Encode(&onnx.Model{IRVersion: 8, Graph: &g})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func dense(v []float32, v0 *onnx.ValueInfo) tensor.Tensor {
	shape := []int{len(v)}
	if len(v0.Type.Dims) == 2 {
		shape = []int{len(v) / 3, 3}
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
}

// TestStockOnnxGoRuns uses stock onnx-go as its users do, with the file's bytes and without.
func TestStockOnnxGoRuns(t *testing.T) {
	for phrase, c := range poured() {
		data := encoded(t, c.graph, 17)
		for road, options := range map[string][]backend.Option{"from the calls alone": nil, "with the bytes": {backend.WithBytes(data)}} {
			b := backend.New(options...)
			model := onnxgo.NewModel(b)
			if err := model.UnmarshalBinary(data); err != nil {
				t.Errorf("%s, %s: %v", phrase, road, err)
				continue
			}
			for i, v := range c.in {
				if err := model.SetInput(i, dense(v, c.graph.Outputs[0])); err != nil {
					t.Errorf("%s, %s: input %d: %v", phrase, road, i, err)
				}
			}
			if err := b.Run(); err != nil {
				t.Errorf("%s, %s: %v", phrase, road, err)
				continue
			}
			out, err := model.GetOutputTensors()
			if err != nil || len(out) != len(c.want) {
				t.Errorf("%s, %s: got %d outputs and error %v, want %d", phrase, road, len(out), err, len(c.want))
				continue
			}
			for i, want := range c.want {
				got := out[i].Data().([]float32)
				if !bytes.Equal(onnx.BytesOf(got), onnx.BytesOf(want)) {
					t.Errorf("%s, %s: output %d: got %v, want %v", phrase, road, i, got, want)
				}
			}
			b.Close()
		}
	}
}

func TestPouredGraphIsTheDecodedOne(t *testing.T) {
	for phrase, c := range poured() {
		data := encoded(t, c.graph, 17)
		g, err := backend.Pour(data)
		if err != nil {
			t.Errorf("%s: %v", phrase, err)
			continue
		}
		decoded, err := wire.Decode(data, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff, err := graphs.Diff(decoded.Graph, g); err != nil || diff != "" {
			t.Errorf("%s: got difference %q and error %v, want none", phrase, diff, err)
		}
	}
}

// A model whose Softmax names no axis is one thing up to opset 12 and another from 13 on.
func TestAmbiguousOpsetAsksForTheBytes(t *testing.T) {
	g := onnx.Graph{
		Nodes:   []*onnx.Node{op("Softmax", values{"x"}, values{"y"})},
		Inputs:  []*onnx.ValueInfo{info("x", onnx.Fixed(1), onnx.Fixed(2), onnx.Fixed(2))},
		Outputs: []*onnx.ValueInfo{info("y", onnx.Fixed(1), onnx.Fixed(2), onnx.Fixed(2))},
	}
	data := encoded(t, g, 11)
	run := func(options ...backend.Option) (any, error) {
		b := backend.New(options...)
		defer b.Close()
		model := onnxgo.NewModel(b)
		if err := model.UnmarshalBinary(data); err != nil {
			return nil, err
		}
		if err := model.SetInput(0, tensor.New(tensor.WithShape(1, 2, 2), tensor.WithBacking([]float32{0, 0, 0, 0}))); err != nil {
			return nil, err
		}
		if err := b.Run(); err != nil {
			return nil, err
		}
		out, err := model.GetOutputTensors()
		if err != nil {
			return nil, err
		}
		return out[0].Data().([]float32)[0], nil
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "WithBytes") {
		t.Errorf("from the calls alone: got error %v, want one that asks for the bytes", err)
	}
	for phrase, c := range map[string]struct {
		option backend.Option
		want   float32
	}{
		"with the bytes":      {backend.WithBytes(data), 0.25},
		"told it is opset 11": {backend.WithOptions(backend.Options{Opset: 11}), 0.25},
		"told it is opset 13": {backend.WithOptions(backend.Options{Opset: 13}), 0.5},
	} {
		if got, err := run(c.option); err != nil || got != c.want {
			t.Errorf("%s: got %v and error %v, want %v", phrase, got, err, c.want)
		}
	}
}

func TestBackendRefuses(t *testing.T) {
	good := poured()["an operand given twice"].graph
	data := encoded(t, good, 17)
	huge := good
	huge.Inputs = []*onnx.ValueInfo{info("x", onnx.Fixed(1<<20), onnx.Fixed(1<<20))}
	hugeData := encoded(t, huge, 17)
	other := good
	other.Nodes = []*onnx.Node{op("Add", values{"x", "x"}, values{"y"})}
	sparse := good
	sparse.Nodes = []*onnx.Node{op("Add", values{"x", "s"}, values{"y"})}
	sparse.SparseInitializers = []*onnx.SparseTensor{{Values: &onnx.Tensor{Name: "s", Type: onnx.Float, Dims: []int64{1}, Data: onnx.BytesOf([]float32{7})}, Indices: onnx.FromInt64s([]int64{1}), Dims: []int64{3}}}
	x := tensor.New(tensor.WithShape(3), tensor.WithBacking([]float32{1, 2, 3}))
	decode := func(data []byte, options ...backend.Option) (*backend.Backend, *onnxgo.Model, error) {
		b := backend.New(options...)
		m := onnxgo.NewModel(b)
		return b, m, m.UnmarshalBinary(data)
	}
	for phrase, c := range map[string]struct {
		try  func() error
		want string
	}{
		"a second model": {func() error {
			_, m, err := decode(data)
			if err != nil {
				return err
			}
			return m.UnmarshalBinary(data)
		}, "already holds a model"},
		"a second model after a run": {func() error {
			b, m, err := decode(data)
			if err == nil {
				err = m.SetInput(0, x)
			}
			if err == nil {
				err = b.Run()
			}
			if err != nil {
				return err
			}
			return m.UnmarshalBinary(data)
		}, "already holds a model"},
		"a declared value beyond the limit": {func() error { _, _, err := decode(hugeData, backend.WithBytes(hugeData)); return err }, "memory limit"},
		"the same by Pour":                  {func() error { _, err := backend.Pour(hugeData); return err }, "memory limit"},
		"bytes that are no model":           {func() error { _, err := backend.Pour([]byte("no model at all")); return err }, "field"},
		"bytes of another model": {func() error {
			b, _, err := decode(data, backend.WithBytes(encoded(t, other, 17)))
			if err != nil {
				return err
			}
			_, err = b.Graph()
			return err
		}, "those of another model"},
		"a sparse initializer without the bytes": {func() error {
			b, _, err := decode(encoded(t, sparse, 17))
			if err != nil {
				return err
			}
			return b.Run()
		}, "WithBytes"},
		"an input of another type": {func() error {
			b, m, err := decode(data)
			if err == nil {
				err = m.SetInput(0, tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{1, 2, 3})))
			}
			if err != nil {
				return err
			}
			return b.Run()
		}, "double"},
		"an input that was not set": {func() error {
			b, _, err := decode(data)
			if err != nil {
				return err
			}
			return b.Run()
		}, `input "x"`},
		"an output that is set": {func() error {
			_, m, err := decode(data)
			if err != nil {
				return err
			}
			n, _ := m.GetNodeByName("y")
			return n.(onnxgo.DataCarrier).SetTensor(x)
		}, "is no input"},
	} {
		if err := c.try(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", phrase, err, c.want)
		}
	}
	if g, err := backend.Pour(encoded(t, sparse, 17)); err != nil || len(g.SparseInitializers) != 1 {
		t.Errorf("a sparse initializer with the bytes: got error %v, want the graph with it", err)
	}
}

// Inputs in any layout of Gorgonia's reach the model as they read.
func TestInputsInOtherLayouts(t *testing.T) {
	data := encoded(t, onnx.Graph{
		Nodes:  []*onnx.Node{op("Identity", values{"x"}, values{"y"})},
		Inputs: []*onnx.ValueInfo{info("x", onnx.Symbol("n"), onnx.Symbol("m"))}, Outputs: []*onnx.ValueInfo{info("y", onnx.Symbol("n"), onnx.Symbol("m"))},
	}, 17)
	square := func() *tensor.Dense {
		return tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{1, 2, 3, 4, 5, 6}))
	}
	for phrase, c := range map[string]struct {
		make func() (tensor.Tensor, error)
		want []float32
	}{
		"as it lies":   {func() (tensor.Tensor, error) { return square(), nil }, []float32{1, 2, 3, 4, 5, 6}},
		"transposed":   {func() (tensor.Tensor, error) { d := square(); return d, d.T() }, []float32{1, 4, 2, 5, 3, 6}},
		"some columns": {func() (tensor.Tensor, error) { return square().Slice(nil, tensor.S(1, 3)) }, []float32{2, 3, 5, 6}},
		"column by column": {func() (tensor.Tensor, error) {
			d := tensor.New(tensor.WithShape(2, 2), tensor.AsFortran(nil), tensor.Of(tensor.Float32))
			for i, v := range []float32{1, 2, 3, 4} {
				if err := d.SetAt(v, i/2, i%2); err != nil {
					return nil, err
				}
			}
			return d, nil
		}, []float32{1, 2, 3, 4}},
	} {
		x, err := c.make()
		if err != nil {
			t.Fatal(err)
		}
		b := backend.New(backend.WithBytes(data))
		m := onnxgo.NewModel(b)
		if err := m.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if err := m.SetInput(0, x); err != nil {
			t.Errorf("%s: %v", phrase, err)
			continue
		}
		if err := b.Run(); err != nil {
			t.Errorf("%s: %v", phrase, err)
			continue
		}
		out, _ := m.GetOutputTensors()
		if got := out[0].Data().([]float32); !bytes.Equal(onnx.BytesOf(got), onnx.BytesOf(c.want)) {
			t.Errorf("%s: got %v, want %v", phrase, got, c.want)
		}
		b.Close()
	}
}
