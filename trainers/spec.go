package trainers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// Spec is a training run as a person describes it. Fields left out take the network's recipe.
type Spec struct {
	Network         string            `yaml:"network"`
	Data            string            `yaml:"data"`          // a data set's name or a path
	Limit           int               `yaml:"limit"`         // first rows, or rows generated an epoch
	Epochs          int               `yaml:"epochs"`        //
	BatchSize       int               `yaml:"batch_size"`    //
	Optimizer       string            `yaml:"optimizer"`     // NAME[:key=value,…]; replaces rate, schedule and clipping too
	LearningRate    float64           `yaml:"learning_rate"` // 0: the optimizer's
	Schedule        string            `yaml:"schedule"`      // constant, step:…, cosine:…, plateau:…
	ClipNorm        *float64          `yaml:"clip_norm"`     // 0: no clipping
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
	Init            string            `yaml:"init,omitempty"` // weights to start from, .npz
	Opset           int64             `yaml:"opset"`
	MemoryLimit     int64             `yaml:"memory_limit"`

	Warn func(text string) `yaml:"-"` // is told what of the data is passed over; nil: nobody
}

// Defaults where neither a flag nor a network's recipe says otherwise.
const (
	DefaultValidationSplit = 0.1
	DefaultOpset           = 17
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
	network, err := networks.Find(s.Network)
	if err != nil {
		return nil, &MisuseError{err}
	}
	given := s
	if s.Data == "" {
		// Recipes are read off an instance, and the data set's name stands in the recipe: it is the same for all settings.
		s.Data = network.Dataset
	}
	source, err := datasets.Find(s.Data)
	if err != nil {
		return nil, err
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
		Layout: s.layout(), ValidationSplit: split, Warn: s.Warn})
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
	settings := networks.NewSettings(network.Options, s.subset(networkKeys(network)))
	instance, err := network.Build(settings, describe(data.Info()))
	if err != nil {
		var setting *networks.SettingError
		if errors.As(err, &setting) {
			return nil, &MisuseError{err}
		}
		return nil, fmt.Errorf("data %q does not fit network %q: %w", s.Data, s.Network, err)
	}
	if err := s.complete(given, instance.Recipe); err != nil {
		return nil, err
	}
	j := &Job{Spec: s, Network: instance, Data: data}
	if s.Init != "" {
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
	case s.LearningRate < 0:
		return misuse("learning rate %g: want a positive number", s.LearningRate)
	case *s.ClipNorm < 0:
		return misuse("clip norm %g: want a positive number, or 0 for none", *s.ClipNorm)
	case *s.ValidationSplit < 0 || *s.ValidationSplit >= 1:
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

// ReadWeights reads the parameters of a network from a .npz file: arrays named <layer>.weight and <layer>.bias, dense weights
// in × out, convolutions out × in × height × width. A missing, surplus or mis-shaped array is an error.
func ReadWeights(path string, n *networks.Instance, limit int64) (map[string]*onnx.Tensor, error) {
	arrays, err := rows.ReadNPZFile(path, limit)
	if err != nil {
		return nil, err
	}
	weights := make(map[string]*onnx.Tensor, len(arrays))
	for _, t := range arrays {
		weights[t.Name] = t
	}
	if err := fitWeights(weights, n); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return weights, nil
}

func fitWeights(weights map[string]*onnx.Tensor, n *networks.Instance) error {
	wanted := make(map[string]bool)
	for _, p := range n.Training.Parameters {
		wanted[p.Name] = true
		t := weights[p.Name]
		if t == nil {
			return fmt.Errorf("array %q is missing: network %q has a parameter of that name, %v", p.Name, n.Name, p.Dims)
		}
		if !slices.Equal(t.Dims, p.Dims) {
			return fmt.Errorf("array %q has shape %v, the parameter has %v", p.Name, t.Dims, p.Dims)
		}
		if t.Type == onnx.Double {
			narrow := onnx.NewTensor(onnx.Float, t.Dims...)
			for i, v := range t.Float64s() {
				narrow.Float32s()[i] = float32(v)
			}
			narrow.Name = t.Name
			weights[p.Name] = narrow
		} else if t.Type != onnx.Float {
			return fmt.Errorf("array %q is of %v, the parameter is of float", p.Name, t.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if !wanted[name] {
			return fmt.Errorf("array %q is no parameter of network %q", name, n.Name)
		}
	}
	return nil
}
