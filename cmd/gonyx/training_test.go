package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small are settings at which a classifier trains in a moment.
func small(more ...string) []string {
	return append([]string{"train", "news", "--limit", "120", "--batch-size", "16", "--threads", "1", "--quiet",
		"--set", "words=60", "--set", "units=8"}, more...)
}

func results(t *testing.T, dir string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// sameFiles holds files of two folders against each other.
func sameFiles(t *testing.T, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		x, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s: got other bytes in %s than in %s", name, b, a)
		}
	}
}

func TestEarlyStoppingAndPlateau(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := small("--epochs", "30", "--optimizer", "adam:learning_rate=0.3", "--schedule", "plateau:patience=1,factor=0.5", "--early-stopping", "3")
	must(t, 0, append(args, "--out", dir)...)
	lines := results(t, dir)
	if got, want := strings.Join(lines[0], ","), "epoch,loss,val_loss,val_accuracy,val_f1,learning_rate,seconds"; got != want {
		t.Errorf("got columns %s, want %s", got, want)
	}
	if n := len(lines) - 1; n < 4 || n >= 30 {
		t.Errorf("got %d epochs, want the run stopped early", n)
	}
	if first, last := lines[1][5], lines[len(lines)-1][5]; first != "0.3" || last == first {
		t.Errorf("got rates from %s to %s, want them to fall from 0.3", first, last)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(report), "It ended before its 30 epochs: 3 in a row") {
		t.Errorf("got %v and a report that does not say that the run ended early", err)
	}
	// Cut in the middle of an epoch and taken up again it is the same run.
	again := filepath.Join(t.TempDir(), "again")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	errs := &stopWriter{after: 20, stop: cancel}
	cut := append([]string{"gonyx"}, append(args, "--out", again, "--watch", "loss")...)
	if code := run(ctx, cut, strings.NewReader(""), &bytes.Buffer{}, errs); code != 130 {
		t.Fatalf("got exit code %d, want 130\n%s", code, errs)
	}
	must(t, 0, "train", "--resume", again, "--quiet")
	sameFiles(t, dir, again, "model.onnx", "weights/best.npz", "weights/last.npz")
}

func TestOverfitCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must(t, 0, "train", "news", "--overfit", "10", "--batch-size", "5", "--optimizer", "adam:learning_rate=0.02", "--set", "words=400", "--set", "units=8",
		"--threads", "1", "--quiet", "--out", dir)
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(report), "the network learnt 10 rows by heart") {
		t.Errorf("got %v and a report that does not say that 10 rows were learnt", err)
	}
	must(t, 0, "verify", dir)
	failed := filepath.Join(t.TempDir(), "run")
	_, errs := must(t, 1, small("--overfit", "10", "--epochs", "2", "--out", failed)...)
	if !strings.Contains(errs, "did not learn 10 rows by heart: after 2 epochs the training loss is") {
		t.Errorf("got %q, want the figure", errs)
	}
	must(t, 0, "verify", failed) // the model is there all the same
}

func TestTrainingMisuse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"early stopping without held-out rows": {small("--early-stopping", "2", "--validation-split", "0"), "--early-stopping 2 needs rows that are held out"},
		"a plateau without held-out rows":      {small("--schedule", "plateau:patience=2", "--validation-split", "0"), "needs rows that are held out"},
		"a plateau without patience":           {small("--schedule", "plateau:factor=0.5"), "patience is missing"},
		"overfitting with held-out rows":       {small("--overfit", "4", "--validation-split", "0.5"), "contradicts --validation-split 0.5"},
		"overfitting with early stopping":      {small("--overfit", "4", "--early-stopping", "2"), "--early-stopping"},
		"overfitting nothing":                  {small("--overfit", "0"), "--overfit 0"},
		"overfitting more rows than there are": {small("--overfit", "400"), "has 120 rows"},
		"patience of nothing":                  {small("--early-stopping", "0"), "--early-stopping 0"},
		"a rate without end":                   {small("--learning-rate", "inf"), "--learning-rate"},
		"a norm that is no number":             {small("--clip-norm", "nan"), "--clip-norm NaN"},
		"fewer threads than none":              {small("--threads", "-1"), "--threads -1"},
		"the layout of data that is no table":  {small("--header"), "--header"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, 2, c.args...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}
