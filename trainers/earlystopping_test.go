package trainers

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/trainers/datasets"
)

func TestPlateauFactor(t *testing.T) {
	for name, c := range map[string]struct {
		schedule string
		losses   []float64
		want     float64
	}{
		"nothing measured yet":                    {"plateau:patience=2,factor=0.5", nil, 1},
		"always better":                           {"plateau:patience=1,factor=0.5", []float64{3, 2, 1}, 1},
		"one worse of two":                        {"plateau:patience=2,factor=0.5", []float64{3, 4}, 1},
		"two worse of two":                        {"plateau:patience=2,factor=0.5", []float64{3, 4, 4}, 0.5},
		"equal is not better":                     {"plateau:patience=2,factor=0.5", []float64{3, 3, 3}, 0.5},
		"better in between":                       {"plateau:patience=2,factor=0.5", []float64{3, 4, 2, 4}, 1},
		"the count starts again after a cut":      {"plateau:patience=2,factor=0.5", []float64{3, 4, 4, 4}, 0.5},
		"twice":                                   {"plateau:patience=2,factor=0.5", []float64{3, 4, 4, 4, 4}, 0.25},
		"better than the last is not the lowest":  {"plateau:patience=2,factor=0.5", []float64{3, 6, 5, 4, 3.5}, 0.25},
		"a tenth where no factor is given":        {"plateau:patience=1", []float64{3, 4}, 0.1},
		"other schedules do not look at the loss": {"step:every=1", []float64{3, 4, 4, 4}, 1},
	} {
		s, err := ParseSchedule(c.schedule)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Plateau(c.losses); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// The rates in the history are those of the plateaus in it.
func TestPlateauLowersTheRate(t *testing.T) {
	s := smallNews()
	s.Epochs, s.Optimizer, s.Schedule = 8, "sgd:learning_rate=3,momentum=0.9", "plateau:patience=1,factor=0.5"
	_, result := fitted(t, s, nil)
	schedule, err := ParseSchedule(s.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for _, e := range result.History {
		if want := 3 * schedule.Plateau(losses); e.LearningRate != want {
			t.Errorf("epoch %d: got rate %v, want %v", e.Number, e.LearningRate, want)
		}
		losses = append(losses, e.Validation[0])
	}
	if schedule.Plateau(losses) == 1 {
		t.Errorf("validation losses %v: got no plateau, so the test shows nothing", losses)
	}
}

// A rate so high that the validation loss goes up soon.
func soonWorse() Spec {
	s := smallNews()
	s.Epochs, s.EarlyStopping, s.Optimizer = 40, 2, "adam:learning_rate=0.3"
	return s
}

func TestEarlyStoppingKeepsTheBest(t *testing.T) {
	_, result := fitted(t, soonWorse(), nil)
	n := len(result.History)
	if !result.Stopped || n == 40 {
		t.Fatalf("got %d epochs, want the run stopped before 40", n)
	}
	if n-result.BestEpoch != 2 {
		t.Errorf("got the best epoch %d of %d, want two epochs behind it", result.BestEpoch, n)
	}
	best := math.Inf(1)
	for _, e := range result.History {
		best = min(best, e.Validation[0])
	}
	m, err := result.Measure(result.Best, result.Validation)
	if err != nil {
		t.Fatal(err)
	}
	if m.Losses[0] != best {
		t.Errorf("got validation loss %v of the best weights, want %v", m.Losses[0], best)
	}
	// Up to there it is the run that nothing stops.
	s := soonWorse()
	s.EarlyStopping, s.Epochs = 0, n
	_, free := fitted(t, s, nil)
	for name, w := range result.Last {
		if !bytes.Equal(w.Data, free.Last[name].Data) {
			t.Errorf("%s: got other weights than %d epochs without early stopping", name, n)
		}
	}
}

// A run with plateaus and early stopping that is cut at every epoch's first step ends with the same weights, after the same epochs.
func TestPlateauAndEarlyStoppingResume(t *testing.T) {
	s := soonWorse()
	s.Schedule, s.EarlyStopping = "plateau:patience=1,factor=0.5", 3
	_, whole := fitted(t, s, nil)
	if whole.History[len(whole.History)-1].LearningRate == whole.History[0].LearningRate {
		t.Fatal("got no plateau before the end, so the test shows nothing")
	}
	dir := t.TempDir()
	job, err := s.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	o := job.Options()
	o.Threads, o.Dir = 1, dir
	for cuts := 0; ; cuts++ {
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(e Event) {
			if e.Kind == StepDone && e.Step == 1 {
				cancel()
			}
		}
		result, err := Fit(ctx, job.Network, job.Data, o)
		o.Resume = true
		cancel()
		if errors.Is(err, ErrInterrupted) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		if len(result.History) != len(whole.History) || result.BestEpoch != whole.BestEpoch || cuts < 3 {
			t.Errorf("got %d epochs, the best %d, after %d cuts, want %d and %d", len(result.History), result.BestEpoch, cuts, len(whole.History), whole.BestEpoch)
		}
		for name, w := range whole.Last {
			if !bytes.Equal(w.Data, result.Last[name].Data) || !bytes.Equal(whole.Best[name].Data, result.Best[name].Data) {
				t.Errorf("%s: got other weights than the unbroken run", name)
			}
		}
		break
	}
}

func TestOverfit(t *testing.T) {
	_, result := fitted(t, Spec{Network: "news", Overfit: 12, BatchSize: 4, Set: map[string]string{"words": "60", "units": "8"}}, nil)
	o := result.Overfit
	if o == nil || !o.Reached || o.Rows != 12 || o.Epochs != len(result.History) || o.Last > 0.05*o.First || o.Floor > 1e-5 {
		t.Errorf("got %+v, want 12 rows learnt by heart", o)
	}
	if before := result.History[len(result.History)-2].Train[0]; before <= 0.05*o.First {
		t.Errorf("got loss %v in the epoch before the last, want the run ended there", before)
	}
	if result.Validation != nil {
		t.Error("got rows held out, want none")
	}
	_, result = fitted(t, Spec{Network: "news", Overfit: 12, Epochs: 2, Set: map[string]string{"words": "60", "units": "8"}}, nil)
	if o := result.Overfit; o.Reached || !strings.Contains(o.String(), "did not learn 12 rows") {
		t.Errorf("got %v after two epochs, want it not done", o)
	}
}

// Targets between 0 and 1 leave a loss that no prediction can be below: their entropy.
func TestOverfitFloor(t *testing.T) {
	for _, network := range []string{"autoencoder", "conv-autoencoder", "vae", "yolo"} {
		s := Spec{Network: network, Data: "digits", Overfit: 3, Epochs: 1, BatchSize: 2}
		if network == "yolo" {
			s.Data = ""
		}
		_, result := fitted(t, s, nil)
		want := 0.0
		if network != "yolo" {
			want = entropyOfPixels(t, result) // a mean over pixels, of a vae a sum
			if network == "vae" {
				want *= 28 * 28
			}
		}
		if got := result.Overfit.Floor; math.Abs(got-want) > 1e-4*want+1e-12 {
			t.Errorf("%s: got floor %v, want %v", network, got, want)
		}
	}
}

// row gives the x of a row.
func row(t *testing.T, d datasets.Dataset, i int) []float32 {
	t.Helper()
	batch := datasets.NewBatch(d.Info(), 1)
	if err := d.Read(0, []int{i}, batch); err != nil {
		t.Fatal(err)
	}
	_, at := d.Info().Field(datasets.FieldX)
	return batch[at].Float32s()
}

func entropyOfPixels(t *testing.T, r *Result) float64 {
	t.Helper()
	sum, n := 0.0, 0
	for i := range r.Train.Info().Rows {
		for _, p := range row(t, r.Train, i) {
			p := float64(p)
			n++
			if p > 0 && p < 1 {
				sum -= p*math.Log(p) + (1-p)*math.Log(1-p)
			}
		}
	}
	if sum == 0 {
		t.Fatal("got pixels of 0 and 1 alone, so the test shows nothing")
	}
	return sum / float64(n)
}

func TestContradictionsAreMisuse(t *testing.T) {
	none := 0.0
	some := 0.2
	for name, c := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"early stopping without held-out rows": {func(s *Spec) { s.EarlyStopping, s.ValidationSplit = 2, &none }, "--early-stopping 2 needs rows that are held out"},
		"a plateau without held-out rows": {func(s *Spec) { s.Schedule, s.ValidationSplit = "plateau:patience=1", &none },
			"--schedule plateau:patience=1 needs rows that are held out"},
		"overfitting with held-out rows":       {func(s *Spec) { s.Overfit, s.ValidationSplit = 2, &some }, "contradicts --validation-split 0.2"},
		"overfitting with early stopping":      {func(s *Spec) { s.Overfit, s.EarlyStopping = 2, 1 }, "which --early-stopping"},
		"overfitting with a plateau":           {func(s *Spec) { s.Overfit, s.Schedule = 2, "plateau:patience=1" }, "which --early-stopping and --schedule plateau need"},
		"overfitting more rows than there are": {func(s *Spec) { s.Overfit = 500 }, "has 120 rows"},
	} {
		s := smallNews()
		c.change(&s)
		_, err := s.Prepare()
		var wrong *MisuseError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want misuse with %q", name, err, c.want)
		}
	}
	job, err := smallNews().Prepare()
	if err != nil {
		t.Fatal(err)
	}
	o := job.Options()
	o.ValidationSplit, o.EarlyStopping = 0, 1
	var wrong *MisuseError
	if _, err := Fit(t.Context(), job.Network, job.Data, o); !errors.As(err, &wrong) {
		t.Errorf("Fit without held-out rows: got %v, want misuse", err)
	}
}
