package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

func writeArrays(t *testing.T, path string, arrays ...*onnx.Tensor) {
	t.Helper()
	if err := rows.WriteNPZFile(path, arrays); err != nil {
		t.Fatal(err)
	}
}

func named(name string, t *onnx.Tensor) *onnx.Tensor {
	t.Name = name
	return t
}

// fewRows is data for a classifier of three classes: eight rows of two numbers. A number is put in the place of the first.
func fewRows(t *testing.T, first float32) string {
	t.Helper()
	x, y := onnx.NewTensor(onnx.Float, 8, 2), onnx.NewTensor(onnx.Int64, 8)
	for i := range 8 {
		x.Float32s()[2*i], x.Float32s()[2*i+1], y.Int64s()[i] = float32(i), float32(-i%3), int64(i%3)
	}
	x.Float32s()[0] = first
	path := filepath.Join(t.TempDir(), "rows.npz")
	writeArrays(t, path, named("x", x), named("y", y))
	return path
}

func fit(data, dir string, more ...string) []string {
	return append([]string{"train", "news", "--data", data, "--set", "units=2", "--epochs", "2", "--batch-size", "3", "--threads", "1", "--quiet",
		"--out", dir}, more...)
}

// TestRunThatSavedNothingLeavesNothing: what ends in its first step leaves no folder, so that the same command can be given again.
func TestRunThatSavedNothingLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	nan := float32(0)
	nan /= nan
	_, errs := must(t, 3, fit(fewRows(t, nan), dir, "--validation-split", "0")...)
	if !strings.Contains(errs, `the data has such a number in "x"`) || strings.Contains(errs, "--learning-rate") {
		t.Errorf("got %q, want the data blamed", errs)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("got %v, want no folder", err)
	}
	must(t, 0, fit(fewRows(t, 1), dir)...)
}

// TestKilledBeforeTheFirstCheckpoint: a run of which nothing was saved begins again, and ends with the bytes of an unbroken one.
func TestKilledBeforeTheFirstCheckpoint(t *testing.T) {
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	must(t, 0, fit(fewRows(t, 1), whole)...)
	if err := os.MkdirAll(filepath.Join(killed, "weights"), 0o777); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(filepath.Join(whole, "args.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, "args.yaml"), args, 0o666); err != nil {
		t.Fatal(err)
	}
	_, errs := must(t, 0, "train", "--resume", killed, "--quiet")
	if !strings.Contains(errs, "begins again") {
		t.Errorf("got %q, want it to say that the run begins again", errs)
	}
	sameFiles(t, whole, killed, "model.onnx", "weights/best.npz", "weights/last.npz")
	// Results without a state are those of a run that got somewhere.
	if err := os.Remove(filepath.Join(killed, "weights", "last.state")); err != nil {
		t.Fatal(err)
	}
	if _, errs := must(t, 3, "train", "--resume", killed, "--quiet"); !strings.Contains(errs, "last.state") {
		t.Errorf("got %q, want the missing file named", errs)
	}
}

// TestResumeNeedsNoWeightsToStartFrom: once there is a checkpoint, the file given by --init may be gone.
func TestResumeNeedsNoWeightsToStartFrom(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	data := fewRows(t, 1)
	must(t, 0, fit(data, first)...)
	weights := filepath.Join(first, "weights", "last.npz")
	must(t, 0, fit(data, second, "--init", weights)...)
	before, err := os.ReadFile(filepath.Join(second, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(weights); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "train", "--resume", second, "--quiet")
	after, err := os.ReadFile(filepath.Join(second, "model.onnx"))
	if err != nil || string(after) != string(before) {
		t.Errorf("got %v and another model from a finished run that was resumed", err)
	}
	must(t, 3, fit(data, filepath.Join(t.TempDir(), "third"), "--init", weights)...)
}
