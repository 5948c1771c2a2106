package trainers_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers"
)

// TestStackAndFunctionsTrainAlike: the autoencoder written as a stack and as composed functions is one model, and the same training gives it
// the same weights.
func TestStackAndFunctionsTrainAlike(t *testing.T) {
	x := onnx.NewTensor(onnx.Uint8, 60, 36)
	x.Name = "x"
	for i := range x.Uint8s() {
		x.Uint8s()[i] = uint8(i * i % 251)
	}
	data := filepath.Join(t.TempDir(), "x.npz")
	if err := rows.WriteNPZFile(data, []*onnx.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	var digests []string
	var weights []map[string]*onnx.Tensor
	for _, form := range []string{"functions", "stack"} {
		job, err := trainers.Spec{Network: "autoencoder", Data: data, Epochs: 3, BatchSize: 16,
			Set: map[string]string{"form": form, "units1": "12", "units2": "8", "code": "4"}}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		d, err := graphs.Digest(job.Network.Training.Graph)
		if err != nil {
			t.Fatal(err)
		}
		r, err := trainers.Fit(context.Background(), job.Network, job.Data, job.Options())
		if err != nil {
			t.Fatal(err)
		}
		digests, weights = append(digests, d), append(weights, r.Last)
		r.Close()
	}
	if digests[0] != digests[1] {
		t.Errorf("got digests %v of the training graphs, want one", digests)
	}
	for name, w := range weights[0] {
		if !bytes.Equal(w.Data, weights[1][name].Data) {
			t.Errorf("%s: got other weights from the stack than from the functions", name)
		}
	}
}
