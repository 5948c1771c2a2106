package networks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// Network is an entry of the catalogue.
type Network struct {
	Name    string
	Summary string // one line for --help
	Dataset string // name of the data set it is meant for
	Rows    int    // an epoch, of a data set that is generated
	Usual   Data   // the shapes of the data it is meant for
	Options []Option
	OfData  []string // options that describe the data and go to a data set that has them, too
	// Build makes the network for the data and the settings. Its errors are for people.
	Build func(*Settings, Data) (*Instance, error)
}

// Option is a size or choice that --set changes.
type Option struct {
	Name, Default, Help string
}

// Data is what a network is told of the data: the shapes of one row, and what the data knows of its own features.
type Data struct {
	X, Y   []int64          // Y is nil where the data has no targets, empty where they are class numbers
	Noise  []int64          // of drawn noise that the data brings along; nil without
	Recipe *features.Recipe // nil where rows are nothing but numbers
}

// Instance is a network with its sizes settled.
type Instance struct {
	Name string
	// Model is what is exported: inputs named as the data set's fields (x, epsilon), output y.
	Model *graphs.Model
	// Training has the model's nodes and the loss: inputs named as the data set's fields, outputs LossOutput, one for each of
	// Terms, and PredictionOutput, which is what Model's output is.
	Training *graphs.Model
	Terms    []string // names of the loss's terms, without "loss_"; empty where there is but one
	Parts    []Part   // models of parts of the network, exported beside it
	Draws    []Draw   // inputs that are drawn where the data does not have them
	// Noise is the standard deviation of noise added to x in training, kept within 0..1; the rows without it go to the
	// input CleanInput.
	Noise    float64
	Features *features.Recipe
	Recipe   Recipe
	Settings []Setting // every option with the value in force, for the model's metadata
	// Origin says which model file the network was made of, and how; empty for the catalogue's.
	Origin   string
	Metadata []onnx.Entry // what such a file says besides, and keeps saying
	// Fields names the data set's fields that training inputs of other names take.
	Fields map[string]string

	targets []int64 // a row of y, nil where there are none, empty where it is the number of a class
}

// Field gives the data set's field that a training input takes.
func (i *Instance) Field(input string) string {
	if field, ok := i.Fields[input]; ok {
		return field
	}
	return input
}

// Part is a part of a network that is a model of its own; its parameters have the names they have in the whole.
type Part struct {
	Name  string // "encoder"
	Model *graphs.Model
}

// Draw is an input that is drawn from N(0, 1) for every row of every epoch, and is zeros where a model is run without it.
type Draw struct {
	Name string
	Dims []int64 // of a row
}

// CleanInput is the training input for rows without the noise that the network's x has.
const CleanInput = "clean"

// Names of the training graph's outputs.
const (
	LossOutput       = "loss"
	TermPrefix       = "loss_"
	PredictionOutput = "prediction"
)

// Recipe is how a network is trained where no flag says otherwise.
type Recipe struct {
	Optimizer string // as --optimizer takes it
	Schedule  string // as --schedule takes it
	ClipNorm  float64
	Epochs    int
	BatchSize int
}

// Setting is an option's name and value.
type Setting struct{ Name, Value string }

// All lists the catalogue.
func All() []Network {
	return []Network{yolo(), autoencoder(), convAutoencoder(), vae(), news()}
}

// Find gives the network of that name; the error lists those there are.
func Find(name string) (Network, error) {
	var names []string
	for _, n := range All() {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return Network{}, fmt.Errorf("network %q is not in the catalogue, which has %s", name, strings.Join(names, ", "))
}

// Settings reads options by name. It remembers the first mistake.
type Settings struct {
	options []Option
	given   map[string]string
	used    []Setting
	err     error
}

// NewSettings reads what --set gave. Names that are none of the options are left for whoever else they belong to.
func NewSettings(options []Option, given map[string]string) *Settings {
	return &Settings{options: options, given: given}
}

// Given says whether the option was set.
func (s *Settings) Given(name string) bool { _, ok := s.given[name]; return ok }

// Str reads an option.
func (s *Settings) Str(name string) string {
	v, ok := s.given[name]
	if !ok {
		i := slices.IndexFunc(s.options, func(o Option) bool { return o.Name == name })
		if i < 0 {
			panic("networks: no option " + name)
		}
		v = s.options[i].Default
	}
	return v
}

// Int reads an option that is a whole number within bounds. It records the value as the one in force.
func (s *Settings) Int(name string, low, high int64) int64 {
	v := s.Str(name)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < low || n > high {
		s.Fail("--set %s=%s: want a whole number from %d to %d", name, v, low, high)
		return low
	}
	return n
}

// Size reads an option that is the size of a layer, and records it.
func (s *Settings) Size(name string) int64 {
	const most = 1 << 16
	n := s.Int(name, 1, most)
	s.Use(name, n)
	return n
}

// OneOf reads an option that is one of some words, and records it.
func (s *Settings) OneOf(name string, words ...string) string {
	v := s.Str(name)
	if !slices.Contains(words, v) {
		s.Fail("--set %s=%s: want one of %s", name, v, strings.Join(words, ", "))
	}
	s.Use(name, v)
	return v
}

// Float reads an option that is a number within bounds.
func (s *Settings) Float(name string, low, high float64) float64 {
	v := s.Str(name)
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= low && f <= high) {
		s.Fail("--set %s=%s: want a number from %g to %g", name, v, low, high)
		return low
	}
	return f
}

// Agree gives the value that the data dictates, and fails where the option was set to another.
func (s *Settings) Agree(name string, data int64) int64 {
	if s.Given(name) && s.given[name] != strconv.FormatInt(data, 10) {
		s.Fail("--set %s=%s contradicts the data, which has %d", name, s.given[name], data)
	}
	return data
}

// Use records an option's value in force.
func (s *Settings) Use(name string, value any) {
	s.used = append(s.used, Setting{name, fmt.Sprint(value)})
}

// Used lists the values in force.
func (s *Settings) Used() []Setting { return s.used }

// Fail remembers a mistake; the first counts.
func (s *Settings) Fail(format string, args ...any) {
	if s.err == nil {
		s.err = &SettingError{fmt.Sprintf(format, args...)}
	}
}

// Err gives the first mistake.
func (s *Settings) Err() error { return s.err }

// SettingError is a setting that cannot be, alone or with others: misuse, not bad data.
type SettingError struct{ text string }

func (e *SettingError) Error() string { return e.text }

// input declares a batch of rows.
func input(b *graphs.Builder, name string, row []int64) graphs.Value {
	dims := append([]onnx.Dim{onnx.Symbol(graphs.Batch)}, onnx.FixedDims(row...)...)
	return b.Input(name, onnx.Float, dims...)
}
