package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

const (
	seed  = 1
	opset = 13 // every contestant reads it
)

// duel is a case: one model or network with its inputs, for two contestants on so many threads.
type duel struct {
	Name  string
	Kind  string // "run" or "train"
	Model string
	In    []array
	Short bool // also in the short form
	Real  bool // a model of somebody else's, which Go peers are not asked for
}

// label names the duel on so many threads, as in baseline.json.
func (d duel) label(threads int) string { return fmt.Sprintf("%s, %d threads", d.Name, threads) }

// duels writes every case's files into a folder.
func duels(folder string) ([]duel, error) {
	var list []duel
	for _, n := range networks.All() {
		more, err := networkDuels(folder, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		list = append(list, more...)
	}
	more, err := shapeDuels(folder)
	return append(list, more...), err
}

// training batches, as large as the articles' for these networks.
var trainingRows = map[string]int64{"news": 32, "yolo": 16, "autoencoder": 100, "conv-autoencoder": 100, "vae": 100}

func networkDuels(folder string, n networks.Network) ([]duel, error) {
	instance, err := n.Build(networks.NewSettings(n.Options, nil), n.Usual)
	if err != nil {
		return nil, err
	}
	weights := graphs.Initialize(instance.Model.Parameters, seed)
	g := instance.Model.Graph.Clone()
	for i, t := range g.Initializers {
		if w := weights[t.Name]; w != nil {
			g.Initializers[i] = w
		}
	}
	path := filepath.Join(folder, n.Name+".onnx")
	if err := writeFile(path, g); err != nil {
		return nil, err
	}
	var list []duel
	batches := []int64{1, 32, 100}
	if n.Name == "news" {
		batches = append(batches, 1000)
	}
	for _, batch := range batches {
		for _, kept := range densities(n.Name) {
			in, err := writeInputs(folder, n.Name+kept.word, g, batch, kept.share)
			if err != nil {
				return nil, err
			}
			list = append(list, duel{Name: fmt.Sprintf("%s%s, batch %d", n.Name, kept.word, batch), Kind: "run", Model: path, In: in,
				Short: batch == 32 || batch == 1 && kept.word == ""})
		}
	}
	rows := trainingRows[n.Name]
	in, err := writeInputs(folder, n.Name+" training", instance.Training.Graph, rows, densities(n.Name)[0].share)
	if err != nil {
		return nil, err
	}
	return append(list, duel{Name: fmt.Sprintf("%s, training step, batch %d", n.Name, rows), Kind: "train", Model: n.Name, In: in}), nil
}

// density says which share of an input's elements is not zero.
type density struct {
	word  string
	share float64
}

// densities of a network's rows: TF-IDF rows are nearly all zeros.
func densities(network string) []density {
	if network == "news" {
		return []density{{"", 0.005}, {", dense rows", 1}}
	}
	return []density{{"", 1}}
}

// writeInputs draws numbers from 0 to 1 for a graph's inputs and writes a file for each.
func writeInputs(folder, name string, g *onnx.Graph, batch int64, share float64) ([]array, error) {
	random := rand.New(rand.NewPCG(seed, uint64(batch)))
	var list []array
	for _, v := range g.Inputs {
		dims := make([]int64, len(v.Type.Dims))
		for i, d := range v.Type.Dims {
			if dims[i] = d.Value; !d.Known() {
				dims[i] = batch
			}
		}
		t := onnx.NewTensor(onnx.Float, dims...)
		for i := range t.Float32s() {
			if share == 1 || random.Float64() < share {
				t.Float32s()[i] = random.Float32()
			}
		}
		a := array{Elem: "float32", Name: v.Name, Dims: dims, Path: filepath.Join(folder, fmt.Sprintf("%s-%s-%d.bin", strings.ReplaceAll(name, " ", "-"), v.Name, batch))}
		if err := os.WriteFile(a.Path, t.Data, 0o644); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// writeFile writes a graph at the opset that all contestants read.
func writeFile(path string, g *onnx.Graph) error {
	lowered, err := ops.Convert(g, opset)
	if err != nil {
		return err
	}
	return wire.WriteFile(path, &onnx.Model{IRVersion: 8, ProducerName: "gonyx", Graph: lowered}, wire.WriteOptions{})
}

// shapeDuels are single operators of common shapes.
func shapeDuels(folder string) ([]duel, error) {
	window := func(kernel, pad int64) []*onnx.Attribute {
		return []*onnx.Attribute{onnx.AttrInts("kernel_shape", kernel, kernel), onnx.AttrInts("pads", pad, pad, pad, pad)}
	}
	var list []duel
	for _, s := range []struct {
		name  string
		op    string
		x, w  []int64
		attrs []*onnx.Attribute
		batch []int64
	}{
		{"GEMM 1024³", "MatMul", []int64{1024}, []int64{1024, 1024}, nil, []int64{1024}},
		{"conv 64→64 3×3 on 56²", "Conv", []int64{64, 56, 56}, []int64{64, 64, 3, 3}, window(3, 1), []int64{1, 32}},
		{"depthwise 3×3 on 112²×32", "Conv", []int64{32, 112, 112}, []int64{32, 1, 3, 3}, append(window(3, 1), onnx.AttrInt("group", 32)), []int64{1, 32}},
		{"1×1 128→128 on 28²", "Conv", []int64{128, 28, 28}, []int64{128, 128, 1, 1}, window(1, 0), []int64{1, 32}},
	} {
		random := rand.New(rand.NewPCG(seed, seed))
		w := onnx.NewTensor(onnx.Float, s.w...)
		w.Name = "w"
		for i := range w.Float32s() {
			w.Float32s()[i] = random.Float32() - 0.5
		}
		g := &onnx.Graph{Name: s.name, Opsets: []onnx.Opset{{Version: opset}}, Initializers: []*onnx.Tensor{w}}
		g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, append([]onnx.Dim{onnx.Symbol("batch")}, onnx.FixedDims(s.x...)...)...)}}
		g.Outputs = []*onnx.ValueInfo{{Name: "y", Type: onnx.UnrankedTensorType(onnx.Float)}}
		g.Nodes = []*onnx.Node{{Name: "node", OpType: s.op, Inputs: []string{"x", "w"}, Outputs: []string{"y"}, Attributes: s.attrs}}
		file := strings.Fields(s.name)[0]
		path := filepath.Join(folder, file+".onnx")
		if err := writeFile(path, g); err != nil {
			return nil, err
		}
		for _, batch := range s.batch {
			in, err := writeInputs(folder, file, g, batch, 1)
			if err != nil {
				return nil, err
			}
			name := s.name
			if len(s.batch) > 1 {
				name += fmt.Sprintf(", batch %d", batch)
			}
			list = append(list, duel{Name: name, Kind: "run", Model: path, In: in, Short: batch != 1})
		}
	}
	return list, nil
}
