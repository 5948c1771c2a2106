package exporters

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
)

// one writes a model of a single node with float inputs x0, x1, … of the given shapes, and gives its path.
func one(t testing.TB, opset int64, op string, shapes [][]onnx.Dim, attrs ...*onnx.Attribute) string {
	t.Helper()
	g := &onnx.Graph{Name: "one", Opsets: []onnx.Opset{{Version: opset}}}
	n := &onnx.Node{Name: "n", OpType: op, Outputs: []string{"y"}, Attributes: attrs}
	for i, dims := range shapes {
		name := "x" + string(rune('0'+i))
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name, Type: onnx.TensorType(onnx.Float, dims...)})
		n.Inputs = append(n.Inputs, name)
	}
	g.Nodes, g.Outputs = []*onnx.Node{n}, []*onnx.ValueInfo{{Name: "y", Type: onnx.UnrankedTensorType(onnx.Float)}}
	path := filepath.Join(t.TempDir(), "one.onnx")
	if err := wire.WriteFile(path, &onnx.Model{IRVersion: IRVersion(opset), ProducerName: "hand", Graph: g}, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// An exported file at every opset it can be written at, and back, is the same network: digest, stamp and numbers.
func TestConvertKeepsTheNetwork(t *testing.T) {
	path, data := export1(t, small(t))
	first, err := wire.Decode(data, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	digest, _ := first.Meta(DigestKey)
	for _, opset := range []int64{7, 9, 11, 13, 18, 21, 22, onnx.MaxOpset} {
		out := filepath.Join(t.TempDir(), "out.onnx")
		report, err := Convert(t.Context(), path, out, opset, backend.Options{})
		if err != nil {
			t.Fatalf("opset %d: %v\n%v", opset, err, report)
		}
		if report.Digest != digest {
			t.Errorf("opset %d: got digest %s, want %s", opset, report.Digest, digest)
		}
		m, err := wire.ReadFile(out, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Graph.Opset(""); got != opset {
			t.Errorf("got opset %d, want %d", got, opset)
		}
		if want := max(IRVersion(opset), 4); m.IRVersion != want {
			t.Errorf("opset %d: got IR version %d, want %d", opset, m.IRVersion, want)
		}
		if verified, err := Verify(t.Context(), out, backend.Options{}); err != nil || !verified.OK() {
			t.Errorf("opset %d: %v\n%v", opset, err, verified)
		}
		back := filepath.Join(t.TempDir(), "back.onnx")
		if _, err := Convert(t.Context(), out, back, first.Graph.Opset(""), backend.Options{}); err != nil {
			t.Fatalf("back from opset %d: %v", opset, err)
		}
		again, err := wire.ReadFile(back, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff, err := graphs.Diff(first.Graph, again.Graph); err != nil || diff != "" {
			t.Errorf("back from opset %d: got %q and %v, want no difference", opset, diff, err)
		}
		if names := left(t, filepath.Dir(out)); !slices.Equal(names, []string{"out.onnx"}) {
			t.Errorf("got files %q, want the model alone", names)
		}
	}
}

// Where an opset writes a node as several the digest is another one, and the numbers decide.
func TestConvertByNumbers(t *testing.T) {
	path := one(t, 17, "Softmax", [][]onnx.Dim{{onnx.Symbol("batch"), onnx.Fixed(3), onnx.Fixed(4)}}, onnx.AttrInt("axis", 1))
	out := filepath.Join(t.TempDir(), "out.onnx")
	report, err := Convert(t.Context(), path, out, 9, backend.Options{})
	if err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
	if text := report.String(); !strings.Contains(text, "other nodes are to give the same numbers") || !strings.Contains(text, "numbers before and after at batch 3") {
		t.Errorf("got\n%s, want other nodes named and numbers at three batch sizes", text)
	}
	m, err := wire.ReadFile(out, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.ProducerName != "hand" || len(m.Metadata) != 0 {
		t.Errorf("got producer %q and metadata %v, want those of the first file", m.ProducerName, m.Metadata)
	}
}

func TestConvertRefuses(t *testing.T) {
	free := [][]onnx.Dim{{onnx.Symbol("batch"), onnx.Fixed(3)}}
	changed, data := export1(t, small(t))
	m, err := wire.Decode(data, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.SetMeta(DigestKey, "0")
	if err := wire.WriteFile(changed, m, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, c := range map[string]struct {
		from, to string
		opset    int64
		want     string
	}{
		"a function that was not there yet":  {one(t, 20, "Gelu", free), "out.onnx", 19, `node "n": Gelu: Gelu does not exist before opset 20`},
		"an operator that was not there yet": {one(t, 12, "Celu", free), "out.onnx", 11, "Celu does not exist before opset 12"},
		"an opset nobody knows":              {one(t, 20, "Gelu", free), "out.onnx", 99, "opset 99"},
		"a file that is not there":           {filepath.Join(folder, "none.onnx"), "out.onnx", 17, "none.onnx"},
		"a folder that is not there":         {one(t, 17, "Relu", free), filepath.Join("no", "out.onnx"), 18, "no such file"},
		"a folder in the file's place":       {one(t, 17, "Relu", free), ".", 18, "is a folder"},
		"a file changed after it was made":   {changed, "out.onnx", 18, "was changed after"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Convert(t.Context(), c.from, filepath.Join(dir, c.to), c.opset, backend.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if names := left(t, dir); len(names) > 0 {
				t.Errorf("got files %q, want none", names)
			}
		})
	}
}

// A converted file that says something else than what was converted is seen, by its graph and by its numbers.
func TestConvertedFileIsProven(t *testing.T) {
	two := [][]onnx.Dim{{onnx.Symbol("batch"), onnx.Fixed(3)}, {onnx.Symbol("batch"), onnx.Fixed(3)}}
	right, wrong := one(t, 17, "Sub", two), one(t, 17, "Add", two)
	original, err := wire.ReadFile(right, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, formOf := range map[string]string{"by its graph": right, "by its numbers": wrong} {
		file, err := wire.ReadFile(formOf, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		form, err := graphs.Canonical(file.Graph)
		if err != nil {
			t.Fatal(err)
		}
		report := &Report{}
		if err := proveConverted(t.Context(), original, wrong, form, false, 1<<30, backend.Options{}, report); err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: got %v, want a difference\n%v", name, err, report)
		}
	}
}

// Models of operators without a meaning here are converted by digest alone, and weights outside the file stay outside.
func TestConvertWithoutNumbers(t *testing.T) {
	path := one(t, 16, "GridSample", [][]onnx.Dim{onnx.FixedDims(1, 1, 4, 4), onnx.FixedDims(1, 2, 2, 2)}, onnx.AttrString("mode", "bicubic"))
	out := filepath.Join(t.TempDir(), "out.onnx")
	report, err := Convert(t.Context(), path, out, 22, backend.Options{})
	if err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
	if got, err := wire.ReadFile(out, wire.Options{}); err != nil || string(got.Graph.Nodes[0].Attribute("mode").Str) != "cubic" {
		t.Errorf("got %v and error %v, want mode cubic", got, err)
	}

	s := small(t)
	s.ExternalData = true
	path, _ = export1(t, s)
	if _, err := Convert(t.Context(), path, path, 13, backend.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".data"); err != nil {
		t.Error(err)
	}
	if m, err := wire.ReadFile(path, wire.Options{}); err != nil || !external(m.Graph) || m.Graph.Opset("") != 13 {
		t.Errorf("got %v, want weights outside and opset 13", err)
	}
}
