package networks

import (
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
)

func build(t *testing.T, name string, set map[string]string, d Data) *Instance {
	t.Helper()
	n, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	i, err := n.Build(NewSettings(n.Options, set), d)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// withWeights gives a graph with the weights of a seed in it.
func withWeights(m *graphs.Model, seed uint64) *onnx.Graph {
	g, err := graphs.Bind(m.Graph, graphs.Initialize(m.Parameters, seed))
	if err != nil {
		panic(err)
	}
	return g
}

func mustEqual(t *testing.T, a, b *onnx.Graph) {
	t.Helper()
	diff, err := graphs.Diff(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if diff != "" {
		t.Errorf("got a difference: %s", diff)
	}
	da, err := graphs.Digest(a)
	if err != nil {
		t.Fatal(err)
	}
	db, err := graphs.Digest(b)
	if err != nil {
		t.Fatal(err)
	}
	if da != db {
		t.Errorf("got digests %s and %s, want one", da, db)
	}
}

func TestStackAndFunctionsAreOneAutoencoder(t *testing.T) {
	z := autoencoderSizes{pixels: 784, units1: 128, units2: 64, code: 64, output: graphs.Sigmoid}
	forms := make([]*onnx.Graph, 0, 2)
	for _, layer := range []graphs.Layer{z.sequential(), z.functional} {
		b := graphs.New("autoencoder")
		b.Output("y", layer(input(b, "x", []int64{784})))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		forms = append(forms, withWeights(m, 1))
	}
	mustEqual(t, forms[0], forms[1])
	mustEqual(t, forms[0], withWeights(build(t, "autoencoder", nil, Data{X: []int64{784}}).Model, 1))
}

// TestPartsComposeToTheWhole: the decoder on the encoder's output is the network, by digest.
func TestPartsComposeToTheWhole(t *testing.T) {
	for name, d := range map[string]Data{
		"autoencoder":      {X: []int64{784}},
		"conv-autoencoder": {X: []int64{1, 28, 28}},
		"vae":              {X: []int64{784}},
	} {
		t.Run(name, func(t *testing.T) {
			i := build(t, name, nil, d)
			if len(i.Parts) != 2 || i.Parts[0].Name != "encoder" || i.Parts[1].Name != "decoder" {
				t.Fatalf("got parts %v, want encoder and decoder", i.Parts)
			}
			whole := withWeights(i.Model, 3)
			mustEqual(t, chain(withWeights(i.Parts[0].Model, 3), withWeights(i.Parts[1].Model, 3)), whole)
		})
	}
}

// chain feeds the last output of one graph to the only input of another.
func chain(first, second *onnx.Graph) *onnx.Graph {
	joined := first.Clone()
	from, to := first.Outputs[len(first.Outputs)-1].Name, second.Inputs[0].Name
	name := func(n string) string {
		if n == to {
			return from
		}
		return "second." + n
	}
	for _, t := range second.Initializers {
		c := *t
		c.Name = name(t.Name)
		joined.Initializers = append(joined.Initializers, &c)
	}
	for _, n := range second.Clone().Nodes {
		for k, in := range n.Inputs {
			if in != "" {
				n.Inputs[k] = name(in)
			}
		}
		for k, out := range n.Outputs {
			n.Outputs[k] = name(out)
		}
		n.Name = name(n.Name)
		joined.Nodes = append(joined.Nodes, n)
	}
	out := *second.Outputs[0]
	out.Name = name(out.Name)
	joined.Outputs = []*onnx.ValueInfo{&out}
	return joined
}

func TestSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		network string
		set     map[string]string
		data    Data
		want    string
	}{
		"a size that is no number": {"autoencoder", map[string]string{"units1": "many"}, Data{X: []int64{784}}, `--set units1=many: want a whole number from 1 to 65536`},
		"a size of nothing":        {"news", map[string]string{"units": "0"}, Data{X: []int64{9}, Y: []int64{2}}, `--set units=0: want a whole number from 1 to 65536`},
		"an unknown output":        {"autoencoder", map[string]string{"output": "tanh"}, Data{X: []int64{784}}, `--set output=tanh: want one of sigmoid, softmax`},
		"a size the data denies":   {"yolo", map[string]string{"size": "32"}, Data{X: []int64{3, 64, 64}, Y: []int64{4, 8}}, `--set size=32 contradicts the data, which has 64`},
		"a grid the data denies":   {"yolo", map[string]string{"grid": "3"}, Data{X: []int64{3, 64, 64}, Y: []int64{4, 8}}, `--set grid=3 contradicts the data, which has 2`},
		"too few class names":      {"yolo", map[string]string{"words": "a"}, Data{X: []int64{3, 64, 64}, Y: []int64{4, 8}}, `--set words=a names 1 classes, the data has 2`},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := Find(c.network)
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Build(NewSettings(n.Options, c.set), c.data)
			if err == nil || err.Error() != c.want {
				t.Errorf("got error %v, want %s", err, c.want)
			}
		})
	}
}

func TestDataThatDoesNotFitIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		network string
		data    Data
	}{
		"rows in place of pictures":       {"yolo", Data{X: []int64{784}, Y: []int64{4, 8}}},
		"no targets":                      {"yolo", Data{X: []int64{3, 64, 64}}},
		"cells in no square":              {"yolo", Data{X: []int64{3, 64, 64}, Y: []int64{5, 8}}},
		"a picture too small to convolve": {"yolo", Data{X: []int64{3, 6, 6}, Y: []int64{4, 8}}},
		"one category":                    {"news", Data{X: []int64{10}, Y: []int64{1}}},
		"pictures of another size":        {"conv-autoencoder", Data{X: []int64{1, 32, 32}}},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := Find(c.network)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.Build(NewSettings(n.Options, nil), c.data); err == nil {
				t.Errorf("got no error for %+v", c.data)
			}
		})
	}
}
