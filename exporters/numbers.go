package exporters

import (
	"context"
	"fmt"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/ops"
)

// numbersSeed is that of the inputs that files are verified with.
const numbersSeed = 0x6f6e7978

// tolerance is how far apart the numbers of two roads may be: for the half types two steps between neighbouring numbers.
func tolerance(elem onnx.ElemType) ops.Tolerance {
	switch elem {
	case onnx.Float16:
		return ops.Tolerance{Rel: 1.0 / (1 << 9), Abs: 1e-4}
	case onnx.BFloat16:
		return ops.Tolerance{Rel: 1.0 / (1 << 6), Abs: 1e-3}
	}
	return DefaultTolerance()
}

// roads are the ways from inputs to outputs that are held against one another.
type roads struct {
	model     *backend.Model
	stock     *backend.Poured // nil: it cannot read the file
	reference func(inputs []*onnx.Tensor) ([]*onnx.Tensor, error)
	// referenceName is what the report calls it.
	referenceName string
	limit         int64
	quanta        map[string]float64 // of outputs that have some, see quantaOf
}

// compare runs the plan and holds it against every other road. A road that cannot run has failed. The error is that of a context
// that ended.
func (r *roads) compare(ctx context.Context, at string, in []onnx.Value, report *Report) error {
	got, err := r.model.Run(ctx, in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		report.add("plan"+at, Failed, "%v", err)
		return nil
	}
	want, err := r.model.Evaluate(ctx, in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.hold("plan and Eval"+at, got, want, err, report)
	given := make([]*onnx.Tensor, 0, len(in))
	for _, v := range in {
		if t, ok := v.(*onnx.Tensor); ok && t != nil {
			given = append(given, t)
		}
	}
	if r.stock != nil {
		want, err := r.stock.Run(given)
		r.hold("plan and stock onnx-go"+at, got, valuesOf(want), err, report)
	}
	if r.reference != nil {
		want, err := r.reference(given)
		r.hold("plan and "+r.referenceName+at, got, valuesOf(want), err, report)
	}
	return nil
}

func valuesOf(list []*onnx.Tensor) []onnx.Value {
	values := make([]onnx.Value, len(list))
	for i, t := range list {
		if t != nil {
			values[i] = t
		}
	}
	return values
}

// hold records whether two roads gave the same outputs.
func (r *roads) hold(name string, got, want []onnx.Value, err error, report *Report) {
	c := Check{Name: name, Result: OK, numbers: true}
	switch {
	case err != nil:
		c.Result, c.Detail, c.numbers = Failed, err.Error(), false
	case len(got) != len(want):
		c.Result, c.Detail, c.numbers = Failed, fmt.Sprintf("%d outputs against %d", len(got), len(want)), false
	default:
		elements := 0
		for i, v := range r.model.Outputs() {
			tol := tolerance(v.Type.Elem)
			tol.Abs += r.quanta[v.Name]
			d := ops.Compare(got[i], want[i], tol)
			elements += d.Elements
			c.Largest = max(c.Largest, d.Largest)
			if !d.Equal() && c.Result == OK {
				c.Result, c.Detail = Failed, fmt.Sprintf("output %q: %v", v.Name, d)
			}
		}
		if c.Result == OK {
			c.Detail = fmt.Sprintf("%d numbers", elements)
		}
	}
	report.Checks = append(report.Checks, c)
}
