package trainers

import (
	"bytes"
	"testing"

	"github.com/gonyx/gonyx/trainers/datasets"
)

// Options that network and data set both have go to both, but for the noise that a filter learns to take away: it must not be in the rows.
func TestFiltersOfNoiseLearnFromCleanRows(t *testing.T) {
	rows := func(network string, set map[string]string) ([]byte, float64) {
		job, err := Spec{Network: network, Data: "digits", Limit: 2, Set: set}.Prepare()
		if err != nil {
			t.Fatal(err)
		}
		batch := datasets.NewBatch(job.Data.Info(), 2)
		if err := job.Data.Read(0, []int{0, 1}, batch); err != nil {
			t.Fatal(err)
		}
		return batch[0].Data, job.Network.Noise
	}
	clean, none := rows("autoencoder", nil)
	got, noise := rows("autoencoder", map[string]string{"noise": "0.3"})
	if none != 0 || noise != 0.3 {
		t.Errorf("got a noise of %g and %g, want 0 and 0.3", none, noise)
	}
	if !bytes.Equal(got, clean) {
		t.Error("the rows have noise, want them clean")
	}
	if noisy, _ := rows("vae", map[string]string{"noise": "0.3"}); bytes.Equal(noisy, clean) {
		t.Error("rows for a network that filters nothing have no noise, want that of the data set")
	}
}
