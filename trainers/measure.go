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
	Losses     []float64           // loss and its terms, means over the rows
	Metrics    []Metric            // of the network's task
	Detections *metrics.Detections // of a detector; nil else
}

// metricNames lists the metrics of a network's task.
func metricNames(n *networks.Instance) []string {
	if n.Features != nil && n.Features.Task == features.TaskDetection {
		return []string{"map50", "map50_95"}
	}
	return nil
}

// evaluate measures the network with its current weights on a data set.
func (f *fitting) evaluate(data datasets.Dataset) (*Measures, error) {
	feed, err := newFeed(f.net, data, f.o, heldOutStream)
	if err != nil {
		return nil, err
	}
	names := f.outputs()
	m := &Measures{Losses: make([]float64, len(names))}
	detector := metricNames(f.net) != nil
	target := slices.IndexFunc(f.net.Training.Graph.Inputs, func(v *onnx.ValueInfo) bool { return v.Name == datasets.FieldY })
	if detector {
		m.Detections = metrics.NewDetections(f.net.Features.Classes)
	}
	err = feed.each(0, func(inputs []*onnx.Tensor, rows []int) error {
		if err := f.program.Run(inputs, false); err != nil {
			return err
		}
		for i, name := range names {
			m.Losses[i] += float64(f.program.Output(name).Float32s()[0]) * float64(len(rows))
		}
		m.Rows += len(rows)
		if !detector {
			return nil
		}
		output, truth := f.program.Output(networks.PredictionOutput).Float32s(), inputs[target].Float32s()
		size, truthSize := len(output)/len(rows), len(truth)/len(rows)
		for i := range rows {
			m.Detections.AddOutput(f.net.Features, output[i*size:(i+1)*size], truth[i*truthSize:(i+1)*truthSize])
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
	if detector {
		p := m.Detections.Precision()
		m.Metrics = []Metric{{"map50", p.MAP50}, {"map50_95", p.MAP}}
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
