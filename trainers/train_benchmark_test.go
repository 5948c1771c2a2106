package trainers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// BenchmarkTrain measures one training step: forward, backward and Adam. cpu-ms/op is processor time over all threads, spinning
// ones included: what a step costs where other work keeps the machine busy.
func BenchmarkTrain(b *testing.B) {
	batches := map[string]int{"yolo": 16, "autoencoder": 100, "conv-autoencoder": 100, "vae": 100, "news": 32}
	for _, n := range networks.All() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/batch=%d/threads=%d", n.Name, batches[n.Name], threads), func(b *testing.B) {
				s := newTrainStep(b, n, batches[n.Name], threads)
				defer s.pool.Close()
				s.run(b)
				b.ResetTimer()
				before := processorTime()
				for b.Loop() {
					s.run(b)
				}
				b.ReportMetric(float64(processorTime()-before)/1e6/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// trainStep is a network with a batch of made rows.
type trainStep struct {
	program *lowering.Program
	solver  *trainers.Solver
	pool    *kernels.Pool
	inputs  []*onnx.Tensor
}

func newTrainStep(t testing.TB, n networks.Network, batch, threads int) *trainStep {
	t.Helper()
	net, err := n.Build(networks.NewSettings(n.Options, nil), n.Usual)
	if err != nil {
		t.Fatal(err)
	}
	s := &trainStep{}
	if threads > 1 {
		s.pool = kernels.NewPool(threads)
	}
	s.program, err = lowering.Lower(net.Training.Graph, lowering.Options{Loss: networks.LossOutput,
		Parameters: graphs.Initialize(net.Training.Parameters, 1), Batch: max(2, batch), Set: kernels.Best(), Pool: s.pool})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := trainers.ParseOptimizer("adam")
	if err != nil {
		t.Fatal(err)
	}
	s.solver = trainers.NewSolver(rule, kernels.Best(), s.pool)
	s.inputs = madeRows(net, batch)
	return s
}

// madeRows gives inputs for a batch: numbers in 0..1, or, of a network that reads texts, rows of which one number in 200 is not zero.
func madeRows(net *networks.Instance, batch int) []*onnx.Tensor {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []*onnx.Tensor
	for _, in := range net.Training.Graph.Inputs {
		dims := []int64{int64(batch)}
		for _, d := range in.Type.Dims[1:] {
			dims = append(dims, d.Value)
		}
		t := onnx.NewTensor(onnx.Float, dims...)
		for i := range t.Float32s() {
			if net.Name != "news" || rng.IntN(200) == 0 {
				t.Float32s()[i] = rng.Float32()
			}
		}
		list = append(list, t)
	}
	return list
}

func (s *trainStep) run(t testing.TB) {
	if err := s.program.Run(s.inputs, true); err != nil {
		t.Fatal(err)
	}
	if err := s.solver.StepAt(s.program.Params(), 1e-3, 0); err != nil {
		t.Fatal(err)
	}
}
