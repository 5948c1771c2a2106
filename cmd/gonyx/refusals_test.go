package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
)

// convolving is a sound model that the refusals spoil: x [1,2,8,8] → Conv → MaxPool → Flatten → Gemm → y.
func convolving() *onnx.Model {
	weight := func(name string, dims ...int64) *onnx.Tensor {
		t := onnx.NewTensor(onnx.Float, dims...)
		t.Name = name
		return t
	}
	return &onnx.Model{IRVersion: 8, Graph: &onnx.Graph{
		Name:    "g",
		Opsets:  []onnx.Opset{{Version: 17}},
		Inputs:  []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, onnx.FixedDims(1, 2, 8, 8)...)}},
		Outputs: []*onnx.ValueInfo{{Name: "y", Type: onnx.UnrankedTensorType(onnx.Float)}},
		Initializers: []*onnx.Tensor{
			weight("w", 4, 2, 3, 3), weight("b", 4), weight("m", 36, 5),
		},
		Nodes: []*onnx.Node{
			{Name: "conv", OpType: "Conv", Inputs: []string{"x", "w", "b"}, Outputs: []string{"c"}},
			{Name: "pool", OpType: "MaxPool", Inputs: []string{"c"}, Outputs: []string{"p"},
				Attributes: []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)}},
			{Name: "flat", OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"f"}},
			{Name: "gemm", OpType: "Gemm", Inputs: []string{"f", "m"}, Outputs: []string{"y"}},
		},
	}}
}

func TestUnsoundModelsAreRefused(t *testing.T) {
	node := func(m *onnx.Model, i int) *onnx.Node { return m.Graph.Nodes[i] }
	for name, c := range map[string]struct {
		spoil func(*onnx.Model)
		want  []string // in the message
	}{
		"no opset":                  {func(m *onnx.Model) { m.Graph.Opsets = nil }, []string{"imports no opset"}},
		"an IR version of tomorrow": {func(m *onnx.Model) { m.IRVersion = 99 }, []string{"IR version 99"}},
		"an opset of tomorrow":      {func(m *onnx.Model) { m.Graph.Opsets[0].Version = 99 }, []string{"opset 99"}},
		"an unknown operator":       {func(m *onnx.Model) { node(m, 2).OpType = "Crumple" }, []string{`"flat"`, "Crumple"}},
		"an unknown domain":         {func(m *onnx.Model) { node(m, 2).Domain = "org.example" }, []string{`"flat"`, "org.example"}},
		"an unknown attribute":      {func(m *onnx.Model) { node(m, 2).Attributes = []*onnx.Attribute{onnx.AttrInt("depth", 1)} }, []string{`"flat"`, `"depth"`}},
		"an attribute of another type": {func(m *onnx.Model) { node(m, 2).Attributes = []*onnx.Attribute{onnx.AttrFloat("axis", 1)} },
			[]string{`"flat"`, `"axis"`, "float"}},
		"an operator too young":  {func(m *onnx.Model) { node(m, 2).OpType, m.Graph.Opsets[0].Version = "Gelu", 19 }, []string{`"flat"`, "Gelu", "19"}},
		"an operator taken out":  {func(m *onnx.Model) { node(m, 2).OpType = "Upsample" }, []string{`"flat"`, "Upsample"}},
		"too few operands":       {func(m *onnx.Model) { node(m, 3).Inputs = []string{"f"} }, []string{`"gemm"`, "1 inputs"}},
		"too many operands":      {func(m *onnx.Model) { node(m, 2).Inputs = []string{"p", "p"} }, []string{`"flat"`, "2 inputs"}},
		"too many results":       {func(m *onnx.Model) { node(m, 2).Outputs = []string{"f", "g"} }, []string{`"flat"`, "2 outputs"}},
		"an operand that is due": {func(m *onnx.Model) { node(m, 0).Inputs = []string{"", "w"} }, []string{`"conv"`, "input 0"}},
		"a missing attribute":    {func(m *onnx.Model) { node(m, 1).Attributes = nil }, []string{`"pool"`, `"kernel_shape"`}},
		"an axis out of range":   {func(m *onnx.Model) { node(m, 2).Attributes = []*onnx.Attribute{onnx.AttrInt("axis", 5)} }, []string{`"flat"`, "axis 5"}},
		"a permutation that is none": {func(m *onnx.Model) {
			*node(m, 2) = onnx.Node{Name: "turn", OpType: "Transpose", Inputs: []string{"p"}, Outputs: []string{"f"}, Attributes: []*onnx.Attribute{onnx.AttrInts("perm", 0, 1, 1, 2)}}
		}, []string{`"turn"`, "perm"}},
		"an index out of range": {func(m *onnx.Model) {
			index := onnx.FromInt64s([]int64{9})
			index.Name = "i"
			m.Graph.Initializers = append(m.Graph.Initializers, index)
			*node(m, 2) = onnx.Node{Name: "pick", OpType: "Gather", Inputs: []string{"p", "i"}, Outputs: []string{"f"}, Attributes: []*onnx.Attribute{onnx.AttrInt("axis", 1)}}
		}, []string{`"pick"`, "9"}},
		"a split that does not add up": {func(m *onnx.Model) {
			split := onnx.FromInt64s([]int64{1, 1})
			split.Name = "s"
			m.Graph.Initializers = append(m.Graph.Initializers, split)
			*node(m, 2) = onnx.Node{Name: "part", OpType: "Split", Inputs: []string{"p", "s"}, Outputs: []string{"f", "rest"}, Attributes: []*onnx.Attribute{onnx.AttrInt("axis", 1)}}
		}, []string{`"part"`}},
		"operands of two types": {func(m *onnx.Model) {
			m.Graph.Initializers[2] = onnx.NewTensor(onnx.Double, 36, 5)
			m.Graph.Initializers[2].Name = "m"
		}, []string{`"gemm"`, "double"}},
		"matrices that do not fit": {func(m *onnx.Model) {
			m.Graph.Initializers[2] = onnx.NewTensor(onnx.Float, 35, 5)
			m.Graph.Initializers[2].Name = "m"
		}, []string{`"gemm"`, "36", "35"}},
		"channels that do not fit": {func(m *onnx.Model) {
			m.Graph.Initializers[0] = onnx.NewTensor(onnx.Float, 4, 3, 3, 3)
			m.Graph.Initializers[0].Name = "w"
		}, []string{`"conv"`, "3", "2"}},
		"a result declared otherwise": {func(m *onnx.Model) { m.Graph.Outputs[0].Type = onnx.TensorType(onnx.Float, onnx.FixedDims(1, 6)...) }, []string{`"y"`, "declared"}},
		"a value made twice":          {func(m *onnx.Model) { node(m, 2).Outputs = []string{"c"}; node(m, 3).Inputs[0] = "c" }, []string{`"c"`, "already"}},
		"a value over an input":       {func(m *onnx.Model) { node(m, 0).Outputs = []string{"x"}; node(m, 1).Inputs[0] = "x" }, []string{`"x"`, "already"}},
		"a value that is nowhere":     {func(m *onnx.Model) { node(m, 3).Inputs[0] = "nowhere" }, []string{`"gemm"`, `"nowhere"`, "not defined"}},
		"an output that is nowhere":   {func(m *onnx.Model) { m.Graph.Outputs[0].Name = "nowhere" }, []string{`"nowhere"`}},
		"a cycle": {func(m *onnx.Model) {
			m.Graph.Nodes = append(m.Graph.Nodes, &onnx.Node{Name: "a", OpType: "Relu", Inputs: []string{"v"}, Outputs: []string{"u"}},
				&onnx.Node{Name: "b", OpType: "Relu", Inputs: []string{"u"}, Outputs: []string{"v"}})
		}, []string{"cycle", `"a"`, `"b"`}},
		"no nodes":                {func(m *onnx.Model) { m.Graph.Nodes = nil; m.Graph.Outputs[0].Name = "x" }, []string{"without nodes"}},
		"an input without a type": {func(m *onnx.Model) { m.Graph.Inputs[0].Type = onnx.Type{} }, []string{`"x"`, "type"}},
		"an input twice":          {func(m *onnx.Model) { m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0]) }, []string{`"x"`, "twice"}},
		"an initializer twice":    {func(m *onnx.Model) { m.Graph.Initializers = append(m.Graph.Initializers, m.Graph.Initializers[1]) }, []string{`"b"`, "twice"}},
		"a stride of 0":           {func(m *onnx.Model) { node(m, 1).Attributes[1].Ints = []int64{0, 2} }, []string{`"pool"`, `"strides"`}},
		"no groups":               {func(m *onnx.Model) { node(m, 0).Attributes = []*onnx.Attribute{onnx.AttrInt("group", 0)} }, []string{`"conv"`, `"group"`}},
		"padding over the kernel": {func(m *onnx.Model) {
			node(m, 1).Attributes = append(node(m, 1).Attributes, onnx.AttrInts("pads", 2, 2, 2, 2))
		}, []string{`"pool"`, "pad"}},
		"a kernel over the picture": {func(m *onnx.Model) { node(m, 1).Attributes[0].Ints = []int64{9, 9} }, []string{`"pool"`, "fit"}},
		"a reference to nothing": {func(m *onnx.Model) {
			node(m, 2).Attributes = []*onnx.Attribute{{Name: "axis", RefName: "outer", Type: onnx.AttributeInt}}
		}, []string{`"flat"`, `"outer"`}},
		"an opset twice": {func(m *onnx.Model) {
			m.Graph.Opsets = append(m.Graph.Opsets, onnx.Opset{Domain: "ai.onnx", Version: 11})
		}, []string{"twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := convolving()
			c.spoil(m)
			data, err := wire.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "m.onnx")
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			// No command takes it: not those that load a model, and not the one that only looks.
			for _, args := range [][]string{{"verify", path}, {"run", path, "--input", "x=none.npy"}, {"inspect", path}} {
				out, errs := must(t, 3, args...)
				if args[0] == "run" && strings.Contains(errs, "none.npy") {
					t.Errorf("run: got %q, want the model refused first", errs)
				}
				for _, w := range c.want {
					if !strings.Contains(out+errs, w) {
						t.Errorf("%s: got %q, want %q in it", args[0], out+errs, w)
					}
				}
			}
		})
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := wire.WriteFile(path, convolving(), wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "verify", path) // unspoilt it is sound
}

func TestUnsortedNodesAreSortedWithAWarning(t *testing.T) {
	m := convolving()
	m.Graph.Nodes[0], m.Graph.Nodes[3] = m.Graph.Nodes[3], m.Graph.Nodes[0]
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	sorted := filepath.Join(t.TempDir(), "sorted.onnx")
	if err := wire.WriteFile(sorted, convolving(), wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, errs := must(t, 0, "compare", path, sorted)
	if !strings.Contains(errs, "warning") || !strings.Contains(errs, "order") {
		t.Errorf("got %q, want a warning of the order", errs)
	}
}

func TestAllUnsupportedNodesAreListed(t *testing.T) {
	m := convolving()
	for i := range 3 {
		m.Graph.Nodes = append(m.Graph.Nodes, &onnx.Node{Name: fmt.Sprintf("odd%d", i), OpType: "MaxUnpool", Inputs: []string{"p", "idx"},
			Outputs: []string{fmt.Sprint("u", i)}, Attributes: []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2, 2)}})
	}
	m.Graph.Nodes[1].Outputs = []string{"p", "idx"}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, errs := must(t, 3, "run", path)
	out, _ := must(t, 0, "inspect", path)
	for i := range 3 {
		name := fmt.Sprintf("%q: MaxUnpool", fmt.Sprintf("odd%d", i))
		if !strings.Contains(errs, name) || !strings.Contains(out, name) {
			t.Errorf("got %q and %q, want %s named", errs, out, name)
		}
	}
}

// Structure knows operators that have no meaning here; numbers do not.
func TestModelsThatCannotBeRunAreCompared(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, spoil func(m *onnx.Model)) string {
		t.Helper()
		m := convolving()
		m.Graph.Nodes[1].Outputs = []string{"p", "idx"}
		m.Graph.Nodes = append(m.Graph.Nodes, &onnx.Node{Name: "odd", OpType: "MaxUnpool", Inputs: []string{"p", "idx"}, Outputs: []string{"u"},
			Attributes: []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2, 2)}})
		m.Graph.Outputs = append(m.Graph.Outputs, &onnx.ValueInfo{Name: "u", Type: onnx.UnrankedTensorType(onnx.Float)})
		spoil(m)
		path := filepath.Join(dir, name)
		if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.onnx", func(*onnx.Model) {})
	renamed := write("renamed.onnx", func(m *onnx.Model) { m.Graph.Nodes[len(m.Graph.Nodes)-1].Name = "even" })
	other := write("other.onnx", func(m *onnx.Model) { m.Graph.Nodes[len(m.Graph.Nodes)-1].Attributes[0].Ints = []int64{3, 2} })
	out, _ := must(t, 0, "compare", a, renamed)
	if !strings.Contains(out, "equal") || !strings.Contains(out, "not compared") || !strings.Contains(out, "MaxUnpool") {
		t.Errorf("got %q, want equal and why the numbers are not compared", out)
	}
	out, _ = must(t, 1, "compare", a, other, "--json")
	var found struct {
		Equal, Ran         bool
		Difference, Reason string
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found.Equal || found.Ran || !strings.Contains(found.Difference, "kernel_shape") || !strings.Contains(found.Reason, "MaxUnpool") {
		t.Errorf("got %+v, want the attribute named and a reason", found)
	}
	sound := filepath.Join(dir, "sound.onnx")
	if err := wire.WriteFile(sound, convolving(), wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	must(t, 1, "compare", sound, a)
	must(t, 3, "compare", a, renamed, "--numeric")
	must(t, 3, "compare", a, renamed, "--layers")
	must(t, 3, "compare", a, filepath.Join(dir, "none.onnx"))
}

// TestMemoryLimit: a model may be sound and still ask for more than there is.
func TestMemoryLimit(t *testing.T) {
	m := convolving()
	shape := onnx.FromInt64s([]int64{1 << 20, 1 << 20})
	shape.Name = "huge"
	m.Graph.Initializers = append(m.Graph.Initializers, shape)
	m.Graph.Nodes = append(m.Graph.Nodes, &onnx.Node{Name: "blow", OpType: "ConstantOfShape", Inputs: []string{"huge"}, Outputs: []string{"z"}})
	m.Graph.Outputs = append(m.Graph.Outputs, &onnx.ValueInfo{Name: "z", Type: onnx.UnrankedTensorType(onnx.Float)})
	dir := t.TempDir()
	path, x, small := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "x.npy"), filepath.Join(dir, "small.onnx")
	if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := wire.WriteFile(small, convolving(), wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := rows.WriteNPYFile(x, onnx.NewTensor(onnx.Float, 1, 2, 8, 8)); err != nil {
		t.Fatal(err)
	}
	_, errs := must(t, 3, "run", path, "--input", "x="+x)
	if !strings.Contains(errs, `"blow"`) || !strings.Contains(errs, "memory limit of 2147483648") {
		t.Errorf("got %q, want the node and the limit named", errs)
	}
	must(t, 0, "run", small, "--input", "x="+x)
	_, errs = must(t, 3, "run", small, "--input", "x="+x, "--memory-limit", "500B")
	if !strings.Contains(errs, "memory limit of 500") {
		t.Errorf("got %q, want the limit named", errs)
	}
}
