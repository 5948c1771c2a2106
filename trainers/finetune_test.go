package trainers

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// fixtures hold what scripts/finetune made with PyTorch.
const fixtures = "../fixtures/finetune/"

// onwards is the training that the script did.
func onwards(model string) Spec {
	none := 0.0
	return Spec{Network: fixtures + model, Data: fixtures + "rows.npz", Loss: "categorical-crossentropy-logits", Epochs: 2, BatchSize: 8,
		Optimizer: "sgd:learning_rate=0.05,momentum=0.9", NoShuffle: true, ValidationSplit: &none}
}

func arrays(t *testing.T, name string) map[string]*onnx.Tensor {
	t.Helper()
	list, err := rows.ReadNPZFile(fixtures+name, 0)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*onnx.Tensor)
	for _, a := range list {
		byName[a.Name] = a
	}
	return byName
}

// A network that PyTorch exported and trained on comes to the same weights here.
func TestNetworksGoOnTrainingAsInPyTorch(t *testing.T) {
	for name, c := range map[string]struct {
		model, want string
		freeze      []string
	}{
		"any batch":              {"classifier.onnx", "trained.npz", nil},
		"exported for one row":   {"classifier-one.onnx", "trained.npz", nil},
		"some weights as frozen": {"classifier.onnx", "frozen.npz", []string{"conv1.*"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := onwards(c.model)
			s.Freeze = c.freeze
			job, result := fitted(t, s, nil)
			want := arrays(t, c.want)
			for i, loss := range want["losses"].Float64s() {
				if got := result.History[i].Train[0]; math.Abs(got-loss) > 1e-5 {
					t.Errorf("epoch %d: got loss %v, want %v", i+1, got, loss)
				}
			}
			trained := 0
			for name, w := range want {
				got := result.Last[name]
				if name == "losses" || got == nil {
					continue
				}
				trained++
				if d := ops.Compare(got, w, ops.Tolerance{Rel: 1e-4, Abs: 1e-6}); !d.Equal() {
					t.Errorf("%s: %v", name, d)
				}
			}
			if n := 8 - 2*len(c.freeze); trained != n || len(result.Last) != n || len(job.Network.Model.Parameters) != n {
				t.Errorf("got %d weights trained, %d of them PyTorch's, want %d", len(result.Last), trained, n)
			}
			// The graph is the file's, names and all.
			file, err := wire.ReadFile(s.Network, wire.Options{})
			if err != nil {
				t.Fatal(err)
			}
			bound, err := graphs.Bind(job.Network.Model.Graph, job.Init)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := graphs.Diff(file.Graph, bound); err != nil || d != "" {
				t.Errorf("got the difference %q and error %v, want the file's graph", d, err)
			}
			if job.Spec.Opset != file.Graph.Opset("") {
				t.Errorf("got opset %d, want the file's %d", job.Spec.Opset, file.Graph.Opset(""))
			}
		})
	}
}

// What training would change of an exported network are its parameters, no constant beside them.
func TestWeightsOfTheCatalogueAreItsParameters(t *testing.T) {
	for _, n := range networks.All() {
		data := networks.Data{X: n.Usual.X, Y: n.Usual.Y}
		instance, err := n.Build(networks.NewSettings(n.Options, nil), data)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := graphs.Bind(instance.Model.Graph, graphs.Initialize(instance.Model.Parameters, 0))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, p := range instance.Model.Parameters {
			want = append(want, p.Name)
		}
		slices.Sort(want)
		for _, opset := range []int64{9, 11, 13, 17, onnx.MaxOpset} {
			g, err := ops.Convert(bound, opset)
			if err != nil {
				t.Fatal(err)
			}
			got, err := lowering.Weights(g, g.Outputs[0].Name, 0)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s at opset %d: got weights %v (%v), want %v", n.Name, opset, got, err, want)
			}
		}
	}
}

func TestFineTuningRefuses(t *testing.T) {
	misused := func(err error) bool {
		var wrong *MisuseError
		return errors.As(err, &wrong)
	}
	for name, c := range map[string]struct {
		change func(*Spec)
		misuse bool
		want   string
	}{
		"no loss":                    {func(s *Spec) { s.Loss = "" }, true, "--loss is missing"},
		"no such loss":               {func(s *Spec) { s.Loss = "hinge" }, true, "--loss hinge: there is no such loss; there are binary-crossentropy"},
		"no data":                    {func(s *Spec) { s.Data = "" }, true, "--data is missing"},
		"freezing what is not there": {func(s *Spec) { s.Freeze = []string{"dense2*"} }, true, "--freeze dense2*: no weight has such a name; there are conv1.weight"},
		"freezing everything":        {func(s *Spec) { s.Freeze = []string{"*"} }, true, "--freeze leaves nothing to train"},
		"a pattern that is none":     {func(s *Spec) { s.Freeze = []string{"["} }, true, "--freeze [: the pattern is not one"},
		"a model that is not there":  {func(s *Spec) { s.Network = "none.onnx" }, false, "none.onnx"},
		"a target of another size":   {func(s *Spec) { s.Loss = "mse" }, false, `output "prediction" has [4] numbers a row; loss mse finds neither`},
		"no grid":                    {func(s *Spec) { s.Loss = "yolo" }, false, "yolo"},
		"an option of nobody":        {func(s *Spec) { s.Set = map[string]string{"units": "3"} }, true, "--set units=3"},
		"a loss for a catalogue's":   {func(s *Spec) { s.Network = "news" }, true, "--loss and --freeze go with a model file"},
		"weights of another network": {func(s *Spec) { s.Init = fixtures + "frozen.npz" }, false, `array "losses" is no parameter`},
		"data of another shape":      {func(s *Spec) { s.Data = "words" }, false, "words"},
	} {
		s := onwards("classifier.onnx")
		c.change(&s)
		job, err := s.Prepare()
		if err == nil {
			_, err = Fit(t.Context(), job.Network, job.Data, job.Options())
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || misused(err) != c.misuse {
			t.Errorf("%s: got %v (misuse %t), want %q (misuse %t)", name, err, misused(err), c.want, c.misuse)
		}
	}
}

// A node without a gradient on the way from a weight to the output is named.
func TestWhatIsNotTrainableIsNamed(t *testing.T) {
	float := func(name string, dims ...onnx.Dim) *onnx.ValueInfo {
		return &onnx.ValueInfo{Name: name, Type: onnx.TensorType(onnx.Float, dims...)}
	}
	n := onnx.Symbol("n")
	w := onnx.NewTensor(onnx.Float, 3, 3)
	w.Name = "w"
	file := &onnx.Model{IRVersion: 8, Graph: &onnx.Graph{Name: "g", Opsets: []onnx.Opset{{Version: 17}},
		Inputs: []*onnx.ValueInfo{float("x", n, onnx.Fixed(3))}, Outputs: []*onnx.ValueInfo{float("y", n, onnx.Fixed(3))},
		Initializers: []*onnx.Tensor{w},
		Nodes: []*onnx.Node{
			{Name: "product", OpType: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"h"}},
			{Name: "sum", OpType: "CumSum", Inputs: []string{"h", "axis"}, Outputs: []string{"y"}},
		}}}
	axis := onnx.Scalar64(1)
	axis.Name = "axis"
	file.Graph.Initializers = append(file.Graph.Initializers, axis)
	path := t.TempDir() + "/sum.onnx"
	if err := wire.WriteFile(path, file, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	x := onnx.NewTensor(onnx.Float, 4, 3)
	x.Name = "x"
	data := t.TempDir() + "/x.npz"
	if err := rows.WriteNPZFile(data, []*onnx.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	job, err := Spec{Network: path, Data: data, Loss: "mse"}.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Fit(t.Context(), job.Network, job.Data, job.Options()); !errors.Is(err, ops.ErrUnsupported) || !strings.Contains(err.Error(), `"sum"`) {
		t.Errorf("got %v, want the node named", err)
	}
}

// Files that other tools wrote of one network go on training alike, whatever nodes they made of it.
func TestFilesOfOneNetworkTrainAlike(t *testing.T) {
	for network, s := range map[string]Spec{
		"yolo":             {Data: "words", Limit: 16, Loss: "yolo", Set: map[string]string{"size": "32"}},
		"conv-autoencoder": {Data: "digits", Limit: 8, Loss: "binary-crossentropy"},
	} {
		files, err := filepath.Glob("../fixtures/foreign/" + network + "-*.onnx")
		if err != nil || len(files) < 3 {
			t.Fatalf("%s: got %v and %v, want three files or more", network, files, err)
		}
		var want []float64
		for _, file := range files {
			s.Network, s.Epochs, s.BatchSize, s.Optimizer, s.NoShuffle = file, 2, 8, "sgd:learning_rate=0.1", true
			_, result := fitted(t, s, nil)
			var got []float64
			for _, e := range result.History {
				got = append(append(got, e.Train...), e.Validation...)
			}
			if want == nil {
				want = got
			}
			for i, w := range want {
				if math.Abs(got[i]-w) > 1e-5*math.Abs(w) {
					t.Errorf("%s: got losses %v, want those of %s, %v", file, got, files[0], want)
					break
				}
			}
		}
	}
}
