package trainers

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gonyx/gonyx/onnx/rows"
	"gopkg.in/yaml.v3"
)

// Further files of a run directory.
const (
	ArgsFile   = "args.yaml"  // the Spec, every default filled in
	ModelFile  = "model.onnx" // the best weights, verified
	ReportFile = "report.md"
)

// NewRunDir makes a run directory. Without a name it is runs/NETWORK, or runs/NETWORK-2 and so on where that is taken; one
// that is given must be empty or not be there yet.
func NewRunDir(name, network string) (string, error) {
	if name == "" {
		name = filepath.Join("runs", network)
		for i := 2; ; i++ {
			if taken, err := occupied(name); err != nil {
				return "", err
			} else if !taken {
				break
			}
			name = filepath.Join("runs", fmt.Sprintf("%s-%d", network, i))
		}
	}
	if err := EmptyDir(name); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(name, WeightsDir), 0o777); err != nil {
		return "", fmt.Errorf("output folder: %w", err)
	}
	return name, nil
}

// DropRunDir takes back what NewRunDir and WriteSpec made; a run directory with weights in it stays as it is.
func DropRunDir(dir string) {
	if os.Remove(filepath.Join(dir, WeightsDir)) != nil {
		return
	}
	os.Remove(filepath.Join(dir, ArgsFile))
	os.Remove(dir)
}

// HasCheckpoint says whether a run directory has a state to go on from. A directory that has results but no state is an error: the run
// got somewhere, and where is lost.
func HasCheckpoint(dir string) (bool, error) {
	for _, name := range []string{StateFile, ResultsFile} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		switch _, err := os.Stat(path); {
		case err == nil && name == StateFile:
			return true, nil
		case err == nil:
			return false, fmt.Errorf("resume: %s has results, but there is no %s to go on from", dir, filepath.Join(dir, filepath.FromSlash(StateFile)))
		case !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("resume: %w", err)
		}
	}
	return false, nil
}

// EmptyDir makes a folder, or fails where it is there and has something in it.
func EmptyDir(name string) error {
	taken, err := occupied(name)
	if err != nil {
		return err
	}
	if taken {
		return misuse("output folder %q is not empty; choose another", name)
	}
	if err := os.MkdirAll(name, 0o777); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}

// occupied says whether a folder has anything in it; a file in its place is an error.
func occupied(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("output folder: %w", err)
	}
	return len(entries) > 0, nil
}

// WriteSpec writes the description of a run into its directory.
func WriteSpec(dir string, s Spec) error {
	return rows.WriteFile(filepath.Join(dir, ArgsFile), func(w io.Writer) error {
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		if err := e.Encode(s); err != nil {
			return err
		}
		return e.Close()
	})
}

// ReadSpec reads the description of a run from its directory.
func ReadSpec(dir string) (Spec, error) {
	path := filepath.Join(dir, ArgsFile)
	file, size, err := rows.Open(path)
	if err != nil {
		return Spec{}, fmt.Errorf("%q is no run directory: %w", dir, err)
	}
	defer file.Close()
	const most = 1 << 20
	if size > most {
		return Spec{}, fmt.Errorf("%s: %d bytes are more than such a file has", path, size)
	}
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	var s Spec
	if err := d.Decode(&s); err != nil {
		return Spec{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Options gives what Fit needs of a spec whose defaults are filled in.
func (j *Job) Options() Options {
	s := j.Spec
	return Options{
		Epochs: s.Epochs, BatchSize: s.BatchSize, Optimizer: s.Optimizer, LearningRate: s.LearningRate, Schedule: s.Schedule,
		ClipNorm: *s.ClipNorm, Seed: s.Seed, NoShuffle: s.NoShuffle, ValidationSplit: *s.ValidationSplit, Init: j.Init,
		EarlyStopping: s.EarlyStopping, Overfit: s.Overfit,
		MemoryLimit: s.MemoryLimit,
	}
}
