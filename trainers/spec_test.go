package trainers

import (
	"bytes"
	"testing"

	"github.com/gonyx/gonyx/trainers/datasets"
)

// An option that network and data set both have is the network's: a filter of noise needs rows without.
func TestNoiseIsTheNetworks(t *testing.T) {
	rows := func(set map[string]string) ([]byte, float64) {
		job, err := Spec{Network: "autoencoder", Data: "digits", Limit: 2, Set: set}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		batch := datasets.NewBatch(job.Data.Info(), 2)
		if err := job.Data.Read(0, []int{0, 1}, batch); err != nil {
			t.Fatal(err)
		}
		return batch[0].Data, job.Network.Noise
	}
	clean, none := rows(nil)
	got, noise := rows(map[string]string{"noise": "0.3"})
	if none != 0 || noise != 0.3 {
		t.Errorf("got a noise of %g and %g, want 0 and 0.3", none, noise)
	}
	if !bytes.Equal(got, clean) {
		t.Error("the rows have noise, want them clean")
	}
	// A set that the network has no such option for still goes to the data.
	words := func(set map[string]string) []byte {
		job, err := Spec{Network: "yolo", Data: "words", Limit: 2, Set: set}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		batch := datasets.NewBatch(job.Data.Info(), 1)
		if err := job.Data.Read(0, []int{0}, batch); err != nil {
			t.Fatal(err)
		}
		return batch[0].Data
	}
	if bytes.Equal(words(nil), words(map[string]string{"noise": "0.5"})) {
		t.Error("yolo's rows have no noise, want that of the data set")
	}
}
