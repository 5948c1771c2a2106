package trainers

import (
	"fmt"
	"math"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// watch reports the watched values at the first step of every epoch and ten times in it.
func (f *fitting) watch() {
	every := max(1, f.steps()/10)
	if len(f.o.Watch) == 0 || f.step%every != 0 {
		return
	}
	for _, name := range f.o.Watch {
		if t := f.program.Value(name); t != nil {
			f.report(Event{Kind: Watched, Epoch: f.epoch + 1, Epochs: f.o.Epochs, Step: f.step + 1, Steps: f.steps(),
				Text: name + ": " + Describe(t)})
		}
	}
}

// Describe gives a tensor's type and shape, and the mean and extremes of its numbers.
func Describe(t *onnx.Tensor) string {
	var v []float64
	switch t.Type {
	case onnx.Float:
		for _, x := range t.Float32s() {
			v = append(v, float64(x))
		}
	case onnx.Double:
		v = t.Float64s()
	case onnx.Int64:
		for _, x := range t.Int64s() {
			v = append(v, float64(x))
		}
	case onnx.Bool:
		for _, x := range t.Bools() {
			if x {
				v = append(v, 1)
			} else {
				v = append(v, 0)
			}
		}
	}
	if len(v) == 0 {
		return t.String()
	}
	low, high, sum, bad := math.Inf(1), math.Inf(-1), 0.0, 0
	for _, x := range v {
		if math.IsNaN(x) {
			bad++
			continue
		}
		low, high, sum = math.Min(low, x), math.Max(high, x), sum+x
	}
	s := fmt.Sprintf("%v mean %.6g, min %.6g, max %.6g", t, sum/float64(len(v)-bad), low, high)
	if bad > 0 {
		s += fmt.Sprintf(", %d NaN", bad)
	}
	return s
}

// listed shortens a list of names for a message.
func listed(names []string) string {
	const shown = 40
	if len(names) > shown {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return strings.Join(names, ", ")
}
