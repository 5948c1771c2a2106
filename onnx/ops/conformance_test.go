package ops_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/ops"
	"github.com/gonyx/gonyx/onnx/wire"
)

// The official suite: every case whose operators have a meaning here is decoded, checked, lifted and evaluated, and what
// inference said is held against what came out. Cases that are the same in several releases run once.
//
// testdata/conformance.txt lists what is not passed, with reasons. A case that is listed and passes breaks the test as one
// that is not listed and fails does. GONYX_CASE limits the run to cases that contain the text.
func TestConformance(t *testing.T) {
	archive := conformance.Archive(t)
	list := readExpectedFailures(t, "testdata/conformance.txt")
	only := os.Getenv("GONYX_CASE")
	seen := make(map[[32]byte]error)
	scores := make(map[string]*score)
	missing := make(map[string]int)
	want := func(release, suite, name string) bool {
		return strings.Contains(path.Join(release, suite, name), only)
	}
	err := conformance.Walk(archive, want, func(c conformance.Case) error {
		key := digest(c)
		failed, known := seen[key]
		if !known {
			failed = runCase(c)
			seen[key] = failed
		}
		s := scores[c.Release]
		if s == nil {
			s = &score{}
			scores[c.Release] = s
		}
		reason := list.find(c.String())
		switch {
		case errors.Is(failed, ops.ErrUnsupported):
			s.unsupported++
			missing[failed.Error()]++
		case failed == nil && reason != nil:
			t.Errorf("%v passes, but is listed as not passed: %s", c, reason.text)
		case failed == nil:
			s.passed++
		case reason != nil:
			s.listed++
			reason.used = true
		default:
			t.Errorf("%v: %v", c, failed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	releases := make([]string, 0, len(scores))
	for r := range scores {
		releases = append(releases, r)
	}
	slices.SortFunc(releases, func(a, b string) int { return minor(a) - minor(b) })
	for _, r := range releases {
		s := scores[r]
		t.Logf("%-8s %4d passed, %3d listed as not passed, %4d with an operator or element type that is not here yet", r, s.passed, s.listed, s.unsupported)
	}
	t.Logf("%d cases that differ", len(seen))
	if testing.Verbose() {
		for what, n := range missing {
			t.Logf("%d × %s", n, what)
		}
	}
	if only != "" {
		return
	}
	for _, e := range list {
		if !e.used {
			t.Errorf("testdata/conformance.txt: %q matches no case that fails", e.pattern)
		}
	}
}

// minor is the second number of a release, v1.22.0.
func minor(release string) int {
	var n int
	fmt.Sscanf(release, "v1.%d.", &n)
	return n
}

type score struct{ passed, listed, unsupported int }

type expectedFailure struct {
	pattern, text string
	used          bool
}

type expectedFailures []*expectedFailure

func (l expectedFailures) find(name string) *expectedFailure {
	for _, e := range l {
		if ok, _ := path.Match(e.pattern, name); ok {
			return e
		}
	}
	return nil
}

// readExpectedFailures reads lines of a pattern (path.Match) and a reason.
func readExpectedFailures(t *testing.T, file string) expectedFailures {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list expectedFailures
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, reason, _ := strings.Cut(line, " ")
		if reason = strings.TrimSpace(reason); reason == "" {
			t.Fatalf("%s: %q has no reason", file, pattern)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			t.Fatalf("%s: %q: %v", file, pattern, err)
		}
		list = append(list, &expectedFailure{pattern: pattern, text: reason})
	}
	return list
}

func digest(c conformance.Case) [32]byte {
	h := sha256.New()
	add := func(b []byte) {
		fmt.Fprintf(h, "%d ", len(b))
		h.Write(b)
	}
	add(c.Model)
	for _, d := range c.DataSets {
		fmt.Fprintf(h, "%d %d ", len(d.Inputs), len(d.Outputs))
		for _, b := range append(slices.Clone(d.Inputs), d.Outputs...) {
			add(b)
		}
	}
	return [32]byte(h.Sum(nil))
}

func runCase(c conformance.Case) error {
	m, err := wire.Decode(c.Model, wire.Options{})
	if err != nil {
		return err
	}
	return runModel(m, c)
}

func runModel(m *onnx.Model, c conformance.Case) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if _, err := ops.Check(m, 0); err != nil {
		return err
	}
	l, err := ops.Lift(m.Graph)
	if err != nil {
		return fmt.Errorf("lift: %w", err)
	}
	e, err := ops.NewEvaluator(l)
	if err != nil {
		return err
	}
	for i, d := range c.DataSets {
		if err := runDataSet(m, l, e, d); err != nil {
			return fmt.Errorf("data set %d: %w", i, err)
		}
	}
	return nil
}

// TestConformanceConverted writes every model of the suite that is passed at other opsets, where it can be written there, and
// evaluates it again: conversion keeps what is computed.
func TestConformanceConverted(t *testing.T) {
	archive := conformance.Archive(t)
	list := readExpectedFailures(t, "testdata/conformance.txt")
	only := os.Getenv("GONYX_CASE")
	seen := make(map[[32]byte]bool)
	want := func(release, suite, name string) bool {
		return strings.Contains(path.Join(release, suite, name), only)
	}
	done, refused := make(map[int64]int), make(map[string]int)
	err := conformance.Walk(archive, want, func(c conformance.Case) error {
		key := digest(c)
		if seen[key] || list.find(c.String()) != nil {
			return nil
		}
		seen[key] = true
		if runCase(c) != nil {
			return nil // another test's matter
		}
		m, err := wire.Decode(c.Model, wire.Options{})
		if err != nil {
			return err
		}
		from := m.Graph.Opset("")
		for _, to := range []int64{9, 12, 17, 22, onnx.MaxOpset} {
			if to == from {
				continue
			}
			g, err := ops.Convert(m.Graph, to)
			if err != nil {
				refused[err.Error()]++
				if to > from {
					t.Errorf("%v from opset %d to %d: %v", c, from, to, err)
				}
				continue
			}
			done[to]++
			converted := *m
			converted.Graph = g
			if err := runModel(&converted, c); err != nil {
				t.Errorf("%v from opset %d to %d: %v", c, from, to, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for to, n := range done {
		t.Logf("%d cases hold at opset %d", n, to)
	}
	for what, n := range refused {
		t.Logf("%d × %s", n, what)
	}
	if only == "" && done[9] == 0 {
		t.Error("no case was converted")
	}
}

func runDataSet(m *onnx.Model, l *ops.Lifted, e *ops.Evaluator, d conformance.DataSet) error {
	infos := l.Graph.Inputs
	if len(d.Inputs) != len(infos) {
		infos = l.Graph.RequiredInputs()
	}
	if len(d.Inputs) > len(infos) {
		return fmt.Errorf("%d inputs are given, the graph takes %d", len(d.Inputs), len(infos))
	}
	given := make(map[string]onnx.Value)
	for i, b := range d.Inputs {
		v, err := wire.DecodeValue(b, infos[i].Type, wire.Options{})
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		given[infos[i].Name] = v
	}
	in := make([]onnx.Value, len(l.Graph.Inputs))
	for i, v := range l.Graph.Inputs {
		in[i] = given[v.Name]
	}
	values := make(map[string]onnx.Value)
	out, err := e.Run(context.Background(), in, ops.EvalOptions{Watch: func(name string, v onnx.Value) { values[name] = v }})
	if err != nil {
		return err
	}
	if len(d.Outputs) > len(out) {
		return fmt.Errorf("%d outputs are wanted, the graph has %d", len(d.Outputs), len(out))
	}
	for i, b := range d.Outputs {
		info := m.Graph.Outputs[i]
		want, err := wire.DecodeValue(b, info.Type, wire.Options{})
		if err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		if err := sameValue(out[i], want); err != nil {
			return fmt.Errorf("output %q: %w", info.Name, err)
		}
	}
	if err := agree(l.Facts, values, nil); err != nil {
		return fmt.Errorf("facts from the declared types: %w", err)
	}
	return inferBlind(l, in, values)
}

// inferBlind infers from the inputs' types and shapes alone, once with sizes and once with a symbol for every size, with nothing
// declared of the values in between.
func inferBlind(l *ops.Lifted, in []onnx.Value, values map[string]onnx.Value) error {
	bare := *l.Graph
	bare.ValueInfo, bare.Inputs, bare.Outputs = nil, nil, nil
	for _, v := range l.Graph.Outputs {
		bare.Outputs = append(bare.Outputs, &onnx.ValueInfo{Name: v.Name})
	}
	for _, v := range l.Graph.Inputs {
		bare.Inputs = append(bare.Inputs, &onnx.ValueInfo{Name: v.Name})
	}
	for _, symbolic := range []bool{false, true} {
		sizes := make(map[string]int64)
		facts := make([]ops.Fact, len(in))
		for i, v := range in {
			if v == nil {
				facts[i] = ops.Fact{Type: onnx.TypeOf(l.Graph.Initializer(l.Graph.Inputs[i].Name))}
				continue
			}
			f := ops.Fact{Type: onnx.TypeOf(v)}
			if symbolic && f.Type.Kind == onnx.KindTensor {
				f.Type.Dims = slices.Clone(f.Type.Dims)
				for k, d := range f.Type.Dims {
					name := fmt.Sprintf("n%d", d.Value)
					sizes[name] = d.Value
					f.Type.Dims[k] = onnx.Symbol(name)
				}
			}
			facts[i] = f
		}
		found, err := ops.InferGraph(&ops.Lifted{Graph: &bare, Held: l.Held}, facts, 0)
		if err != nil {
			return fmt.Errorf("inference from shapes (symbolic %v): %w", symbolic, err)
		}
		if err := agree(found, values, sizes); err != nil {
			return fmt.Errorf("inference from shapes (symbolic %v): %w", symbolic, err)
		}
	}
	return nil
}

// agree holds facts against values. sizes gives the size of every symbol, where not nil; otherwise a symbol must have the same
// size wherever it stands.
func agree(facts ops.Facts, values map[string]onnx.Value, sizes map[string]int64) error {
	strict := sizes != nil
	if !strict {
		sizes = make(map[string]int64)
	}
	for name, v := range values {
		f, ok := facts[name]
		if !ok {
			return fmt.Errorf("value %q: nothing is inferred", name)
		}
		got := onnx.TypeOf(v)
		if f.Absent() {
			continue
		}
		if f.Type.Kind != got.Kind {
			return fmt.Errorf("value %q is %v, inferred is %v", name, got, f.Type)
		}
		if got.Kind != onnx.KindTensor {
			continue
		}
		if f.Elem() != onnx.Undefined && f.Elem() != got.Elem || f.Ranked() && f.Rank() != len(got.Dims) {
			return fmt.Errorf("value %q is %v, inferred is %v", name, got, f.Type)
		}
		check := func(d onnx.Dim, size int64) error {
			if d.Known() && d.Value != size {
				return fmt.Errorf("value %q is %v, inferred is %v", name, got, f)
			}
			if d.Known() || d.Param == "" {
				return nil
			}
			if s, ok := sizes[d.Param]; ok && s != size || !ok && strict {
				return fmt.Errorf("value %q is %v, inferred is %v, and %s is %d", name, got, f, d.Param, s)
			}
			sizes[d.Param] = size
			return nil
		}
		for i, d := range f.Dims() {
			if err := check(d, got.Dims[i].Value); err != nil {
				return err
			}
		}
		t := v.(*onnx.Tensor)
		if f.Value != nil {
			if err := sameValue(t, f.Value); err != nil {
				return fmt.Errorf("value %q: inferred as known: %w", name, err)
			}
		}
		if f.Elems != nil {
			ints, err := ops.IntsOf(t)
			if err != nil || len(ints) != len(f.Elems) {
				return fmt.Errorf("value %q is %v, inferred are its elements %v", name, got, f.Elems)
			}
			for i, d := range f.Elems {
				if err := check(d, ints[i]); err != nil {
					return fmt.Errorf("element %d: %w", i, err)
				}
			}
		}
	}
	return nil
}

// sameValue compares as the suite's own runner does: |got-want| <= 1e-7 + 1e-3·|want|, NaN equal to NaN, types and shapes equal.
func sameValue(got, want onnx.Value) error {
	switch w := want.(type) {
	case *onnx.Tensor:
		g, ok := got.(*onnx.Tensor)
		if !ok || g.Type != w.Type || !slices.Equal(g.Dims, w.Dims) {
			return fmt.Errorf("got %v, want %v", onnx.TypeOf(got), w)
		}
		return sameElements(g, w)
	case *onnx.Sequence:
		g, ok := got.(*onnx.Sequence)
		if !ok || len(g.Values) != len(w.Values) {
			return fmt.Errorf("got %v, want a sequence of %d", onnx.TypeOf(got), len(w.Values))
		}
		for i := range w.Values {
			if err := sameValue(g.Values[i], w.Values[i]); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	case *onnx.Optional:
		g, ok := got.(*onnx.Optional)
		if !ok || (g.Value == nil) != (w.Value == nil) {
			return fmt.Errorf("got %v, want %v", onnx.TypeOf(got), onnx.TypeOf(want))
		}
		if w.Value == nil {
			return nil
		}
		return sameValue(g.Value, w.Value)
	}
	return fmt.Errorf("a value of type %v cannot be compared", onnx.TypeOf(want))
}

func sameElements(g, w *onnx.Tensor) error {
	close := func(i int, a, b float64) error {
		if a == b || a != a && b != b || math.Abs(a-b) <= 1e-7+1e-3*math.Abs(b) && !math.IsInf(b, 0) {
			return nil
		}
		return fmt.Errorf("element %d: got %v, want %v", i, a, b)
	}
	var err error
	switch w.Type {
	case onnx.Float:
		want := w.Float32s()
		for i, v := range g.Float32s() {
			if err == nil {
				err = close(i, float64(v), float64(want[i]))
			}
		}
	case onnx.Double:
		want := w.Float64s()
		for i, v := range g.Float64s() {
			if err == nil {
				err = close(i, v, want[i])
			}
		}
	case onnx.Float16, onnx.BFloat16:
		a, b := widened(g), widened(w)
		for i, v := range a {
			if err == nil {
				err = close(i, float64(v), float64(b[i]))
			}
		}
	case onnx.String:
		for i, s := range g.Strings {
			if s != w.Strings[i] {
				return fmt.Errorf("element %d: got %q, want %q", i, s, w.Strings[i])
			}
		}
	default:
		if string(g.Data) != string(w.Data) {
			return fmt.Errorf("got elements %v, want %v (as bytes)", head(g.Data), head(w.Data))
		}
	}
	return err
}

func head(b []byte) []byte { return b[:min(len(b), 32)] }

// widened reads float16 and bfloat16 with arithmetic that shares nothing with the package's.
func widened(t *onnx.Tensor) []float32 {
	bits := onnx.View[uint16](t)
	out := make([]float32, len(bits))
	for i, b := range bits {
		if t.Type == onnx.BFloat16 {
			out[i] = math.Float32frombits(uint32(b) << 16)
			continue
		}
		sign, exp, frac := uint32(b>>15)<<31, uint32(b>>10&31), uint32(b&1023)
		switch {
		case exp == 31:
			out[i] = math.Float32frombits(sign | 0x7f800000 | frac<<13)
		case exp == 0:
			out[i] = float32(frac) / (1 << 24)
			if sign != 0 {
				out[i] = -out[i]
			}
		default:
			out[i] = math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
		}
	}
	return out
}
