package exporters

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/wire"
)

// small is YOLO at a size that is quick to run, with weights from a seed.
func small(t testing.TB) Spec {
	t.Helper()
	n, err := networks.Find("yolo")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"filters1": "3", "filters2": "4", "units": "8"}
	i, err := n.Build(networks.NewSettings(n.Options, set), networks.Data{X: []int64{3, 24, 24}, Y: []int64{4, 8}})
	if err != nil {
		t.Fatal(err)
	}
	weights := graphs.Initialize(i.Model.Parameters, 7)
	for name, w := range weights { // biases start at zero, and zeros cannot be told apart
		if strings.HasSuffix(name, ".bias") {
			for k := range w.Float32s() {
				w.Float32s()[k] = float32(len(name)+int(name[4])+k) / 1000
			}
		}
	}
	return Spec{
		Graph: i.Model.Graph, Weights: weights, Features: i.Features,
		Metadata: []onnx.Entry{{Key: "gonyx.seed", Value: "7"}},
	}
}

func export1(t testing.TB, s Spec) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "model.onnx")
	report, err := Export(t.Context(), path, s)
	if err != nil {
		t.Fatalf("%v\n%v", err, report)
	}
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// left lists what a folder holds.
func left(t testing.TB, folder string) []string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Export then decode gives the built graph with its weights, at every opset; the same inputs give the same bytes.
func TestEveryOpset(t *testing.T) {
	s := small(t)
	built, err := graphs.Bind(s.Graph, s.Weights)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := graphs.Digest(built)
	if err != nil {
		t.Fatal(err)
	}
	for opset := int64(OldestOpset); opset <= NewestOpset; opset++ {
		t.Run(fmt.Sprint("opset ", opset), func(t *testing.T) {
			s := s
			s.Opset = opset
			path, data := export1(t, s)
			m, err := wire.ReadFile(path, wire.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff, err := graphs.Diff(built, m.Graph); err != nil || diff != "" {
				t.Errorf("got difference %q and error %v, want none", diff, err)
			}
			if got, _ := m.Meta(DigestKey); got != digest {
				t.Errorf("got digest %s stamped, want %s", got, digest)
			}
			if got := m.Graph.Opset(""); got != opset || len(m.Graph.Opsets) != 1 {
				t.Errorf("got opsets %v, want %d alone", m.Graph.Opsets, opset)
			}
			recipe, ok, err := features.Restore(m.Metadata)
			if err != nil || !ok || !slices.Equal(recipe.Classes, s.Features.Classes) {
				t.Errorf("got recipe %+v, %v, error %v, want that of the network", recipe, ok, err)
			}
			if _, again := export1(t, s); !bytes.Equal(data, again) {
				t.Error("the same export gave other bytes")
			}
			report, err := Verify(t.Context(), path, backend.Options{})
			if err != nil || !report.OK() {
				t.Errorf("got report\n%v\nand error %v, want one that finds nothing", report, err)
			}
		})
	}
}

// What stands in a file besides its graph.
func TestFileIsPlain(t *testing.T) {
	s := small(t)
	_, data := export1(t, s)
	m, err := wire.Decode(data, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.ProducerName != Producer || m.ProducerVersion != Version || m.IRVersion != 8 {
		t.Errorf("got producer %q %q and IR version %d, want %q %q and 8", m.ProducerName, m.ProducerVersion, m.IRVersion, Producer, Version)
	}
	g := m.Graph
	if len(g.ValueInfo) != 0 {
		t.Errorf("got value_info of %d values, want none", len(g.ValueInfo))
	}
	if got := g.Inputs[0].Type.Dims[0].Param; got != graphs.Batch {
		t.Errorf("got first dimension %q, want %q", got, graphs.Batch)
	}
	names := make(map[string]bool)
	for _, n := range g.Nodes {
		if n.Name == "" || names[n.Name] {
			t.Errorf("got node name %q for %s, want one that no other has", n.Name, n.OpType)
		}
		names[n.Name] = true
	}
	for _, p := range []string{"conv1.weight", "conv1.bias", "dense2.weight"} {
		if g.Initializer(p) == nil {
			t.Errorf("got no initializer %q, want the parameters under their names", p)
		}
	}
	if got := len(g.RequiredInputs()); got != len(g.Inputs) || got != 1 {
		t.Errorf("got %d inputs, %d of them without an initializer, want 1", len(g.Inputs), got)
	}
}

// The pairs up to 14 and from 23 on are those of the models that the standard's releases test with; 8 in between is the contract's.
func TestIRVersions(t *testing.T) {
	want := map[int64]int64{9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 17: 8, 18: 8, 19: 8, 22: 8, 23: 11, 24: 12, 25: 13, 26: 13, 27: 13, 28: 14}
	for opset, ir := range want {
		if got := IRVersion(opset); got != ir {
			t.Errorf("opset %d: got IR version %d, want %d", opset, got, ir)
		}
	}
}

// A loss is exported too: StopGradient, which only training knows, is an Identity in it.
func TestLossIsExported(t *testing.T) {
	n, err := networks.Find("yolo")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{"filters1": "3", "filters2": "4", "units": "8"}
	i, err := n.Build(networks.NewSettings(n.Options, set), networks.Data{X: []int64{3, 24, 24}, Y: []int64{4, 8}})
	if err != nil {
		t.Fatal(err)
	}
	for opset := int64(OldestOpset); opset <= NewestOpset; opset++ {
		path := filepath.Join(t.TempDir(), "loss.onnx")
		report, err := Export(t.Context(), path, Spec{Graph: i.Training.Graph, Weights: graphs.Initialize(i.Training.Parameters, 7), Opset: opset})
		if err != nil {
			t.Errorf("opset %d: %v\n%v", opset, err, report)
			continue
		}
		m, err := wire.ReadFile(path, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range m.Graph.Nodes {
			if n.Domain != "" {
				t.Errorf("opset %d: got a node of domain %q, want none", opset, n.Domain)
			}
		}
	}
}

// The trainer's numbers are held against the file's: those that agree pass, one that does not leaves no file, and an old one as it was.
func TestReference(t *testing.T) {
	s := small(t)
	bound, err := graphs.Bind(s.Graph, s.Weights)
	if err != nil {
		t.Fatal(err)
	}
	m, err := backend.Compile(bound, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	sizes := map[int64]bool{}
	honest := func(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
		sizes[in[0].Dims[0]] = true
		out, err := m.Run(t.Context(), []onnx.Value{in[0]})
		if err != nil {
			return nil, err
		}
		return []*onnx.Tensor{out[0].(*onnx.Tensor)}, nil
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "model.onnx")
	if err := os.WriteFile(path, []byte("an old file"), 0o666); err != nil {
		t.Fatal(err)
	}
	for phrase, reference := range map[string]func([]*onnx.Tensor) ([]*onnx.Tensor, error){
		"one number is off": func(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
			out, err := honest(in)
			if err == nil && in[0].Dims[0] == 3 {
				out[0].Float32s()[5] += 1e-3
			}
			return out, err
		},
		"another shape": func(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
			return []*onnx.Tensor{onnx.NewTensor(onnx.Float, in[0].Dims[0], 4)}, nil
		},
		"an output too few": func([]*onnx.Tensor) ([]*onnx.Tensor, error) { return nil, nil },
		"it fails":          func([]*onnx.Tensor) ([]*onnx.Tensor, error) { return nil, errors.New("broken") },
	} {
		s.Reference = reference
		report, err := Export(t.Context(), path, s)
		if !errors.Is(err, ErrDiffers) || report == nil || report.OK() || !strings.Contains(report.String(), "FAILED") {
			t.Errorf("%s: got error %v and report\n%v\nwant one that failed", phrase, err, report)
		}
		if got := left(t, folder); !slices.Equal(got, []string{"model.onnx"}) {
			t.Errorf("%s: got files %q, want the old one alone", phrase, got)
		}
		if data, _ := os.ReadFile(path); string(data) != "an old file" {
			t.Errorf("%s: got another file under the name, want the old one", phrase)
		}
	}
	s.Reference, s.Batches = honest, []int64{16, 2}
	clear(sizes)
	if report, err := Export(t.Context(), path, s); err != nil {
		t.Errorf("numbers that agree: got error %v\n%v", err, report)
	}
	if want := map[int64]bool{1: true, 2: true, 3: true, 16: true}; fmt.Sprint(sizes) != fmt.Sprint(want) {
		t.Errorf("got batch sizes %v, want %v", sizes, want)
	}
	if got := left(t, folder); !slices.Equal(got, []string{"model.onnx"}) {
		t.Errorf("got files %q, want the model alone", got)
	}
}

func TestExternalData(t *testing.T) {
	s := small(t)
	s.ExternalData = true
	folder := t.TempDir()
	path := filepath.Join(folder, "model.onnx")
	var first []byte
	for range 2 { // the second replaces both files
		report, err := Export(t.Context(), path, s)
		if err != nil {
			t.Fatalf("%v\n%v", err, report)
		}
		if !strings.Contains(report.String(), "does not read external data") {
			t.Errorf("got report\n%v\nwant one that says that stock onnx-go was not asked", report)
		}
		if got := left(t, folder); !slices.Equal(got, []string{"model.onnx", "model.onnx.data"}) {
			t.Fatalf("got files %q, want the model and its data", got)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, data) {
			t.Error("the same export gave other bytes")
		}
		first = data
	}
	report, err := Verify(t.Context(), path, backend.Options{})
	if err != nil || !report.OK() {
		t.Errorf("got report\n%v\nand error %v, want one that finds nothing", report, err)
	}
	data, err := os.ReadFile(path + ".data")
	if err != nil {
		t.Fatal(err)
	}
	data[100] ^= 1
	if err := os.WriteFile(path+".data", data, 0o666); err != nil {
		t.Fatal(err)
	}
	report, err = Verify(t.Context(), path, backend.Options{})
	if err != nil || report.OK() || !strings.Contains(fmt.Sprint(report.Err()), "digest") {
		t.Errorf("a bit of the data changed: got report\n%v\nand error %v, want a digest that differs", report, err)
	}
}

// Places and specs that cannot be, and what is said of them. Nothing is left behind.
func TestExportRefuses(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(folder, "closed")
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*Spec)) Spec {
		s := small(t)
		f(&s)
		return s
	}
	for phrase, c := range map[string]struct {
		name string
		spec Spec
		want string
	}{
		"a folder that is missing":   {"none/model.onnx", small(t), "no such file"},
		"a folder that is a file":    {"file/model.onnx", small(t), "not a directory"},
		"a name that is a folder":    {"sub", small(t), "folder"},
		"a folder that is read-only": {"closed/model.onnx", small(t), "permission denied"},
		"an opset too old":           {"model.onnx", change(func(s *Spec) { s.Opset = 8 }), "opset 8 is not one of 9"},
		"an opset too new":           {"model.onnx", change(func(s *Spec) { s.Opset = 29 }), "opset 29 is not one of 9"},
		"a weight that is missing":   {"model.onnx", change(func(s *Spec) { delete(s.Weights, "conv2.bias") }), `parameter "conv2.bias"`},
		"a weight left over":         {"model.onnx", change(func(s *Spec) { s.Weights["w"] = onnx.Scalar32(1) }), `weight "w"`},
		"a weight of another shape": {"model.onnx", change(func(s *Spec) { s.Weights["conv2.bias"] = onnx.NewTensor(onnx.Float, 5) }),
			`parameter "conv2.bias": the weight is float[5], want float[4]`},
		"metadata given twice": {"model.onnx", change(func(s *Spec) { s.Metadata = append(s.Metadata, onnx.Entry{Key: DigestKey}) }), "given twice"},
		"a batch of nothing":   {"model.onnx", change(func(s *Spec) { s.Batches = []int64{0} }), "batch size 0"},
	} {
		if strings.HasPrefix(c.name, "closed") && os.Geteuid() == 0 {
			continue // nothing is read-only to root
		}
		if _, err := Export(t.Context(), filepath.Join(folder, filepath.FromSlash(c.name)), c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", phrase, err, c.want)
		}
		if got := left(t, folder); !slices.Equal(got, []string{"closed", "file", "sub"}) {
			t.Errorf("%s: got files %q, want nothing new", phrase, got)
		}
	}
}

// What is on the disk is held against what was built, not against what its own stamp says.
func TestProveSeesTheDisk(t *testing.T) {
	s := small(t)
	s.Opset = DefaultOpset
	b, err := build(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	other := *b.model
	other.Graph = b.model.Graph.Clone()
	w := other.Graph.Initializers[0]
	w.Data = bytes.Clone(w.Data)
	w.Data[0] ^= 1
	digest, err := graphs.Digest(other.Graph)
	if err != nil {
		t.Fatal(err)
	}
	other.Metadata = slices.Clone(b.model.Metadata)
	other.SetMeta(DigestKey, digest)
	if err := wire.WriteFile(path, &other, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := prove(t.Context(), path, b, s, &report); err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), w.Name) {
		t.Errorf("got %v, want an error that names weight %q", err, w.Name)
	}
}

// Stock onnx-go reads eight raw bytes for a bool and no tensor without elements: the first are written as numbers, the second refused.
func TestStorageSuitsStockOnnxGo(t *testing.T) {
	row := func(name string) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: name, Type: onnx.TensorType(onnx.Float, onnx.Symbol(graphs.Batch), onnx.Fixed(3))}
	}
	mask := &onnx.Tensor{Name: "mask", Type: onnx.Bool, Dims: []int64{3}, Data: []byte{1, 0, 1}}
	s := Spec{Graph: &onnx.Graph{
		Name: "masked", Opsets: []onnx.Opset{{Version: onnx.MaxOpset}},
		Nodes: []*onnx.Node{
			{OpType: "Neg", Inputs: []string{"x"}, Outputs: []string{"negative"}},
			{OpType: "Where", Inputs: []string{"mask", "x", "negative"}, Outputs: []string{"y"}},
		},
		Inputs: []*onnx.ValueInfo{row("x")}, Outputs: []*onnx.ValueInfo{row("y")}, Initializers: []*onnx.Tensor{mask},
	}}
	_, data := export1(t, s)
	g, err := backend.Pour(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Initializer("mask"); !bytes.Equal(got.Data, mask.Data) {
		t.Errorf("got mask %v by stock onnx-go, want %v", got.Data, mask.Data)
	}
	if mask.Storage != onnx.StorageRaw {
		t.Error("the caller's tensor was changed")
	}
	s.Graph.Nodes = []*onnx.Node{
		{OpType: "ReduceSum", Inputs: []string{"x"}, Outputs: []string{"sum"}},
		{OpType: "Reshape", Inputs: []string{"sum", "scalar"}, Outputs: []string{"y"}},
	}
	s.Graph.Outputs = []*onnx.ValueInfo{{Name: "y", Type: onnx.TensorType(onnx.Float)}}
	s.Graph.Initializers = []*onnx.Tensor{{Name: "scalar", Type: onnx.Int64, Dims: []int64{0}, Data: []byte{}}}
	if _, err := Export(t.Context(), filepath.Join(t.TempDir(), "model.onnx"), s); err == nil || !strings.Contains(err.Error(), "no elements") {
		t.Errorf("without elements: got error %v, want one that says so", err)
	}
}
