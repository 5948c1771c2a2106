package trainers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Epoch is what one epoch came to.
type Epoch struct {
	Number       int       `json:"number"`               // from 1
	Train        []float64 `json:"train"`                // loss and its terms: means over the rows, computed before each update
	Validation   []float64 `json:"validation,omitempty"` // the same on the held-out rows after the epoch; nil without
	Metrics      []Metric  `json:"metrics,omitempty"`    // of the held-out rows
	LearningRate float64   `json:"learning_rate"`        // of the last step
	Seconds      float64   `json:"seconds"`
}

// Metric is a figure of how well a network does.
type Metric struct {
	Name  string
	Value float64 // NaN where there is nothing to measure, as where no held-out row has an object
}

// MarshalJSON writes a value that is not a number as null, which JSON has no other word for.
func (m Metric) MarshalJSON() ([]byte, error) {
	stored := storedMetric{Name: m.Name}
	if isFinite(m.Value) {
		stored.Value = &m.Value
	}
	return json.Marshal(stored)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metric) UnmarshalJSON(text []byte) error {
	var stored storedMetric
	if err := json.Unmarshal(text, &stored); err != nil {
		return err
	}
	m.Name, m.Value = stored.Name, math.NaN()
	if stored.Value != nil {
		m.Value = *stored.Value
	}
	return nil
}

type storedMetric struct {
	Name  string   `json:"name"`
	Value *float64 `json:"value"`
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	StepDone EventKind = iota
	EpochDone
	Watched
)

// Event is a moment of a run.
type Event struct {
	Kind          EventKind
	Epoch, Epochs int       // from 1
	Step, Steps   int       // from 1
	Means         []float64 // of loss and terms over the epoch so far
	Row           *Epoch    // of EpochDone
	Text          string    // of Watched
}

func (f *fitting) report(e Event) {
	if f.o.Progress != nil {
		f.o.Progress(e)
	}
}

// ResultsFile is the table of epochs in a run directory.
const ResultsFile = "results.csv"

// Columns names the columns of the table of epochs.
func Columns(n *networks.Instance, metrics []string) []string {
	losses := []string{networks.LossOutput}
	for _, t := range n.Terms {
		losses = append(losses, networks.TermPrefix+t)
	}
	columns := append([]string{"epoch"}, losses...)
	for _, l := range losses {
		columns = append(columns, "val_"+l)
	}
	for _, m := range metrics {
		columns = append(columns, "val_"+m)
	}
	return append(columns, "learning_rate", "seconds")
}

// WriteResults writes the table of epochs; absent figures are empty.
func WriteResults(w io.Writer, n *networks.Instance, history []Epoch) error {
	metrics := metricNames(n.Features)
	out := csv.NewWriter(w)
	if err := out.Write(Columns(n, metrics)); err != nil {
		return err
	}
	for _, e := range history {
		row := []string{strconv.Itoa(e.Number)}
		row = append(row, figures(e.Train, 1+len(n.Terms))...)
		row = append(row, figures(e.Validation, 1+len(n.Terms))...)
		values := make([]float64, 0, len(metrics))
		for _, m := range e.Metrics {
			values = append(values, m.Value)
		}
		row = append(row, figures(values, len(metrics))...)
		row = append(row, strconv.FormatFloat(e.LearningRate, 'g', 6, 64), strconv.FormatFloat(e.Seconds, 'f', 2, 64))
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func figures(values []float64, n int) []string {
	text := make([]string, n)
	for i := range text {
		if i < len(values) && !math.IsNaN(values[i]) {
			text[i] = strconv.FormatFloat(values[i], 'g', 8, 64)
		}
	}
	return text
}

func (f *fitting) writeResults() error {
	path := filepath.Join(f.o.Dir, ResultsFile)
	if err := rows.WriteFile(path, func(w io.Writer) error { return WriteResults(w, f.net, f.history) }); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
