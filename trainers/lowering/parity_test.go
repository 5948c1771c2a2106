package lowering_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/lowering"
)

// sketch records a graph node by node.
type sketch struct {
	g       *onnx.Graph
	weights map[string]*onnx.Tensor
	n       int
}

func newSketch(weights map[string]*onnx.Tensor) *sketch {
	return &sketch{g: &onnx.Graph{Opsets: []onnx.Opset{{Version: 17}}}, weights: weights}
}

func (s *sketch) input(name string, dims ...onnx.Dim) string {
	s.g.Inputs = append(s.g.Inputs, &onnx.ValueInfo{Name: name, Type: onnx.TensorType(onnx.Float, dims...)})
	return name
}

func (s *sketch) node(op string, attrs []*onnx.Attribute, in ...string) string {
	s.n++
	out := fmt.Sprintf("v%d", s.n)
	s.g.Nodes = append(s.g.Nodes, &onnx.Node{Name: fmt.Sprintf("%s%d", strings.ToLower(op), s.n), OpType: op, Attributes: attrs, Inputs: in, Outputs: []string{out}})
	return out
}

func (s *sketch) constant(t *onnx.Tensor) string {
	s.n++
	t.Name = fmt.Sprintf("c%d", s.n)
	s.g.Initializers = append(s.g.Initializers, t)
	return t.Name
}

func (s *sketch) scalar(v float32) string { return s.constant(onnx.Scalar32(v)) }

// param adds a parameter that awaits its weights.
func (s *sketch) param(name string) string {
	s.g.Initializers = append(s.g.Initializers, &onnx.Tensor{Name: name, Type: onnx.Float, Dims: s.weights[name].Dims})
	return name
}

func (s *sketch) dense(layer, x, activation string) string {
	y := s.node("Gemm", nil, x, s.param(layer+".weight"), s.param(layer+".bias"))
	if activation == "" {
		return y
	}
	return s.node(activation, nil, y)
}

func (s *sketch) conv(layer, x, activation string, pad int64) string {
	y := s.node("Conv", []*onnx.Attribute{onnx.AttrInts("pads", pad, pad, pad, pad)}, x, s.param(layer+".weight"), s.param(layer+".bias"))
	return s.node(activation, nil, y)
}

func (s *sketch) pool(x string) string {
	return s.node("MaxPool", []*onnx.Attribute{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2), onnx.AttrInt("ceil_mode", 1)}, x)
}

// double repeats every pixel twice in both directions: [n, c, h, w] → [n, c, 2h, 2w].
func (s *sketch) double(x string, c, side int64) string {
	x = s.node("Reshape", nil, x, s.constant(onnx.FromInt64s([]int64{-1, c, side, 1, side, 1})))
	x = s.node("Expand", nil, x, s.constant(onnx.FromInt64s([]int64{1, 1, 1, 2, 1, 2})))
	return s.node("Reshape", nil, x, s.constant(onnx.FromInt64s([]int64{-1, c, 2 * side, 2 * side})))
}

func (s *sketch) sum(x string, axes ...int64) string {
	zero := []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}
	if axes == nil {
		return s.node("ReduceSum", zero, x)
	}
	return s.node("ReduceSum", zero, x, s.constant(onnx.FromInt64s(axes)))
}

func (s *sketch) mean(x string) string {
	return s.node("ReduceMean", []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}, x)
}

// crossEntropy is -(x·log p + (1-x)·log(1-p)) with p clamped to [1e-7, 1-1e-7].
func (s *sketch) crossEntropy(x, p string) string {
	p = s.node("Clip", nil, p, s.scalar(1e-7), s.scalar(1-1e-7))
	one := s.scalar(1)
	hit := s.node("Mul", nil, x, s.node("Log", nil, p))
	miss := s.node("Mul", nil, s.node("Sub", nil, one, x), s.node("Log", nil, s.node("Sub", nil, one, p)))
	return s.node("Neg", nil, s.node("Add", nil, hit, miss))
}

func (s *sketch) output(name string) {
	s.g.Outputs = append(s.g.Outputs, &onnx.ValueInfo{Name: name, Type: onnx.UnrankedTensorType(onnx.Float)})
}

// networks builds each stored run's network and loss; the prediction is output 0, the loss output 1.
var networks = map[string]func(s *sketch, batch onnx.Dim){
	"news": func(s *sketch, batch onnx.Dim) {
		x, y := s.input("x", batch, onnx.Fixed(1000)), s.input("y", batch, onnx.Fixed(4))
		p := s.node("Softmax", nil, s.dense("dense2", s.dense("dense1", x, "Relu"), ""))
		s.output(p)
		log := s.node("Log", nil, s.node("Clip", nil, p, s.scalar(1e-7)))
		s.output(s.node("Neg", nil, s.mean(s.sum(s.node("Mul", nil, y, log), 1))))
	},
	"autoencoder": func(s *sketch, batch onnx.Dim) {
		x := s.input("x", batch, onnx.Fixed(784))
		h := x
		for _, layer := range []string{"encoder.dense1", "encoder.dense2", "encoder.dense3", "decoder.dense1", "decoder.dense2"} {
			h = s.dense(layer, h, "Relu")
		}
		p := s.dense("decoder.dense3", h, "Sigmoid")
		s.output(p)
		s.output(s.mean(s.crossEntropy(x, p)))
	},
	"conv-autoencoder": func(s *sketch, batch onnx.Dim) {
		x := s.input("x", batch, onnx.Fixed(1), onnx.Fixed(28), onnx.Fixed(28))
		h := x
		for _, layer := range []string{"encoder.conv1", "encoder.conv2", "encoder.conv3"} {
			h = s.pool(s.conv(layer, h, "Relu", 1))
		}
		h = s.double(s.conv("decoder.conv1", h, "Relu", 1), 8, 4)
		h = s.double(s.conv("decoder.conv2", h, "Relu", 1), 8, 8)
		h = s.double(s.conv("decoder.conv3", h, "Relu", 0), 16, 14)
		p := s.conv("decoder.conv4", h, "Sigmoid", 1)
		s.output(p)
		s.output(s.mean(s.crossEntropy(x, p)))
	},
	"vae": func(s *sketch, batch onnx.Dim) {
		x, epsilon := s.input("x", batch, onnx.Fixed(784)), s.input("epsilon", batch, onnx.Fixed(2))
		h := s.dense("encoder.dense1", x, "Relu")
		m, lv := s.dense("encoder.z_mean", h, ""), s.dense("encoder.z_log_var", h, "")
		deviation := s.node("Exp", nil, s.node("Mul", nil, lv, s.scalar(0.5)))
		z := s.node("Add", nil, m, s.node("Mul", nil, deviation, epsilon))
		p := s.dense("decoder.dense2", s.dense("decoder.dense1", z, "Relu"), "Sigmoid")
		s.output(p)
		inner := s.node("Sub", nil, s.node("Sub", nil, s.node("Add", nil, s.scalar(1), lv), s.node("Mul", nil, m, m)), s.node("Exp", nil, lv))
		kl := s.node("Mul", nil, s.sum(inner, 1), s.scalar(-0.5))
		s.output(s.mean(s.node("Add", nil, s.sum(s.crossEntropy(x, p), 1), kl)))
	},
}

// parityDir finds the stored PyTorch runs beside the repository.
func parityDir(t *testing.T) string {
	t.Helper()
	root := os.Getenv("GONYX_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "parity")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is not there: the stored PyTorch runs stand beside the repository or where GONYX_SHARED says", dir)
	}
	return dir
}

func archive(t *testing.T, path string) map[string]*onnx.Tensor {
	t.Helper()
	list, err := rows.ReadNPZFile(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*onnx.Tensor)
	for _, a := range list {
		byName[a.Name] = a
	}
	return byName
}

// batchOf cuts one step's batch out of [steps, batch, …], with bytes scaled to 0…1.
func batchOf(a *onnx.Tensor, step int, dims ...int64) *onnx.Tensor {
	n := a.Len() / int(a.Dims[0])
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		if a.Type == onnx.Uint8 {
			t.Float32s()[i] = float32(a.Uint8s()[step*n+i]) / 255
		} else {
			t.Float32s()[i] = a.Float32s()[step*n+i]
		}
	}
	return t
}

func TestTrainingFollowsPyTorch(t *testing.T) {
	root := parityDir(t)
	for _, name := range []string{"news-adam", "news-rmsprop", "news-sgd-momentum", "autoencoder-adam", "autoencoder-adadelta", "vae-adam", "conv-autoencoder-adadelta"} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(name, "conv") {
				t.Skip("the slowest one")
			}
			dir := filepath.Join(root, name)
			var c struct {
				Optimizer       string
				Hyperparameters map[string]float64
				Steps           int
			}
			text, err := os.ReadFile(filepath.Join(dir, "case.json"))
			if err == nil {
				err = json.Unmarshal(text, &c)
			}
			if err != nil {
				t.Fatal(err)
			}
			s := newSketch(archive(t, filepath.Join(dir, "init.npz")))
			networks[name[:strings.LastIndex(strings.TrimSuffix(name, "-momentum"), "-")]](s, onnx.Symbol("batch"))
			pool := kernels.NewPool(2)
			defer pool.Close()
			p, err := lowering.Lower(s.g, lowering.Options{Loss: s.g.Outputs[1].Name, Parameters: s.weights, Set: kernels.Best(), Pool: pool})
			if err != nil {
				t.Fatal(err)
			}
			h := c.Hyperparameters
			rule := trainers.Optimizer{Name: strings.TrimSuffix(c.Optimizer, "-momentum"), LearningRate: h["lr"], Momentum: h["momentum"], Rho: h["rho"],
				Beta1: h["beta1"], Beta2: h["beta2"], Epsilon: h["eps"]}
			solver := trainers.NewSolver(rule, kernels.Best(), pool)
			batches := archive(t, filepath.Join(dir, "batches.npz"))
			f, err := os.Open(filepath.Join(dir, "losses.csv"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			losses, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if len(losses)-1 != c.Steps {
				t.Fatalf("got %d stored losses, want %d", len(losses)-1, c.Steps)
			}
			var worst [3]float64 // forward, losses, weights
			for step := range c.Steps {
				in := make([]*onnx.Tensor, len(s.g.Inputs))
				for i, v := range s.g.Inputs {
					b := batches[v.Name]
					dims := []int64{b.Dims[1]}
					for _, d := range v.Type.Dims[1:] {
						dims = append(dims, d.Value)
					}
					in[i] = batchOf(b, step, dims...)
				}
				if err := p.Run(in, true); err != nil {
					t.Fatal(err)
				}
				if step == 0 {
					want := archive(t, filepath.Join(dir, "forward.npz"))["y"].Float32s()
					got := p.Output(s.g.Outputs[0].Name).Float32s()
					if len(got) != len(want) {
						t.Fatalf("got %d predictions, want %d", len(got), len(want))
					}
					for i, w := range want {
						worst[0] = max(worst[0], math.Abs(float64(got[i]-w))/math.Abs(float64(w)))
					}
				}
				want, err := strconv.ParseFloat(losses[step+1][1], 64)
				if err != nil {
					t.Fatal(err)
				}
				worst[1] = max(worst[1], math.Abs(float64(p.Loss())-want)/math.Abs(want))
				if err := solver.StepAt(p.Params(), rule.LearningRate, 0); err != nil {
					t.Fatal(err)
				}
			}
			final := archive(t, filepath.Join(dir, "final.npz"))
			if len(final) != len(p.Params()) {
				t.Fatalf("got %d parameters, want %d", len(p.Params()), len(final))
			}
			for _, q := range p.Params() {
				for i, w := range final[q.Name()].Float32s() {
					worst[2] = max(worst[2], math.Abs(float64(q.Tensor().Float32s()[i]-w)))
				}
			}
			t.Logf("largest differences: forward %.1e relative, losses %.1e relative, weights %.1e", worst[0], worst[1], worst[2])
			for i, limit := range []float64{1e-5, 1e-4, 5e-4} {
				if worst[i] > limit {
					t.Errorf("%s: got a difference of %g, want at most %g", []string{"forward", "losses", "weights"}[i], worst[i], limit)
				}
			}
		})
	}
}
