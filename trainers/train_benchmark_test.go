package trainers_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
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
				for range s.inputs {
					s.run(b)
				}
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

// trainStep is a network with batches of made rows, of which each step takes the next.
type trainStep struct {
	program *lowering.Program
	solver  *trainers.Solver
	pool    *kernels.Pool
	inputs  [][]*onnx.Tensor
	steps   int
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
	for i := range 16 { // so many that most words of texts have been seen
		s.inputs = append(s.inputs, madeRows(net, batch, uint64(i)))
		if net.Name != "news" {
			break
		}
	}
	return s
}

// madeRows gives inputs for a batch: numbers in 0..1, or, of a network that reads texts, rows of which one number in 200 is not zero.
func madeRows(net *networks.Instance, batch int, seed uint64) []*onnx.Tensor {
	rng := rand.New(rand.NewPCG(1, seed))
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
	if err := s.program.Run(s.inputs[s.steps%len(s.inputs)], true); err != nil {
		t.Fatal(err)
	}
	s.steps++
	if err := s.solver.StepAt(s.program.Params(), 1e-3, 0); err != nil {
		t.Fatal(err)
	}
}

// What a step allocates is headers, whatever the batch.
func TestAStepAllocatesNothingThatGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which the short tests run under, allocates for itself")
	}
	for _, n := range networks.All() {
		var allocated [2]float64
		for i, batch := range []int{2, 16} {
			s := newTrainStep(t, n, batch, 1)
			for range s.inputs {
				s.run(t)
			}
			const steps = 4
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range steps {
				s.run(t)
			}
			runtime.ReadMemStats(&after)
			allocated[i] = float64(after.TotalAlloc-before.TotalAlloc) / steps
		}
		t.Logf("%s: %.0f bytes a step", n.Name, allocated[1])
		if allocated[1] > allocated[0]+1024 || allocated[1] > 16<<10 {
			t.Errorf("%s: a step of 16 rows allocates %.0f bytes, one of 2 rows %.0f; want as many, and few", n.Name, allocated[1], allocated[0])
		}
	}
}
