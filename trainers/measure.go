package trainers

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/gonyx/gonyx/trainers/metrics"
)

// Measures says how well a network does on rows.
type Measures struct {
	Rows       int
	Losses     []float64           // loss and its terms, means over the rows; nil where the loss is not known
	Metrics    []Metric            // of the network's task
	Detections *metrics.Detections // of a detector; nil else
	Confusion  *metrics.Confusion  // of a classifier; nil else
}

// metricNames lists the metrics of a task: of a detector average precision at an IOU of 0.5 and over 0.5 to 0.95, of a
// classifier the part of rows taken for what they are, and F1 averaged over the classes.
func metricNames(f *features.Recipe) []string {
	if f == nil {
		return nil
	}
	switch f.Task {
	case features.TaskDetection:
		return []string{"map50", "map50_95"}
	case features.TaskClassification:
		return []string{"accuracy", "f1"}
	}
	return nil
}

// judge holds outputs against targets by the task of a recipe.
type judge struct {
	recipe     *features.Recipe
	detections *metrics.Detections
	confusion  *metrics.Confusion
}

// newJudge gives nil where the task has no metrics.
func newJudge(f *features.Recipe) *judge {
	if metricNames(f) == nil {
		return nil
	}
	j := &judge{recipe: f}
	if f.Task == features.TaskDetection {
		j.detections = metrics.NewDetections(f.Classes)
	} else {
		j.confusion = metrics.NewConfusion(f.Classes)
	}
	return j
}

// add takes a batch: output [rows, …] and truth, laid out alike: of a classifier [rows, classes], or truth int64 [rows] with the
// numbers of the classes.
func (j *judge) add(output, truth *onnx.Tensor) error {
	rows := int(output.Dims[0])
	got := output.Float32s()
	size := len(got) / max(rows, 1)
	if j.detections != nil {
		if want := j.recipe.Grid().TargetDims(); truth.Type != onnx.Float || truth.Len() != rows*int(rowLen(want)) {
			return fmt.Errorf("y is %v, want float with %v numbers a row", truth, want)
		}
		want := truth.Float32s()
		truthSize := len(want) / max(rows, 1)
		for i := range rows {
			if err := j.detections.AddOutput(j.recipe, got[i*size:(i+1)*size], want[i*truthSize:(i+1)*truthSize]); err != nil {
				return err
			}
		}
		return nil
	}
	classes := len(j.recipe.Classes)
	if size != classes {
		return fmt.Errorf("%d scores a row for %d classes", size, classes)
	}
	if n := truth.Len(); n != rows*classes && truth.Type == onnx.Float || n != rows && truth.Type == onnx.Int64 ||
		truth.Type != onnx.Float && truth.Type != onnx.Int64 {
		return fmt.Errorf("y is %v, want a class number a row, or %d numbers", truth, classes)
	}
	for i := range rows {
		class := 0
		if truth.Type == onnx.Int64 {
			if n := truth.Int64s()[i]; n < 0 || n >= int64(classes) {
				return fmt.Errorf("class number %d, there are %d classes", n, classes)
			}
			class = int(truth.Int64s()[i])
		} else {
			class = largest(truth.Float32s()[i*classes : (i+1)*classes])
		}
		j.confusion.Add(class, largest(got[i*size:(i+1)*size]))
	}
	return nil
}

// largest gives the place of the largest number, the first of equal ones.
func largest(v []float32) int {
	at := 0
	for i, x := range v {
		if x > v[at] {
			at = i
		}
	}
	return at
}

// into writes what was found.
func (j *judge) into(m *Measures) {
	names := metricNames(j.recipe)
	m.Detections, m.Confusion = j.detections, j.confusion
	if j.detections != nil {
		p := j.detections.Precision()
		m.Metrics = []Metric{{names[0], p.MAP50}, {names[1], p.MAP}}
		return
	}
	m.Metrics = []Metric{{names[0], j.confusion.Accuracy()}, {names[1], j.confusion.MacroF1()}}
}

// evaluate measures the network with its current weights on a data set.
func (f *fitting) evaluate(data datasets.Dataset) (*Measures, error) {
	feed, err := newFeed(f.net, data, f.o, heldOutStream)
	if err != nil {
		return nil, err
	}
	names := f.outputs()
	m := &Measures{Losses: make([]float64, len(names))}
	judge := newJudge(f.net.Features)
	target := slices.IndexFunc(f.net.Training.Graph.Inputs, func(v *onnx.ValueInfo) bool { return f.net.Field(v.Name) == datasets.FieldY })
	err = feed.each(0, func(inputs []*onnx.Tensor, rows []int) error {
		if err := f.program.Run(inputs, false); err != nil {
			return err
		}
		for i, name := range names {
			m.Losses[i] += float64(f.program.Output(name).Float32s()[0]) * float64(len(rows))
		}
		m.Rows += len(rows)
		if judge == nil || target < 0 {
			return nil
		}
		if err := judge.add(f.program.Output(networks.PredictionOutput), inputs[target]); err != nil {
			return fmt.Errorf("data %q: %w", data.Info().Name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m.Rows == 0 {
		return nil, fmt.Errorf("data %q has no rows to measure on", data.Info().Name)
	}
	for i := range m.Losses {
		m.Losses[i] /= float64(m.Rows)
	}
	if judge != nil {
		judge.into(m)
	}
	return m, nil
}

// Measure evaluates weights (the last ones where nil) on a data set with Gorgonia.
func (r *Result) Measure(weights map[string]*onnx.Tensor, data datasets.Dataset) (*Measures, error) {
	f := r.fit
	if weights != nil {
		last := f.weights()
		f.load(weights)
		defer f.load(last)
	}
	return f.evaluate(data)
}
