package main

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/exporters"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/trainers"
)

// exportSpec says what a run exports: the network with its best weights and what a reader needs to feed and judge it. Nothing in it
// depends on where or when the run was.
func exportSpec(job *trainers.Job, result *trainers.Result) exporters.Spec {
	s := job.Spec
	metadata := slices.Clone(job.Network.Metadata)
	if job.Network.Origin == "" {
		metadata = append(metadata, onnx.Entry{Key: trainers.NetworkKey, Value: job.Network.Name})
	}
	metadata = append(metadata, []onnx.Entry{
		{Key: "gonyx.version", Value: exporters.Version},
		{Key: "gonyx.seed", Value: fmt.Sprint(s.Seed)},
		{Key: "gonyx.optimizer", Value: s.Optimizer},
		{Key: "gonyx.schedule", Value: s.Schedule},
		{Key: "gonyx.epochs", Value: fmt.Sprint(s.Epochs)},
		{Key: "gonyx.best_epoch", Value: fmt.Sprint(result.BestEpoch)},
		{Key: "gonyx.batch_size", Value: fmt.Sprint(s.BatchSize)},
		{Key: "gonyx.data_sha256", Value: result.DataDigest},
		{Key: "gonyx.kernels", Value: result.KernelSet},
	}...)
	if s.LearningRate > 0 {
		metadata = append(metadata, onnx.Entry{Key: "gonyx.learning_rate", Value: fmt.Sprint(s.LearningRate)})
	}
	if *s.ClipNorm > 0 {
		metadata = append(metadata, onnx.Entry{Key: "gonyx.clip_norm", Value: fmt.Sprint(*s.ClipNorm)})
	}
	for _, o := range job.Network.Settings {
		metadata = append(metadata, onnx.Entry{Key: trainers.SettingPrefix + o.Name, Value: o.Value})
	}
	for _, d := range job.Network.Draws {
		metadata = append(metadata, onnx.Entry{Key: backend.DefaultPrefix + d.Name, Value: backend.DefaultZeros})
	}
	spec := exporters.Spec{
		Graph: job.Network.Model.Graph, Weights: result.Best, Opset: s.Opset, Features: job.Network.Features, Metadata: metadata,
		Batches: []int64{int64(s.BatchSize)}, Backend: backend.Options{MemoryLimit: s.MemoryLimit},
	}
	if len(job.Network.Model.Graph.Outputs) == 1 { // the only one that training computes
		spec.Reference = func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error) {
			y, err := result.Predict(result.Best, inputs)
			return []*onnx.Tensor{y}, err
		}
	}
	return spec
}
