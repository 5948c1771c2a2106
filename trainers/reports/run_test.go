package reports

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// tiny is a yolo that a test can afford.
func tiny(rows int, split float64) trainers.Spec {
	return trainers.Spec{Network: "yolo", Limit: rows, Epochs: 2, BatchSize: 8, Seed: 1, ValidationSplit: &split,
		Set: map[string]string{"filters1": "2", "filters2": "4", "units": "8"}}
}

func prepare(t *testing.T, s trainers.Spec) *trainers.Job {
	t.Helper()
	job, err := s.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// trained fits a job for real.
func trained(t *testing.T, job *trainers.Job) *trainers.Result {
	t.Helper()
	o := job.Options()
	o.Threads = 1
	result, err := trainers.Fit(context.Background(), job.Network, job.Data, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(result.Close)
	return result
}

// untrained is a run that never was: weights from the seed and a history made up.
func untrained(t *testing.T, job *trainers.Job, history []trainers.Epoch) *trainers.Result {
	t.Helper()
	train, held, err := datasets.Split(job.Data, *job.Spec.ValidationSplit, job.Spec.Seed)
	if err != nil {
		t.Fatal(err)
	}
	weights := graphs.Initialize(job.Network.Model.Parameters, job.Spec.Seed)
	return &trainers.Result{Best: weights, Last: weights, History: history, BestEpoch: len(history), Train: train, Validation: held, DataDigest: "0123"}
}

// save writes the model and its parts with weights as an exporter does, and gives the run directory.
func save(t *testing.T, job *trainers.Job, weights map[string]*onnx.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	put := func(file string, part *graphs.Model) {
		g := *part.Graph
		g.Initializers = nil
		for _, p := range part.Graph.Initializers {
			if !p.Bound() {
				if p = weights[p.Name]; p == nil {
					t.Fatal("a parameter has no weights")
				}
			}
			g.Initializers = append(g.Initializers, p)
		}
		m := &onnx.Model{IRVersion: onnx.MaxIRVersion, Graph: &g}
		for _, d := range job.Network.Draws {
			if slices.ContainsFunc(g.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == d.Name }) {
				m.Metadata = append(m.Metadata, onnx.Entry{Key: backend.DefaultPrefix + d.Name, Value: backend.DefaultZeros})
			}
		}
		if err := wire.WriteFile(filepath.Join(dir, file), m, wire.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	put(trainers.ModelFile, job.Network.Model)
	for _, p := range job.Network.Parts {
		put(p.Name+".onnx", p.Model)
	}
	return dir
}
