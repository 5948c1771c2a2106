package trainers

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/wire"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// Spec is a training run as a person describes it. Fields left out take the network's recipe.
type Spec struct {
	Network         string            `yaml:"network"`          // a name of the catalogue, or a model file
	Loss            string            `yaml:"loss,omitempty"`   // of a model file
	Freeze          []string          `yaml:"freeze,omitempty"` // patterns of a model file's weights that are not trained
	Data            string            `yaml:"data"`             // a data set's name or a path
	Limit           int               `yaml:"limit"`            // first rows, or rows generated an epoch
	Epochs          int               `yaml:"epochs"`           //
	BatchSize       int               `yaml:"batch_size"`       //
	Optimizer       string            `yaml:"optimizer"`        // NAME[:key=value,…]; replaces rate, schedule and clipping too
	LearningRate    float64           `yaml:"learning_rate"`    // 0: the optimizer's
	Schedule        string            `yaml:"schedule"`         // constant, step:…, cosine:…, plateau:…
	ClipNorm        *float64          `yaml:"clip_norm"`        // 0: no clipping
	Seed            uint64            `yaml:"seed"`
	Set             map[string]string `yaml:"set,omitempty"`         // options of the network and the data set
	TextColumn      string            `yaml:"text_column,omitempty"` // of tables: header name, or number from 0
	LabelColumn     string            `yaml:"label_column,omitempty"`
	Header          bool              `yaml:"header,omitempty"`
	Delimiter       string            `yaml:"delimiter,omitempty"`
	Escape          string            `yaml:"escape,omitempty"`
	ValidationSplit *float64          `yaml:"validation_split"`
	EarlyStopping   int               `yaml:"early_stopping,omitempty"` // epochs without a lower validation loss; 0: off
	Overfit         int               `yaml:"overfit,omitempty"`        // train on so many rows alone until they are known by heart; 0: off
	NoShuffle       bool              `yaml:"no_shuffle"`
	Init            string            `yaml:"init,omitempty"` // weights to start from, .npz or .onnx
	Opset           int64             `yaml:"opset"`
	MemoryLimit     int64             `yaml:"memory_limit"`

	Begun bool              `yaml:"-"` // the run has a checkpoint: its weights are there, those to start from are not read
	Warn  func(text string) `yaml:"-"` // is told what of the data is passed over; nil: nobody
}

// Defaults where neither a flag nor a network's recipe says otherwise.
const (
	DefaultValidationSplit = 0.1
	DefaultOpset           = 17
	oldestOpset            = 9 // that is exported
)

// Job is a run that is ready: network and data are there and fit together.
type Job struct {
	Spec    Spec // with every default filled in
	Network *networks.Instance
	Data    datasets.Dataset
	Init    map[string]*onnx.Tensor // nil: from the seed
}

// MisuseError is a contradiction or a value that cannot be in what a person asked for, as opposed to bad data.
type MisuseError struct{ Err error }

func (e *MisuseError) Error() string { return e.Err.Error() }

// Unwrap gives the error itself.
func (e *MisuseError) Unwrap() error { return e.Err }

func misuse(format string, args ...any) error { return &MisuseError{fmt.Errorf(format, args...)} }

// Prepare opens the data and builds the network for it.
func (s Spec) Prepare() (*Job, error) {
	if IsModelFile(s.Network) {
		return s.prepareModel()
	}
	network, err := networks.Find(s.Network)
	if err != nil {
		return nil, &MisuseError{err}
	}
	if s.Loss != "" || len(s.Freeze) > 0 {
		return nil, misuse("--loss and --freeze go with a model file; network %q has its own loss", s.Network)
	}
	given := s
	if s.Data == "" {
		// Recipes are read off an instance, and the data set's name stands in the recipe: it is the same for all settings.
		s.Data = network.Dataset
	}
	data, err := s.open(network, nil)
	if err != nil {
		return nil, err
	}
	settings := networks.NewSettings(network.Options, s.subset(networkKeys(network)))
	instance, err := network.Build(settings, describe(data.Info()))
	if err != nil {
		var setting *networks.SettingError
		if errors.As(err, &setting) {
			return nil, &MisuseError{err}
		}
		return nil, fmt.Errorf("data %q does not fit network %q: %w", s.Data, s.Network, err)
	}
	return s.job(given, instance, data, nil)
}

// prepareModel opens the data and makes a network of a model file.
func (s Spec) prepareModel() (*Job, error) {
	switch {
	case s.Loss == "":
		return nil, misuse("--loss is missing: what shall the output of %s be held against the data by? There are %s", s.Network, strings.Join(losses.Names(), ", "))
	case s.Data == "":
		return nil, misuse("--data is missing: a model file has no data set of its own")
	}
	if !slices.Contains(losses.Names(), s.Loss) {
		return nil, misuse("--loss %s: there is no such loss; there are %s", s.Loss, strings.Join(losses.Names(), ", "))
	}
	given := s
	file, err := wire.ReadFile(s.Network, wire.Options{MemoryLimit: s.MemoryLimit})
	if err != nil {
		return nil, err
	}
	recipe, _, err := features.Restore(file.Metadata)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Network, err)
	}
	data, err := s.open(networks.Network{Name: s.Network}, recipe)
	if err != nil {
		return nil, err
	}
	encoded, err := wire.Encode(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Network, err)
	}
	instance, weights, err := FromModel(file, data.Info(), FineTuning{Name: ModelName(s.Network), Loss: s.Loss, Freeze: s.Freeze, Limit: s.MemoryLimit,
		Digest: fmt.Sprintf("%x", sha256.Sum256(encoded))})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Network, err)
	}
	if s.Opset == 0 {
		s.Opset = max(file.Graph.Opset(onnx.DomainDefault), oldestOpset)
	}
	return s.job(given, instance, data, weights)
}

// open opens the data. Features, where not nil, are those of a model that the rows are made for.
func (s *Spec) open(network networks.Network, known *features.Recipe) (datasets.Dataset, error) {
	source, err := datasets.Find(s.Data)
	if err != nil {
		return nil, err
	}
	if l := s.layout(); l != (features.Layout{}) && !source.Tables {
		return nil, misuse("--text-column, --label-column, --header, --delimiter and --escape say how a table of texts is written; data %q is none", s.Data)
	}
	if s.Limit == 0 && source.Generated {
		s.Limit = network.Rows
		if s.Overfit > 0 {
			s.Limit = s.Overfit
		}
	}
	if err := s.checkSet(network, source); err != nil {
		return nil, err
	}
	split := DefaultValidationSplit
	switch {
	case s.ValidationSplit != nil:
		split = *s.ValidationSplit
	case s.Overfit > 0:
		split = 0
	}
	data, err := datasets.Open(s.Data, datasets.Config{Limit: s.Limit, Seed: s.Seed, Set: s.subset(dataKeys(network, source)), MemoryLimit: s.MemoryLimit,
		Layout: s.layout(), ValidationSplit: split, Features: known, Warn: s.Warn})
	if err != nil {
		var option *datasets.OptionError
		if errors.As(err, &option) {
			return nil, &MisuseError{err}
		}
		return nil, err
	}
	if s.Overfit > 0 {
		if rows := data.Info().Rows; rows < s.Overfit {
			return nil, misuse("--overfit %d: data %q has %d rows", s.Overfit, s.Data, rows)
		}
		data = datasets.Still(datasets.First(data, s.Overfit))
	}
	return data, nil
}

// job completes the spec and reads the weights to start from; those given hold where it names none.
func (s Spec) job(given Spec, instance *networks.Instance, data datasets.Dataset, start map[string]*onnx.Tensor) (*Job, error) {
	if err := s.complete(given, instance.Recipe); err != nil {
		return nil, err
	}
	j := &Job{Spec: s, Network: instance, Data: data, Init: start}
	if s.Init != "" && !s.Begun {
		var err error
		if j.Init, err = ReadWeights(s.Init, instance, s.MemoryLimit); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (s Spec) layout() features.Layout {
	return features.Layout{TextColumn: s.TextColumn, LabelColumn: s.LabelColumn, Header: s.Header, Delimiter: s.Delimiter, Escape: s.Escape}
}

func describe(info datasets.Info) networks.Data {
	d := networks.Data{Recipe: info.Recipe}
	if f, at := info.Field(datasets.FieldX); at >= 0 {
		d.X = f.Dims
	}
	if f, at := info.Field(datasets.FieldY); at >= 0 {
		d.Y = f.Dims
		if d.Y == nil {
			d.Y = []int64{}
		}
	}
	if f, at := info.Field(datasets.FieldEpsilon); at >= 0 {
		d.Noise = f.Dims
	}
	return d
}

func networkKeys(n networks.Network) []string {
	var keys []string
	for _, o := range n.Options {
		keys = append(keys, o.Name)
	}
	return keys
}

func sourceKeys(s datasets.Source) []string {
	var keys []string
	for _, o := range s.Options {
		keys = append(keys, o.Name)
	}
	return keys
}

// noiseOption is the noise that a filter learns to take away from rows that are clean.
const noiseOption = "noise"

// dataKeys are the options that go to the data set. A size or a choice that the network has, too, goes to both, which must agree; the noise
// of a filter is the network's alone.
func dataKeys(n networks.Network, d datasets.Source) []string {
	filter := slices.Contains(networkKeys(n), noiseOption)
	return slices.DeleteFunc(sourceKeys(d), func(key string) bool { return filter && key == noiseOption })
}

// checkSet refuses a key that neither the network nor the data set has.
func (s *Spec) checkSet(n networks.Network, d datasets.Source) error {
	known := append(networkKeys(n), sourceKeys(d)...)
	for _, key := range slices.Sorted(maps.Keys(s.Set)) {
		if !slices.Contains(known, key) {
			slices.Sort(known)
			return misuse("--set %s=%s: neither network %q nor data %q has such an option; there are %s",
				key, s.Set[key], n.Name, d.Name, strings.Join(slices.Compact(known), ", "))
		}
	}
	return nil
}

func (s *Spec) subset(keys []string) map[string]string {
	set := make(map[string]string)
	for _, k := range keys {
		if v, ok := s.Set[k]; ok {
			set[k] = v
		}
	}
	return set
}

// complete fills in what was not given. An optimizer that is given replaces the recipe's rate, schedule and clipping, too.
func (s *Spec) complete(given Spec, r networks.Recipe) error {
	if given.Optimizer == "" {
		s.Optimizer = r.Optimizer
		if given.Schedule == "" {
			s.Schedule = r.Schedule
		}
		if given.ClipNorm == nil {
			s.ClipNorm = &r.ClipNorm
		}
	}
	if s.Schedule == "" {
		s.Schedule = "constant"
	}
	if s.ClipNorm == nil {
		s.ClipNorm = new(float64)
	}
	if s.Epochs == 0 {
		s.Epochs = r.Epochs
		if s.Overfit > 0 {
			s.Epochs = OverfitEpochs
		}
	}
	if s.BatchSize == 0 {
		s.BatchSize = r.BatchSize
	}
	if s.ValidationSplit == nil {
		split := DefaultValidationSplit
		if s.Overfit > 0 {
			split = 0
		}
		s.ValidationSplit = &split
	}
	if s.Overfit > 0 {
		s.NoShuffle = true
	}
	schedule, err := ParseSchedule(s.Schedule)
	if err != nil {
		return &MisuseError{err}
	}
	if s.Opset == 0 {
		s.Opset = DefaultOpset
	}
	switch {
	case s.Epochs < 1:
		return misuse("%d epochs: want at least 1", s.Epochs)
	case s.BatchSize < 1:
		return misuse("batch size %d: want at least 1", s.BatchSize)
	case !(s.LearningRate >= 0) || math.IsInf(s.LearningRate, 0):
		return misuse("learning rate %g: want a positive number", s.LearningRate)
	case !(*s.ClipNorm >= 0) || math.IsInf(*s.ClipNorm, 0):
		return misuse("clip norm %g: want a positive number, or 0 for none", *s.ClipNorm)
	case !(*s.ValidationSplit >= 0 && *s.ValidationSplit < 1):
		return misuse("validation split %g: want a number from 0 to below 1", *s.ValidationSplit)
	case s.EarlyStopping < 0 || s.Overfit < 0:
		return misuse("early stopping %d, overfit %d: want positive numbers, or 0 for none", s.EarlyStopping, s.Overfit)
	case s.Overfit > 0 && *s.ValidationSplit > 0:
		return misuse("--overfit %d trains on those rows alone; it contradicts --validation-split %g", s.Overfit, *s.ValidationSplit)
	case s.Overfit > 0 && (s.EarlyStopping > 0 || schedule.Validated()):
		return misuse("--overfit %d holds no rows out, which --early-stopping and --schedule plateau need", s.Overfit)
	case s.EarlyStopping > 0 && *s.ValidationSplit == 0:
		return misuse("--early-stopping %d needs rows that are held out; --validation-split 0 leaves none", s.EarlyStopping)
	case schedule.Validated() && *s.ValidationSplit == 0:
		return misuse("--schedule %s needs rows that are held out; --validation-split 0 leaves none", s.Schedule)
	}
	return nil
}
