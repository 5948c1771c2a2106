package datasets

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
)

// Source is a kind of data set that can be opened.
type Source struct {
	Name    string
	Summary string
	Options []Option
	// Generated says that there are as many rows as are asked for.
	Generated bool
	Tables    bool // Config.Layout says how the rows are written
	// Accepts says whether a path holds data of this kind; nil for a source that is asked for by its name.
	Accepts func(path string, info fs.FileInfo) bool
	Open    func(Config) (Dataset, error)
}

// Option is a key that Config.Set may have.
type Option struct{ Name, Default, Summary string }

// Config says what is opened and how. The zero value opens a named source as it is meant.
type Config struct {
	Path        string            // of data on disk
	Limit       int               // rows: the first ones, or how many are generated an epoch; 0: all, or the source's own number
	Seed        uint64            // of what is generated
	Set         map[string]string // the source's options
	MemoryLimit int64             // bytes that the data may take; 0: rows.DefaultLimit

	Layout features.Layout // of tables of texts
	// ValidationSplit is the fraction that [Split] will hold out by the same seed: what is learnt from the rows, as a vocabulary
	// is, is learnt from the others.
	ValidationSplit float64
	// Features, where not nil, are those of a model that the rows are made for: nothing is learnt from the rows.
	Features *features.Recipe
	Cache    string            // folder that fetched data is kept in; empty: gonyx in the user's cache
	Warn     func(text string) // is told what is fetched or passed over; nil: nobody
}

func (c Config) warn(format string, args ...any) {
	if c.Warn != nil {
		c.Warn(fmt.Sprintf(format, args...))
	}
}

// Sources lists every data set, in the order in which paths are tried.
func Sources() []Source {
	return []Source{
		wordsSource(),
		digitsSource(),
		newsSource(),
		mnist().source(),
		fashionMNIST().source(),
		npzSource(),
		imageLabelsSource(),
		idxSource(),
		imagesSource(),
		textsSource(),
	}
}

// Find gives the source of that name, or that holds what stands at the path.
func Find(nameOrPath string) (Source, error) {
	var names, kinds []string
	for _, s := range Sources() {
		if s.Accepts == nil {
			names = append(names, s.Name)
			if s.Name == nameOrPath {
				return s, nil
			}
		} else {
			kinds = append(kinds, s.Name)
		}
	}
	known := fmt.Sprintf("it is none of %s and none of these kinds of files: %s", strings.Join(names, ", "), strings.Join(kinds, ", "))
	info, err := os.Stat(nameOrPath)
	if err != nil {
		return Source{}, fmt.Errorf("data %q: %s: %w", clip(nameOrPath), known, err)
	}
	for _, s := range Sources() {
		if s.Accepts != nil && s.Accepts(nameOrPath, info) {
			return s, nil
		}
	}
	return Source{}, fmt.Errorf("data %q: %s", clip(nameOrPath), known)
}

// Open opens the data set of that name or at that path; the path takes the place of the configuration's.
func Open(nameOrPath string, c Config) (Dataset, error) {
	s, err := Find(nameOrPath)
	if err != nil {
		return nil, err
	}
	if s.Accepts != nil {
		c.Path = nameOrPath
	}
	return s.Open(c)
}
