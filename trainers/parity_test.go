package trainers_test

import (
	"context"
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
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
)

// The stored training runs, computed by PyTorch. See the README beside them for what they hold.
type parityCase struct {
	Case            string             `json:"case"`
	Optimizer       string             `json:"optimizer"`
	Hyperparameters map[string]float64 `json:"hyperparameters"`
	Steps           int                `json:"steps"`
}

// sharedDir finds the data beside the repository, or skips the test.
func sharedDir(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("GONYX_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is not there: the stored PyTorch runs are beside the repository or where GONYX_SHARED says", dir)
	}
	return dir
}

// optimizerOf writes a case's optimizer as the command line takes it; PyTorch's words are translated.
func optimizerOf(c parityCase) string {
	names := map[string]string{"lr": "learning_rate", "alpha": "rho"}
	s := strings.TrimSuffix(c.Optimizer, "-momentum")
	sep := ":"
	for _, key := range []string{"lr", "beta1", "beta2", "alpha", "rho", "eps", "momentum", "weight_decay"} {
		if v, ok := c.Hyperparameters[key]; ok {
			name := key
			if n, ok := names[key]; ok {
				name = n
			}
			s += fmt.Sprintf("%s%s=%g", sep, name, v)
			sep = ","
		}
	}
	return s
}

func arrays(t *testing.T, path string) map[string]*onnx.Tensor {
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

func storedLosses(t *testing.T, path string) []float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for _, l := range lines[1:] {
		v, err := strconv.ParseFloat(l[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, v)
	}
	return losses
}

// joined writes the batches of a case as one data set: the first two axes joined.
func joined(t *testing.T, dir, to string) (batch int) {
	t.Helper()
	var list []*onnx.Tensor
	for _, name := range []string{"x", "y", "epsilon"} {
		a := arrays(t, filepath.Join(dir, "batches.npz"))[name]
		if a == nil {
			continue
		}
		batch = int(a.Dims[1])
		a.Dims = append([]int64{a.Dims[0] * a.Dims[1]}, a.Dims[2:]...)
		list = append(list, a)
	}
	if err := rows.WriteNPZFile(to, list); err != nil {
		t.Fatal(err)
	}
	return batch
}

// parityRuns lists the stored runs whose networks are in the catalogue.
var parityRuns = map[string]string{
	"yolo-adam":                 "yolo",
	"autoencoder-adadelta":      "autoencoder",
	"autoencoder-adam":          "autoencoder",
	"conv-autoencoder-adadelta": "conv-autoencoder",
	"vae-adam":                  "vae",
	"news-adam":                 "news",
	"news-rmsprop":              "news",
	"news-sgd-momentum":         "news",
}

func TestTrainingRunsAsInPyTorch(t *testing.T) {
	root := sharedDir(t, "parity")
	for name, network := range parityRuns {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(root, name)
			var c parityCase
			text, err := os.ReadFile(filepath.Join(dir, "case.json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(t.TempDir(), "data.npz")
			batch := joined(t, dir, data)
			none := 0.0
			job, err := trainers.Spec{Network: network, Data: data, Init: filepath.Join(dir, "init.npz"), Epochs: 1, BatchSize: batch,
				Optimizer: optimizerOf(c), NoShuffle: true, ValidationSplit: &none}.Prepare()
			if err != nil {
				t.Fatal(err)
			}
			losses := storedLosses(t, filepath.Join(dir, "losses.csv"))
			o := job.Options()
			var sum, worstLoss float64
			o.Progress = func(e trainers.Event) {
				if e.Kind != trainers.StepDone {
					return
				}
				// The running mean over equal batches gives back each batch's loss.
				got := e.Means[0]*float64(e.Step) - sum
				sum += got
				worstLoss = math.Max(worstLoss, math.Abs(got-losses[e.Step-1])/math.Abs(losses[e.Step-1]))
			}
			r, err := trainers.Fit(context.Background(), job.Network, job.Data, o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			worstWeight := 0.0
			for key, want := range arrays(t, filepath.Join(dir, "final.npz")) {
				for i, v := range r.Last[key].Float32s() {
					worstWeight = math.Max(worstWeight, math.Abs(float64(v-want.Float32s()[i])))
				}
			}
			t.Logf("largest relative difference of a step's loss %.2g, largest difference of a final weight %.2g", worstLoss, worstWeight)
			if worstLoss > 1e-4 {
				t.Errorf("got a loss that differs by %g relative, want at most 1e-4", worstLoss)
			}
			if worstWeight > 5e-4 {
				t.Errorf("got a final weight that differs by %g, want at most 5e-4", worstWeight)
			}
		})
	}
}
