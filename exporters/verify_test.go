package exporters

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
)

// Every change of an exported file is caught: one bit of a weight, one attribute, two operands swapped, a node dropped.
func TestMutantsAreCaught(t *testing.T) {
	s := small(t)
	_, data := export1(t, s)
	mutants := map[string]func(g *onnx.Graph) bool{
		"a node dropped": func(g *onnx.Graph) bool {
			for i, n := range g.Nodes {
				if n.OpType == "LeakyRelu" {
					for _, m := range g.Nodes {
						for k, in := range m.Inputs {
							if in == n.Outputs[0] {
								m.Inputs[k] = n.Inputs[0]
							}
						}
					}
					g.Nodes = slices.Delete(g.Nodes, i, i+1)
					return true
				}
			}
			return false
		},
		"two operands swapped": func(g *onnx.Graph) bool {
			var biases []*string
			for _, n := range g.Nodes {
				if n.OpType == "Conv" && (n.Inputs[2] == "conv2.bias" || n.Inputs[2] == "conv4.bias") {
					biases = append(biases, &n.Inputs[2])
				}
			}
			if len(biases) != 2 {
				return false
			}
			*biases[0], *biases[1] = *biases[1], *biases[0]
			return true
		},
		"an attribute": func(g *onnx.Graph) bool {
			for _, n := range g.Nodes {
				if n.OpType == "LeakyRelu" {
					n.Attributes = []*onnx.Attribute{onnx.AttrFloat("alpha", 0.30000004)}
					return true
				}
			}
			return false
		},
	}
	for _, name := range []string{"conv1.weight", "conv3.bias", "dense1.weight", "dense2.bias"} {
		for end, at := range map[string]int{"first": 0, "last": -1} {
			mutants["a bit in the "+end+" byte of "+name] = func(g *onnx.Graph) bool {
				w := g.Initializer(name)
				w.Data = bytes.Clone(w.Data)
				w.Data[(at+len(w.Data))%len(w.Data)] ^= 1
				return true
			}
		}
	}
	for phrase, mutate := range mutants {
		m, err := wire.Decode(data, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !mutate(m.Graph) {
			t.Fatalf("%s: the graph has nothing to change", phrase)
		}
		path := filepath.Join(t.TempDir(), "mutant.onnx")
		if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(t.Context(), path, backend.Options{})
		if err != nil {
			t.Errorf("%s: %v", phrase, err)
			continue
		}
		if err := report.Err(); err == nil || !strings.Contains(err.Error(), "digest") {
			t.Errorf("%s: got %v, want a digest that differs", phrase, err)
		}
	}
}

// Models of the official suite are verified or say why not: none fails, none breaks.
func TestForeignModelsAreVerified(t *testing.T) {
	archive := conformance.Archive(t)
	folder := t.TempDir()
	whole, skipped, refused := 0, 0, 0
	want := func(release, suite, _ string) bool { return release == "v1.22.0" && suite != "real" }
	err := conformance.Walk(archive, want, func(c conformance.Case) error {
		path := filepath.Join(folder, "model.onnx")
		if err := os.WriteFile(path, c.Model, 0o666); err != nil {
			return err
		}
		report, err := Verify(t.Context(), path, backend.Options{Threads: 1, MemoryLimit: 1 << 26})
		if err != nil {
			refused++
			t.Logf("%s: %v", c, err)
			return nil
		}
		if err := report.Err(); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		if strings.Contains(report.String(), "plan and Eval") {
			whole++
		} else {
			skipped++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d verified with numbers, %d without, %d refused", whole, skipped, refused)
	if whole < 500 {
		t.Errorf("got %d models verified with numbers, want 500 or more", whole)
	}
}

func TestVerifyRefuses(t *testing.T) {
	folder := t.TempDir()
	for phrase, c := range map[string]struct{ name, text, want string }{
		"no file":            {"none.onnx", "", "no such file"},
		"what is no model":   {"text.onnx", "no model at all", "text.onnx"},
		"a folder":           {".", "", "a folder"},
		"a model of nothing": {"empty.onnx", "\x08\x08", "no graph"},
	} {
		path := filepath.Join(folder, c.name)
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Verify(t.Context(), path, backend.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", phrase, err, c.want)
		}
	}
}

// Inputs are the same for the same seed, of the sizes asked for, and of every element type.
func TestInvent(t *testing.T) {
	dims := func(d ...onnx.Dim) []onnx.Dim { return d }
	for phrase, c := range map[string]struct {
		dims [][]onnx.Dim
		want [][]int64
	}{
		"the symbol batch": {[][]onnx.Dim{dims(onnx.Symbol("n"), onnx.Fixed(2)), dims(onnx.Fixed(5), onnx.Symbol("batch"))}, [][]int64{{4, 2}, {5, 2}}},
		"another symbol first": {[][]onnx.Dim{dims(onnx.Symbol("N"), onnx.Symbol("T")), dims(onnx.Symbol("T"), onnx.Symbol("N"))},
			[][]int64{{2, 2}, {2, 2}}},
		"symbols that differ": {[][]onnx.Dim{dims(onnx.Symbol("N"), onnx.Symbol("T"), onnx.Symbol("H")), dims(onnx.Symbol("N"), onnx.Symbol("H"))},
			[][]int64{{2, 4, 5}, {2, 5}}},
		"unknown sizes": {[][]onnx.Dim{dims(onnx.UnknownDim(), onnx.UnknownDim())}, [][]int64{{2, 4}}},
	} {
		g := &onnx.Graph{}
		for i, d := range c.dims {
			g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: string(rune('a' + i)), Type: onnx.TensorType(onnx.Float, d...)})
		}
		in, err := invent(g, 2, 1, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", phrase, err)
			continue
		}
		for i, v := range in {
			if got := v.(*onnx.Tensor).Dims; !slices.Equal(got, c.want[i]) {
				t.Errorf("%s: input %d: got shape %v, want %v", phrase, i, got, c.want[i])
			}
		}
	}
	for elem := onnx.ElemType(1); elem.Valid(); elem++ {
		g := &onnx.Graph{Inputs: []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(elem, onnx.Fixed(100))}}}
		in, err := invent(g, 1, 1, 1<<20)
		if err != nil {
			t.Errorf("%v: %v", elem, err)
			continue
		}
		again, err := invent(g, 1, 1, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		a, b := in[0].(*onnx.Tensor), again[0].(*onnx.Tensor)
		if !bytes.Equal(a.Data, b.Data) || !slices.Equal(a.Strings, b.Strings) {
			t.Errorf("%v: the same seed gave other elements", elem)
		}
	}
}

// Inputs of no stated size are made larger until the model runs with them; where none fits, the reason is that of the smallest.
func TestInventedInputsAreLargeEnough(t *testing.T) {
	n := func(s string) onnx.Dim { return onnx.Symbol(s) }
	shapes := [][]onnx.Dim{{n("N"), onnx.Fixed(1), n("H"), n("W")}}
	for phrase, c := range map[string]struct {
		kernel  int64
		result  Result
		details string
	}{
		"a window of three":      {3, OK, ""},
		"a window of forty":      {40, OK, ""},
		"a window of a thousand": {1000, Skipped, "size 4"},
	} {
		t.Run(phrase, func(t *testing.T) {
			path := one(t, 17, "MaxPool", shapes, onnx.AttrInts("kernel_shape", c.kernel, c.kernel))
			report, err := Verify(t.Context(), path, backend.Options{})
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, check := range report.Checks {
				if strings.Contains(check.Name, "at batch") {
					found++
					if check.Result != c.result || !strings.Contains(check.Detail, c.details) {
						t.Errorf("got %+v, want it %s with %q", check, c.result, c.details)
					}
				}
			}
			if found != 3 {
				t.Errorf("got %d batches, want 3: %v", found, report)
			}
			m, err := backend.Load(path, backend.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			both, err := Compare(t.Context(), m, m, CompareOptions{})
			if err != nil || both.Ran != (c.result == OK) || !both.Equal {
				t.Errorf("got %v and error %v, want both models run: %v", both, err, c.result == OK)
			}
		})
	}
	sound := one(t, 17, "MaxPool", [][]onnx.Dim{{n("N"), onnx.Fixed(1), n("T")}}, onnx.AttrInts("kernel_shape", 500))
	if report, err := Verify(t.Context(), sound, backend.Options{}); err != nil || !strings.Contains(report.String(), "at batch 3 | ok") {
		t.Errorf("sound: got %v and error %v, want numbers", report, err)
	}
	m, err := backend.Load(one(t, 17, "MaxPool", shapes, onnx.AttrInts("kernel_shape", 2, 2)), backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	wrong := []onnx.Value{onnx.NewTensor(onnx.Float, 1, 2, 8, 8)}
	if both, err := Compare(t.Context(), m, m, CompareOptions{Inputs: wrong}); !errors.Is(err, backend.ErrInput) {
		t.Errorf("inputs that do not fit: got %v and error %v, want that the input is wrong", both, err)
	}
}
