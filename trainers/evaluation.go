package trainers

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers/metrics"
)

// Evaluation is what a model file came to on rows, as it is told.
type Evaluation struct {
	Path       string            `json:"path"`
	Data       string            `json:"data"`        // as it was asked for
	DataDigest string            `json:"data_sha256"` // of the rows
	Rows       int               `json:"rows"`
	Task       features.Task     `json:"task"`    // empty where the file does not say
	Losses     Figures           `json:"losses"`  // "loss" and "loss_…"; empty where the loss is not known
	Metrics    Figures           `json:"metrics"` // of the task
	Classes    []ClassEvaluation `json:"classes"` // of a classifier or detector
	Confusion  *ConfusionCounts  `json:"confusion"`
	Note       string            `json:"note"` // what could not be measured, and why
	Kernels    string            `json:"kernels"`
}

// Figure is a number with its name; in JSON null where it is not a number.
type Figure struct {
	Name  string
	Value float64
}

// Figures are told in their order; in JSON they are an object.
type Figures []Figure

// MarshalJSON writes an object, its keys in the figures' order.
func (f Figures) MarshalJSON() ([]byte, error) {
	var s strings.Builder
	s.WriteByte('{')
	for i, v := range f {
		if i > 0 {
			s.WriteByte(',')
		}
		text := "null"
		if isFinite(v.Value) {
			text = fmt.Sprint(v.Value)
		}
		fmt.Fprintf(&s, "%q:%s", v.Name, text)
	}
	s.WriteByte('}')
	return []byte(s.String()), nil
}

// ClassEvaluation is what one class came to: precision, recall and f1 of a classifier, ap50 and ap50_95 of a detector.
type ClassEvaluation struct {
	Name    string  `json:"name"`
	Count   int     `json:"count"` // rows or objects of the class
	Figures Figures `json:"figures"`
}

// ConfusionCounts says how often what was taken for what.
type ConfusionCounts struct {
	Names  []string `json:"names"`
	Counts [][]int  `json:"counts"` // [what it is][what it was taken for]
}

// confusionIOU is the overlap from which on a box is taken for one that is there.
const confusionIOU = 0.5

// tell puts measures of a file with a recipe (nil where there is none) into words; terms are those of the loss.
func tell(m *Measures, terms []string, recipe *features.Recipe) *Evaluation {
	e := &Evaluation{Rows: m.Rows, Losses: Figures{}, Metrics: Figures{}, Classes: []ClassEvaluation{}}
	if recipe != nil {
		e.Task = recipe.Task
	}
	for i, v := range m.Losses {
		name := networks.LossOutput
		if i > 0 {
			name = networks.TermPrefix + terms[i-1]
		}
		e.Losses = append(e.Losses, Figure{name, v})
	}
	for _, v := range m.Metrics {
		e.Metrics = append(e.Metrics, Figure(v))
	}
	var confusion *metrics.Confusion
	switch {
	case m.Confusion != nil:
		confusion = m.Confusion
		for i, name := range confusion.Names {
			count := 0
			for _, n := range confusion.Counts[i] {
				count += n
			}
			e.Classes = append(e.Classes, ClassEvaluation{name, count, Figures{
				{"precision", confusion.Precision(i)}, {"recall", confusion.Recall(i)}, {"f1", confusion.F1(i)}}})
		}
	case m.Detections != nil:
		for _, c := range m.Detections.Precision().Classes {
			e.Classes = append(e.Classes, ClassEvaluation{c.Name, c.Objects, Figures{{"ap50", c.AP50}, {"ap50_95", c.AP}}})
		}
		confusion = m.Detections.Confusion(recipe.Detection.ScoreThreshold, confusionIOU)
	}
	if confusion != nil {
		e.Confusion = &ConfusionCounts{confusion.Names, confusion.Counts}
	}
	return e
}

// String tells it to people.
func (e *Evaluation) String() string {
	var s strings.Builder
	t := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "rows\t%d of %s\n", e.Rows, e.Data)
	for _, list := range []Figures{e.Losses, e.Metrics} {
		for _, f := range list {
			fmt.Fprintf(t, "%s\t%s\n", f.Name, figure(f.Value))
		}
	}
	if e.Note != "" {
		fmt.Fprintf(t, "note\t%s\n", e.Note)
	}
	t.Flush()
	if len(e.Classes) > 0 {
		s.WriteString("\n")
		t = tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
		fmt.Fprint(t, "class\tcount")
		for _, f := range e.Classes[0].Figures {
			fmt.Fprintf(t, "\t%s", f.Name)
		}
		fmt.Fprintln(t)
		for _, c := range e.Classes {
			fmt.Fprintf(t, "%s\t%d", c.Name, c.Count)
			for _, f := range c.Figures {
				fmt.Fprintf(t, "\t%s", figure(f.Value))
			}
			fmt.Fprintln(t)
		}
		t.Flush()
	}
	if c := e.Confusion; c != nil {
		s.WriteString("\n")
		t = tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "taken for\t%s\n", strings.Join(c.Names, "\t"))
		for i, row := range c.Counts {
			fmt.Fprint(t, c.Names[i])
			for _, n := range row {
				fmt.Fprintf(t, "\t%d", n)
			}
			fmt.Fprintln(t)
		}
		t.Flush()
	}
	return strings.TrimRight(s.String(), "\n")
}

func figure(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.5g", v)
}
