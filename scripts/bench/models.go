package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
)

const (
	seed  = 1
	opset = 13 // every contestant reads it
)

// duel is a case: one model or network with its inputs, for two contestants on so many threads.
type duel struct {
	Name    string
	Subject string // the network, shape or file, whatever the batch
	Kind    string // "run" or "train"
	Model   string
	In      []array
	Rows    int64 // of a batch
	Batches int64 // that are trained on in turn
	Short   bool  // also in the short form
	Alone   bool  // Go peers are not asked for it
}

// label names the duel on so many threads, as in baseline.json.
func (d duel) label(threads int) string { return label(d.Name, threads) }

func label(name string, threads int) string {
	if threads == 1 {
		return name + ", 1 thread"
	}
	return fmt.Sprintf("%s, %d threads", name, threads)
}

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

// trainingBatches is how many batches take turns: an optimizer must not find the same rows in every step. For the news it is
// so many that nearly every word has been seen before anything is measured, as it is after an epoch of real texts.
func trainingBatches(network string) int64 {
	if network == "news" {
		return 40
	}
	return 4
}

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
		for _, rows := range kinds(n.Name) {
			in, err := writeInputs(folder, n.Name+rows.word, g, batch, rows)
			if err != nil {
				return nil, err
			}
			list = append(list, duel{Name: fmt.Sprintf("%s%s, batch %d", n.Name, rows.word, batch), Subject: n.Name + rows.word, Kind: "run", Model: path, In: in,
				Rows: batch, Short: batch == 32 || batch == 1 && rows.word == "", Alone: batch == 1000})
		}
	}
	rows, turns := int64(instance.Recipe.BatchSize), trainingBatches(n.Name)
	in, err := writeInputs(folder, n.Name+" training", instance.Training.Graph, rows*turns, kinds(n.Name)[0])
	if err != nil {
		return nil, err
	}
	return append(list, duel{Name: fmt.Sprintf("%s, training step, batch %d", n.Name, rows), Subject: n.Name, Kind: "train", Model: n.Name, In: in,
		Rows: rows, Batches: turns}), nil
}

// kind is what rows are like: which share of the elements of x is not zero, and whether y marks one class of each row.
type kind struct {
	word    string
	share   float64
	classes bool
}

// kinds of a network's rows: TF-IDF rows are nearly all zeros.
func kinds(network string) []kind {
	if network == "news" {
		return []kind{{"", 0.005, true}, {", dense rows", 1, true}}
	}
	return []kind{{"", 1, false}}
}

// writeInputs draws numbers from 0 to 1 for a graph's inputs and writes a file for each.
func writeInputs(folder, name string, g *onnx.Graph, batch int64, rows kind) ([]array, error) {
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
		x := t.Float32s()
		if v.Name == "y" && rows.classes {
			for row := range slices.Chunk(x, int(dims[1])) {
				row[random.IntN(len(row))] = 1
			}
		} else {
			for i := range x {
				if rows.share == 1 || random.Float64() < rows.share {
					x[i] = random.Float32()
				}
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
