package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The child of a test carries out the command line of limitArgs with files of at most limitBytes, as on a disk that is full.
const (
	limitArgs  = "GONYX_TEST_ARGS"
	limitBytes = "GONYX_TEST_FILE_BYTES"
)

func runLimited() {
	args := os.Getenv(limitArgs)
	if args == "" {
		return
	}
	bytes, err := strconv.ParseUint(os.Getenv(limitBytes), 10, 64)
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
	}
	if err != nil {
		panic(err)
	}
	os.Exit(run(context.Background(), strings.Split(args, "\n"), os.Stdin, os.Stdout, os.Stderr))
}

// limited carries out a command line on a disk on which no file can have more bytes.
func limited(t *testing.T, bytes int, args ...string) (code int, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), limitArgs+"=gonyx\n"+strings.Join(args, "\n"), limitBytes+"="+strconv.Itoa(bytes))
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// leftovers lists temporary files below a folder, which need not be there.
func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".") && path != dir {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func TestFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int
		lacks string // what is not there afterwards
	}{
		"no room for weights": {1000, "weights/last.npz"},
		"no room for a state": {8500, "weights/last.state"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			// The weights take more than 4 kB, a state holds them twice.
			code, output := limited(t, c.bytes, tiny("--out", dir, "--optimizer", "sgd")...)
			if code != 3 || !strings.Contains(output, "file too large") {
				t.Fatalf("got exit code %d and %q, want 3 and the disk's word", code, output)
			}
			if _, err := os.Stat(filepath.Join(dir, c.lacks)); err == nil {
				t.Errorf("got a %s that cannot be whole", c.lacks)
			}
			if left := leftovers(t, dir); left != nil {
				t.Errorf("got temporary files left: %v", left)
			}
		})
	}
	t.Run("no room for the model", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "run")
		must(t, 0, tiny("--out", dir)...)
		model := filepath.Join(dir, "model.onnx")
		if err := os.Remove(model); err != nil {
			t.Fatal(err)
		}
		code, output := limited(t, 4000, "train", "--resume", dir)
		if code != 3 || !strings.Contains(output, "file too large") {
			t.Fatalf("got exit code %d and %q, want 3 and the disk's word", code, output)
		}
		if _, err := os.Stat(model); err == nil {
			t.Error("got a model that cannot be whole")
		}
		if left := leftovers(t, dir); left != nil {
			t.Errorf("got temporary files left: %v", left)
		}
		must(t, 0, "train", "--resume", dir) // with room again nothing is lost
		must(t, 0, "verify", model)
	})
	t.Run("no room for results", func(t *testing.T) {
		dir := t.TempDir()
		pictures := filepath.Join(dir, "pics")
		must(t, 0, "data", "yolo", "--count", "40", "--out", pictures, "--set", "size=32")
		old := filepath.Join(dir, "found.csv")
		if err := os.WriteFile(old, []byte("what was there"), 0o666); err != nil {
			t.Fatal(err)
		}
		code, output := limited(t, 500, "run", trainedRun(t), filepath.Join(pictures, "Images"), "-o", old)
		if code != 3 || !strings.Contains(output, "file too large") {
			t.Fatalf("got exit code %d and %q, want 3 and the disk's word", code, output)
		}
		if text, err := os.ReadFile(old); err != nil || string(text) != "what was there" {
			t.Errorf("got %q and %v, want the old file as it was", text, err)
		}
		if left := leftovers(t, dir); left != nil {
			t.Errorf("got temporary files left: %v", left)
		}
	})
}

func TestFolderThatTakesNoFiles(t *testing.T) {
	dir := "/sys/gonyx" // nobody, root included, makes folders there
	if os.Geteuid() != 0 {
		dir = filepath.Join(t.TempDir(), "closed")
		if err := os.Mkdir(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(dir, "run")
	}
	for name, args := range map[string][]string{
		"a run":     tiny("--out", dir),
		"data":      {"data", "yolo", "--out", dir},
		"a drawing": {"run", trainedRun(t), ".", "--draw", dir},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a drawing" {
				t.Chdir(t.TempDir())
				picture(t, "a.png", 32)
			}
			_, errs := must(t, 3, args...)
			if !strings.Contains(errs, dir) {
				t.Errorf("got %q, want it to name %s", errs, dir)
			}
		})
	}
}
