package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/onnx/wire"
)

// fixtures hold a network that PyTorch exported, see scripts/finetune.
const fixtures = "../../fixtures/finetune/"

// onwards are settings at which it trains on in a moment.
func onwards(more ...string) []string {
	return append([]string{"train", fixtures + "classifier.onnx", "--loss", "categorical-crossentropy-logits", "--data", fixtures + "rows.npz",
		"--epochs", "2", "--batch-size", "8", "--optimizer", "sgd:learning_rate=0.05,momentum=0.9", "--threads", "1", "--quiet"}, more...)
}

func decoded(t *testing.T, path string) *onnx.Model {
	t.Helper()
	m, err := wire.ReadFile(path, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrainAModelOfPyTorch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, 0, onwards("--out", dir, "--freeze", "conv1.*", "--freeze", "norm.bias")...)
	must(t, 0, "verify", dir)
	before, after := decoded(t, fixtures+"classifier.onnx"), decoded(t, filepath.Join(dir, "model.onnx"))
	// Weights apart it is the same graph, at its own opset, under the same names.
	if before.Graph.Opset("") != after.Graph.Opset("") {
		t.Errorf("got opset %d, want the file's own, %d", after.Graph.Opset(""), before.Graph.Opset(""))
	}
	var changed []string
	for i, w := range before.Graph.Initializers {
		now := after.Graph.Initializers[i]
		if now.Name != w.Name {
			t.Fatalf("initializer %d: got %q, want %q", i, now.Name, w.Name)
		}
		if !bytes.Equal(now.Data, w.Data) {
			changed = append(changed, w.Name)
		}
	}
	slices.Sort(changed)
	if got, want := strings.Join(changed, " "), "conv2.bias conv2.weight dense.bias dense.weight norm.weight"; got != want {
		t.Errorf("got %s changed, want %s", got, want)
	}
	for i, n := range before.Graph.Nodes {
		now := after.Graph.Nodes[i]
		if now.Name != n.Name || now.OpType != n.OpType || !slices.Equal(now.Inputs, n.Inputs) || !slices.Equal(now.Outputs, n.Outputs) {
			t.Errorf("node %d: got %v, want %v", i, now, n)
		}
	}
	unbound := func(g *onnx.Graph) *onnx.Graph {
		g = g.Clone()
		for _, w := range g.Initializers {
			w.Data = nil
		}
		return g
	}
	if d, err := graphs.Diff(unbound(before.Graph), unbound(after.Graph)); err != nil || d != "" {
		t.Errorf("got the difference %q and error %v, want none but in weights", d, err)
	}
	if loss, _ := after.Meta("gonyx.loss"); loss != "categorical-crossentropy-logits" {
		t.Errorf("got gonyx.loss %q, want the loss", loss)
	}
	if _, there := after.Meta("gonyx.network"); there {
		t.Error("got gonyx.network, though the network is none of the catalogue")
	}
	lines := results(t, dir)
	if got, want := strings.Join(lines[0], ","), "epoch,loss,val_loss,val_accuracy,val_f1,learning_rate,seconds"; got != want {
		t.Errorf("got columns %s, want %s", got, want)
	}

	// Interrupted and resumed it ends with the same bytes; with the file changed in between it does not go on.
	again := filepath.Join(t.TempDir(), "again")
	model := filepath.Join(t.TempDir(), "classifier.onnx")
	text, err := os.ReadFile(fixtures + "classifier.onnx")
	if err == nil {
		err = os.WriteFile(model, text, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	args := onwards("--out", again, "--freeze", "conv1.*", "--freeze", "norm.bias", "--watch", "loss")
	args[1] = model
	errs := &stopWriter{after: 2, stop: cancel}
	if code := run(ctx, append([]string{"gonyx"}, args...), strings.NewReader(""), &bytes.Buffer{}, errs); code != 130 {
		t.Fatalf("got exit code %d, want 130\n%s", code, errs)
	}
	if !strings.Contains(errs.String(), "gonyx train "+model+" --resume "+again) {
		t.Errorf("got %q, want the command that goes on", errs)
	}
	other := decoded(t, model)
	w := other.Graph.Initializers[0]
	w.Data = bytes.Clone(w.Data)
	w.Data[0] ^= 1
	if err := wire.WriteFile(model, other, wire.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	must(t, 2, "train", model, "--resume", again, "--quiet")
	if err := os.WriteFile(model, text, 0o666); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "train", model, "--resume", again, "--quiet")
	sameFiles(t, dir, again, "model.onnx", "weights/best.npz", "weights/last.npz")
}

// Our own exports trained on come to what an unbroken run comes to, bit for bit, where the solver keeps nothing.
func TestTrainingOnIsTheUnbrokenRun(t *testing.T) {
	for name, c := range map[string]struct{ network, loss, data string }{
		"classifier":  {"news", "categorical-crossentropy", "news"},
		"detector":    {"yolo", "yolo", "words"},
		"autoencoder": {"conv-autoencoder", "binary-crossentropy", "digits"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			common := []string{"--data", c.data, "--limit", "24", "--batch-size", "8", "--optimizer", "sgd:learning_rate=0.05", "--no-shuffle",
				"--validation-split", "0", "--threads", "1", "--quiet"}
			sizes := []string{}
			switch c.network {
			case "news":
				common = append(common, "--set", "words=60")
				sizes = append(sizes, "--set", "units=8")
			case "yolo":
				common = append(common, "--set", "size=32", "--set", "fresh=false")
				sizes = append(sizes, "--set", "filters1=2", "--set", "filters2=3", "--set", "units=8")
			case "conv-autoencoder":
				common = append(common, "--set", "fresh=false")
			}
			args := func(network, out string, epochs string, more ...string) []string {
				a := append([]string{"train", network, "--epochs", epochs, "--out", filepath.Join(dir, out)}, common...)
				return append(a, more...)
			}
			must(t, 0, args(c.network, "whole", "4", sizes...)...)
			must(t, 0, args(c.network, "half", "2", sizes...)...)
			must(t, 0, args(filepath.Join(dir, "half", "model.onnx"), "on", "2", "--loss", c.loss)...)
			sameFiles(t, filepath.Join(dir, "whole"), filepath.Join(dir, "on"), "weights/last.npz")
			must(t, 0, "compare", filepath.Join(dir, "whole", "model.onnx"), filepath.Join(dir, "on", "model.onnx"))
			// It still says which network it is, and what a reader needs.
			whole, on := decoded(t, filepath.Join(dir, "whole", "model.onnx")), decoded(t, filepath.Join(dir, "on", "model.onnx"))
			for _, e := range whole.Metadata {
				if !strings.HasPrefix(e.Key, "gonyx.features.") && !strings.HasPrefix(e.Key, "gonyx.set.") && e.Key != "gonyx.network" {
					continue
				}
				if got, _ := on.Meta(e.Key); got != e.Value {
					t.Errorf("%s: got %q, want %q", e.Key, got, e.Value)
				}
			}
			// The same start by --init, from the model file and from the arrays.
			must(t, 0, args(c.network, "init", "2", append(sizes, "--init", filepath.Join(dir, "half", "model.onnx"))...)...)
			must(t, 0, args(c.network, "arrays", "2", append(sizes, "--init", filepath.Join(dir, "half", "weights", "last.npz"))...)...)
			sameFiles(t, filepath.Join(dir, "whole"), filepath.Join(dir, "init"), "weights/last.npz")
			sameFiles(t, filepath.Join(dir, "whole"), filepath.Join(dir, "arrays"), "weights/last.npz")
		})
	}
}

func TestInitOfAModelRefuses(t *testing.T) {
	dir := t.TempDir()
	must(t, 0, small("--epochs", "1", "--out", filepath.Join(dir, "run"))...)
	change := func(name string, f func(g *onnx.Graph)) string {
		m := decoded(t, filepath.Join(dir, "run", "model.onnx"))
		f(m.Graph)
		path := filepath.Join(dir, name+".onnx")
		if err := wire.WriteFile(path, m, wire.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rename := func(g *onnx.Graph, from, to string) {
		g.Initializer(from).Name = to
		for _, n := range g.Nodes {
			for i, in := range n.Inputs {
				if in == from {
					n.Inputs[i] = to
				}
			}
		}
	}
	missing := change("missing", func(g *onnx.Graph) { rename(g, "dense1.bias", "other") })
	surplus := change("surplus", func(g *onnx.Graph) {
		extra := onnx.NewTensor(onnx.Float, 4)
		extra.Name = "extra"
		g.Initializers = append(g.Initializers, extra)
		last := g.Nodes[len(g.Nodes)-1]
		g.Nodes = append(g.Nodes, &onnx.Node{Name: "more", OpType: "Add", Inputs: []string{last.Outputs[0] + "_", "extra"}, Outputs: []string{"y"}})
		last.Outputs[0] += "_"
	})
	for name, c := range map[string]struct{ path, want string }{
		"a weight is missing":   {missing, `initializer "dense1.bias" is missing`},
		"a weight too many":     {surplus, `initializer "extra" is no parameter of network "news"`},
		"another network":       {fixtures + "classifier.onnx", "is missing"},
		"it is not there":       {filepath.Join(dir, "none.onnx"), "none.onnx"},
		"it is no model":        {func() string { p := filepath.Join(dir, "bad.onnx"); os.WriteFile(p, []byte("bad"), 0o666); return p }(), "bad.onnx"},
		"weights of other size": {filepath.Join(dir, "run", "model.onnx"), `initializer "dense1.weight" has shape [60 8], the parameter has [60 9]`},
	} {
		t.Run(name, func(t *testing.T) {
			args := small("--init", c.path)
			if strings.Contains(name, "size") {
				args[slices.Index(args, "units=8")] = "units=9"
			}
			_, errs := must(t, 3, args...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}

func TestFineTuningMisuse(t *testing.T) {
	flat := onnx.NewTensor(onnx.Float, 8, 7)
	flat.Name = "x"
	data := filepath.Join(t.TempDir(), "x.npz")
	if err := rows.WriteNPZFile(data, []*onnx.Tensor{flat}); err != nil {
		t.Fatal(err)
	}
	without := func(flag string) []string {
		a := onwards()
		at := slices.Index(a, flag)
		return slices.Delete(a, at, at+2)
	}
	with := func(flag, value string) []string {
		a := onwards()
		a[slices.Index(a, flag)+1] = value
		return a
	}
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"no loss":                     {2, without("--loss"), "--loss is missing"},
		"an unknown loss":             {2, with("--loss", "hinge"), "--loss hinge"},
		"no data":                     {2, without("--data"), "--data is missing"},
		"nothing of that name":        {2, onwards("--freeze", "none*"), "--freeze none*"},
		"a loss for the catalogue's":  {2, small("--loss", "mse"), "--loss and --freeze go with a model file"},
		"freezing the catalogue's":    {2, small("--freeze", "dense1*"), "--loss and --freeze go with a model file"},
		"rows of another shape":       {3, with("--data", data), "x.npz"},
		"a loss that does not fit it": {3, with("--loss", "mse"), "loss mse finds neither"},
		"an opset too old":            {2, onwards("--opset", "8"), "--opset 8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, c.code, c.args...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}
