package ops

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gonyx/gonyx/onnx"
)

// line reads "out, out = Op(in, in)" as a node.
func line(s string, attrs ...*onnx.Attribute) *onnx.Node {
	left, right, _ := strings.Cut(s, " = ")
	op, args, _ := strings.Cut(strings.TrimSuffix(right, ")"), "(")
	n := &onnx.Node{OpType: op, Name: left, Attributes: attrs, Outputs: strings.Split(left, ", ")}
	if args != "" {
		n.Inputs = strings.Split(args, ", ")
	}
	return n
}

func value(name string, f Fact) *onnx.ValueInfo { return &onnx.ValueInfo{Name: name, Type: f.Type} }

func named(names ...string) []*onnx.ValueInfo {
	var list []*onnx.ValueInfo
	for _, n := range names {
		list = append(list, &onnx.ValueInfo{Name: n})
	}
	return list
}

func body(in, out []*onnx.ValueInfo, nodes ...*onnx.Node) *onnx.Graph {
	return &onnx.Graph{Name: "body", Inputs: in, Outputs: out, Nodes: nodes}
}

func outer(in, out []*onnx.ValueInfo, nodes ...*onnx.Node) *onnx.Graph {
	g := body(in, out, nodes...)
	g.Opsets = []onnx.Opset{{Version: onnx.MaxOpset}}
	return g
}

func truth(b bool) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Bool)
	t.Bools()[0] = b
	return t
}

func constantOf(name string, t *onnx.Tensor) *onnx.Node {
	return line(name+" = Constant()", onnx.AttrTensor("value", t))
}

// evaluate runs a graph and prints its outputs.
func evaluate(ctx context.Context, g *onnx.Graph, o EvalOptions, in ...onnx.Value) ([]string, error) {
	l, err := Lift(g)
	if err != nil {
		return nil, err
	}
	e, err := NewEvaluator(l)
	if err != nil {
		return nil, err
	}
	out, err := e.Run(ctx, in, o)
	if err != nil {
		return nil, err
	}
	var s []string
	for _, v := range out {
		s = append(s, printed(v))
	}
	return s, nil
}

func graphFacts(t *testing.T, g *onnx.Graph) Facts {
	t.Helper()
	l, err := Lift(g)
	if err != nil {
		t.Fatal(err)
	}
	return l.Facts
}

// choice is y = cond ? x+x : x transposed.
func choice(cond Fact, x Fact) *onnx.Graph {
	return outer([]*onnx.ValueInfo{value("cond", cond), value("x", x)}, named("y"),
		line("y = If(cond)",
			onnx.AttrGraph("then_branch", body(nil, named("a"), line("a = Add(x, x)"))),
			onnx.AttrGraph("else_branch", body(nil, named("b"), line("b = Transpose(x)")))))
}

func TestIf(t *testing.T) {
	g := choice(Tensor(onnx.Bool), f32("batch 2"))
	for name, c := range map[string]struct {
		cond bool
		want string
	}{
		"the first branch":  {true, "[1 2] [2 4]"},
		"the second branch": {false, "[2 1] [1 2]"},
	} {
		got, err := evaluate(context.Background(), g, EvalOptions{}, truth(c.cond), floats32([]int64{1, 2}, 1, 2))
		if err != nil || got[0] != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
	if got, want := graphFacts(t, g)["y"].String(), "tensor(float)[?,?]"; got != want {
		t.Errorf("what both branches agree on: got %s, want %s", got, want)
	}
	if got, want := graphFacts(t, choice(Tensor(onnx.Bool), f32("2 2")))["y"].String(), "tensor(float)[2,2]"; got != want {
		t.Errorf("two branches of one shape: got %s, want %s", got, want)
	}
}

// A branch that is ruled out may not fit the shapes; one that may be taken must.
func TestIfRuledOut(t *testing.T) {
	build := func(cond *onnx.Tensor) *onnx.Graph {
		g := outer([]*onnx.ValueInfo{value("x", f32("2 3")), value("c", Tensor(onnx.Bool))}, named("y"),
			line("y = If(c)",
				onnx.AttrGraph("then_branch", body(nil, named("a"), line("a = Neg(x)"))),
				onnx.AttrGraph("else_branch", body(nil, named("b"), line("b = MatMul(x, x)")))))
		if cond != nil {
			g.Inputs = g.Inputs[:1]
			c := *cond
			c.Name = "c"
			g.Initializers = []*onnx.Tensor{&c}
		}
		return g
	}
	if got, want := graphFacts(t, build(truth(true)))["y"].String(), "tensor(float)[2,3]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, cond := range map[string]*onnx.Tensor{"the bad branch is taken": truth(false), "either may be taken": nil} {
		if _, err := Lift(build(cond)); err == nil || !strings.Contains(err.Error(), "else_branch") {
			t.Errorf("%s: got error %v, want one about else_branch", name, err)
		}
	}
}

// With shapes at hand, a branch that data decide may be wrong for them as long as the other one is not: it fails when it is taken.
func TestIfOneBranchFits(t *testing.T) {
	negates := func(out string) *onnx.Graph { return body(nil, named(out), line(out+" = Neg(x)")) }
	squares := func(out string) *onnx.Graph { return body(nil, named(out), line(out+" = MatMul(x, x)")) }
	choose := func(out string, then, other *onnx.Graph) *onnx.Node {
		return line(out+" = If(c)", onnx.AttrGraph("then_branch", then), onnx.AttrGraph("else_branch", other))
	}
	declared := negates("w")
	declared.Outputs = []*onnx.ValueInfo{value("w", f32("5 a"))}
	for phrase, c := range map[string]struct {
		node *onnx.Node
		want string // what is known of y for x [2,3]
		fail string
	}{
		"the first fits":                 {choose("y", negates("a"), squares("b")), "tensor(float)[2,3]", ""},
		"the second fits":                {choose("y", squares("a"), negates("b")), "tensor(float)[2,3]", ""},
		"neither fits":                   {choose("y", squares("a"), squares("b")), "", "then_branch: node \"a\""},
		"one of those inside fits":       {choose("y", squares("a"), body(nil, named("b"), choose("b", squares("d"), negates("e")))), "tensor(float)[2,3]", ""},
		"none of those inside fits":      {choose("y", negates("a"), body(nil, named("b"), choose("b", squares("d"), squares("e")))), "tensor(float)[2,3]", ""},
		"what is declared inside is not": {choose("y", negates("a"), declared), "tensor(float)[2,3]", ""},
	} {
		lifted, err := Lift(outer([]*onnx.ValueInfo{value("x", f32("n m")), value("c", Tensor(onnx.Bool))}, named("y"), c.node))
		if err != nil {
			t.Fatal(err)
		}
		facts, err := InferGraph(lifted, []Fact{f32("2 3"), Tensor(onnx.Bool)}, 0)
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: got error %v, want one of %q", phrase, err, c.fail)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", phrase, err)
		} else if got := facts["y"].String(); got != c.want {
			t.Errorf("%s: got %s, want %s", phrase, got, c.want)
		}
	}
}

// doubling doubles v, stacks it, and goes on while it is less than 20.
func doubling(m, cond bool, v Fact) *onnx.Graph {
	names := []string{"", ""}
	in := []*onnx.ValueInfo{value("v0", v)}
	if m {
		names[0] = "m"
		in = append(in, value("m", Tensor(onnx.Int64)))
	}
	if cond {
		names[1] = "c"
		in = append(in, value("c", Tensor(onnx.Bool)))
	}
	b := body([]*onnx.ValueInfo{value("i", Tensor(onnx.Int64)), value("go", Tensor(onnx.Bool)), value("v", Fact{})},
		[]*onnx.ValueInfo{{Name: "on"}, {Name: "next"}, value("seen", f32("1"))},
		line("next = Add(v, v)"), line("seen = Identity(next)"), constantOf("limit", onnx.Scalar32(20)),
		line("each = Less(next, limit)"), line("flat = Squeeze(each)"), line("on = Identity(flat)"))
	return outer(in, named("last", "all"), line("last, all = Loop("+names[0]+", "+names[1]+", v0)", onnx.AttrGraph("body", b)))
}

func TestLoop(t *testing.T) {
	one := row(3)
	for name, c := range map[string]struct {
		g    *onnx.Graph
		in   []onnx.Value
		want string
	}{
		"until the condition fails": {doubling(false, false, f32("1")), []onnx.Value{one}, "[[1] [24] [3 1] [6 12 24]]"},
		"a number of times":         {doubling(true, false, f32("1")), []onnx.Value{one, onnx.Scalar64(2)}, "[[1] [12] [2 1] [6 12]]"},
		"no time":                   {doubling(true, false, f32("1")), []onnx.Value{one, onnx.Scalar64(0)}, "[[1] [3] [0 1] []]"},
		"a number below none":       {doubling(true, false, f32("1")), []onnx.Value{one, onnx.Scalar64(-5)}, "[[1] [3] [0 1] []]"},
		"not at all":                {doubling(true, true, f32("1")), []onnx.Value{one, onnx.Scalar64(9), truth(false)}, "[[1] [3] [0 1] []]"},
	} {
		got, err := evaluate(context.Background(), c.g, EvalOptions{}, c.in...)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
	facts := graphFacts(t, doubling(false, false, f32("1")))
	if got, want := facts["last"].String()+facts["all"].String(), "tensor(float)[1]tensor(float)[?,1]"; got != want {
		t.Errorf("facts: got %s, want %s", got, want)
	}
}

// forever carries v through a body of one node.
func forever(node *onnx.Node, v Fact, scan bool) *onnx.Graph {
	out, names := named("go2", "next"), "last"
	if scan {
		out, names = named("go2", "next", "next"), "last, all"
	}
	b := body([]*onnx.ValueInfo{value("i", Tensor(onnx.Int64)), value("go", Tensor(onnx.Bool)), value("v", Fact{})}, out,
		node, line("go2 = And(go, go)"))
	return outer([]*onnx.ValueInfo{value("v0", v)}, named(strings.Split(names, ", ")...),
		line(names+" = Loop(, , v0)", onnx.AttrGraph("body", b)))
}

// What the body makes larger is not inferred to stay as it was.
func TestLoopForgetsWhatChanges(t *testing.T) {
	for name, c := range map[string]struct {
		node *onnx.Node
		in   string
		want string
	}{
		"a growing axis":     {line("next = Concat(v, v)", num("axis", 0)), "2 batch", "tensor(float)[?,batch]"},
		"a growing rank":     {line("next = Expand(v, shape)"), "2", "tensor(float)"},
		"nothing":            {line("next = Neg(v)"), "batch 3", "tensor(float)[batch,3]"},
		"axes that change":   {line("next = Transpose(v)"), "2 3", "tensor(float)[?,?]"},
		"axes of equal size": {line("next = Transpose(v)"), "3 3", "tensor(float)[3,3]"},
	} {
		g := forever(c.node, f32(c.in), false)
		g.Inputs = append(g.Inputs, value("shape", Tensor(onnx.Int64, onnx.UnknownDim())))
		if got := graphFacts(t, g)["last"].String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// A loop without an end stops with its context, and does not pile up memory beyond the limit.
func TestLoopIsBounded(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := evaluate(ctx, forever(line("next = Neg(v)"), f32("1"), false), EvalOptions{}, row(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an end: got %v, want that the time is over", err)
	}
	_, err := evaluate(context.Background(), forever(line("next = Neg(v)"), f32("1"), true), EvalOptions{Limit: 1 << 10}, row(1))
	if err == nil || !strings.Contains(err.Error(), "memory limit") {
		t.Errorf("stacking without an end: got %v, want an error about the memory limit", err)
	}
}

// A loop that cannot end is an error where its body shows it; what the body works out is left to run.
func TestLoopsThatNeverEndAreRefused(t *testing.T) {
	carried := []*onnx.ValueInfo{value("i", Tensor(onnx.Int64)), value("go", Tensor(onnx.Bool)), value("v", Fact{})}
	bound := func(m int64) *onnx.Tensor { return onnx.FromInt64s([]int64{m}) }
	for phrase, c := range map[string]struct {
		on    string
		nodes []*onnx.Node
		m     *onnx.Tensor
		start bool
		want  string // the error, or the result
	}{
		"the condition itself":           {"go", nil, nil, true, "never ends"},
		"the condition, handed on twice": {"c", []*onnx.Node{line("b = Identity(go)"), line("c = Identity(b)")}, nil, true, "never ends"},
		"a constant true":                {"c", []*onnx.Node{constantOf("c", truth(true))}, nil, true, "never ends"},
		"a bound like none":              {"go", nil, bound(math.MaxInt64), true, "never ends"},
		"a constant false":               {"c", []*onnx.Node{constantOf("c", truth(false))}, nil, true, "[1] [2]"},
		"a bound":                        {"go", nil, bound(3), true, "[1] [8]"},
		"never begun":                    {"go", nil, nil, false, "[1] [1]"},
	} {
		b := body(carried, named(c.on, "next"), append(c.nodes, line("next = Add(v, v)"))...)
		in := []*onnx.ValueInfo{value("c0", Tensor(onnx.Bool)), value("v0", f32("1"))}
		values := []onnx.Value{truth(c.start), row(1)}
		m := ""
		if c.m != nil {
			m, in, values = "m", append(in, value("m", Tensor(onnx.Int64))), append(values, c.m)
		}
		got, err := evaluate(context.Background(), outer(in, named("y"), line("y = Loop("+m+", c0, v0)", onnx.AttrGraph("body", b))), EvalOptions{}, values...)
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: got error %v, want %q", phrase, err, c.want)
		case err == nil && got[0] != c.want:
			t.Errorf("%s: got %s, want %s", phrase, got[0], c.want)
		}
	}
}

// Every level of these bodies is looked at twice for each time that the one around it is: 2^90 times the innermost one.
func TestNestedLoopsAreBounded(t *testing.T) {
	g := body([]*onnx.ValueInfo{value("i", Tensor(onnx.Int64)), value("go", Tensor(onnx.Bool)), value("v", Fact{})}, named("go", "n"), line("n = Transpose(v)"))
	for k := range 90 {
		n := fmt.Sprint("n", k)
		g = body([]*onnx.ValueInfo{value(fmt.Sprint("i", k), Tensor(onnx.Int64)), value(fmt.Sprint("go", k), Tensor(onnx.Bool)), value(fmt.Sprint("v", k), Fact{})},
			named(fmt.Sprint("go", k), n), line(n+" = Loop(, , x)", onnx.AttrGraph("body", g)))
	}
	_, err := Lift(outer([]*onnx.ValueInfo{value("x", f32("2 3"))}, named("y"), line("y = Loop(, , x)", onnx.AttrGraph("body", g))))
	if err == nil || !strings.Contains(err.Error(), "have to be looked at") {
		t.Errorf("got %v, want an error about nodes that have to be looked at", err)
	}
}

func TestLoopRefuses(t *testing.T) {
	number, truth := value("i", Tensor(onnx.Int64)), value("go", Tensor(onnx.Bool))
	for name, c := range map[string]struct {
		body *onnx.Graph
		want string
	}{
		"a body without a condition": {body([]*onnx.ValueInfo{number}, named("i")), "the body has 1 inputs"},
		"too few results":            {body([]*onnx.ValueInfo{number, truth, value("v", Fact{})}, named("go")), "1 outputs"},
		"too few inputs":             {body([]*onnx.ValueInfo{number, truth}, named("go", "i")), "1 values are carried"},
		"a type that changes": {body([]*onnx.ValueInfo{number, truth, value("v", Fact{})}, named("go", "n"),
			line("n = Cast(v)", num("to", int64(onnx.Int64)))), "before a step"},
		"a value of another type": {body([]*onnx.ValueInfo{number, truth, value("v", Tensor(onnx.Int64, onnx.Fixed(2)))}, named("go", "v")), "is declared"},
	} {
		_, err := Lift(outer([]*onnx.ValueInfo{value("x", f32("2"))}, named("y"), line("y = Loop(, , x)", onnx.AttrGraph("body", c.body))))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

// sums adds up the slices of x and stacks what it has so far.
func sums(x Fact, attrs ...*onnx.Attribute) *onnx.Graph {
	b := body([]*onnx.ValueInfo{value("s", Fact{}), value("part", Fact{})}, named("next", "far"),
		line("next = Add(s, part)"), line("far = Identity(next)"))
	return outer([]*onnx.ValueInfo{value("s0", f32("1")), value("x", x)}, named("last", "all"),
		line("last, all = Scan(s0, x)", append(attrs, onnx.AttrGraph("body", b), num("num_scan_inputs", 1))...))
}

func TestScan(t *testing.T) {
	for name, c := range map[string]struct {
		attrs []*onnx.Attribute
		x     *onnx.Tensor
		want  string
	}{
		"forward":                 {nil, floats32([]int64{3, 1}, 1, 2, 4), "[[1] [7] [3 1] [1 3 7]]"},
		"backward":                {with(ints("scan_input_directions", 1)), floats32([]int64{3, 1}, 1, 2, 4), "[[1] [7] [3 1] [4 6 7]]"},
		"stacked backward":        {with(ints("scan_output_directions", 1)), floats32([]int64{3, 1}, 1, 2, 4), "[[1] [7] [3 1] [7 3 1]]"},
		"along the second axis":   {with(ints("scan_input_axes", 1)), floats32([]int64{1, 3}, 1, 2, 4), "[[1] [7] [3 1] [1 3 7]]"},
		"stacked along the last":  {with(ints("scan_output_axes", -1)), floats32([]int64{3, 1}, 1, 2, 4), "[[1] [7] [1 3] [1 3 7]]"},
		"axes counted from after": {with(ints("scan_input_axes", -2)), floats32([]int64{3, 1}, 1, 2, 4), "[[1] [7] [3 1] [1 3 7]]"},
	} {
		got, err := evaluate(context.Background(), sums(Fact{Type: onnx.TypeOf(c.x)}, c.attrs...), EvalOptions{}, row(0), c.x)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
	facts := graphFacts(t, sums(f32("time 1")))
	if got, want := facts["last"].String()+facts["all"].String(), "tensor(float)[1]tensor(float)[time,1]"; got != want {
		t.Errorf("facts: got %s, want %s", got, want)
	}
}

func TestSequences(t *testing.T) {
	for name, c := range map[string]struct {
		nodes []*onnx.Node
		want  string
		err   string
	}{
		"what was put in": {[]*onnx.Node{line("s = SequenceConstruct(x, two)"), line("y = SequenceAt(s, minus)")}, "[1] [2]", ""},
		"inserted before": {[]*onnx.Node{line("s = SequenceConstruct(x)"), line("t = SequenceInsert(s, two, zero)"), line("y = SequenceAt(t, zero)")}, "[1] [2]", ""},
		"the last erased": {[]*onnx.Node{line("s = SequenceConstruct(x, two)"), line("t = SequenceErase(s)"), line("y = SequenceLength(t)")}, "[] [1]", ""},
		"an empty one":    {[]*onnx.Node{line("s = SequenceEmpty()"), line("y = SequenceLength(s)")}, "[] [0]", ""},
		"joined":          {[]*onnx.Node{line("s = SequenceConstruct(x, two)"), line("y = ConcatFromSequence(s)", num("axis", 0))}, "[4] [1 5 9 2]", ""},
		"cut and stacked": {[]*onnx.Node{line("s = SplitToSequence(x)", num("keepdims", 0)), line("y = ConcatFromSequence(s)", num("axis", 0), num("new_axis", 1))}, "[3] [1 5 9]", ""},
		"cut in pairs":    {[]*onnx.Node{line("s = SplitToSequence(x, pair)"), line("y = SequenceAt(s, minus)")}, "[1] [9]", ""},
		"of optionals":    {[]*onnx.Node{line("o = Optional(x)"), line("y = OptionalGetElement(o)")}, "[3] [1 5 9]", ""},
		"one is there":    {[]*onnx.Node{line("o = Optional(x)"), line("y = OptionalHasElement(o)")}, "[] [1]", ""},
		"none is there":   {[]*onnx.Node{line("y = OptionalHasElement()")}, "[] [0]", ""},
		"past the end":    {[]*onnx.Node{line("s = SequenceConstruct(x)"), line("y = SequenceAt(s, pair)")}, "", "position 2 is outside a sequence of 1"},
		"nothing to join": {[]*onnx.Node{line("s = SequenceEmpty()"), line("y = ConcatFromSequence(s)", num("axis", 0))}, "", "the sequence is empty"},
		"another type":    {[]*onnx.Node{line("s = SequenceEmpty()", num("dtype", int64(onnx.Int64))), line("t = SequenceInsert(s, x)"), line("y = SequenceLength(t)")}, "", "int64"},
	} {
		nodes := append([]*onnx.Node{constantOf("two", row(2)), constantOf("zero", onnx.Scalar64(0)), constantOf("minus", onnx.Scalar64(-1)), constantOf("pair", onnx.Scalar64(2))}, c.nodes...)
		got, err := evaluate(context.Background(), outer([]*onnx.ValueInfo{value("x", f32("3"))}, named("y"), nodes...), EvalOptions{}, row(1, 5, 9))
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got error %v, want one with %q", name, err, c.err)
			}
		case err != nil || got[0] != c.want:
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestText(t *testing.T) {
	words := func(w ...string) *onnx.Tensor { return onnx.FromStrings(w, int64(len(w))) }
	list := func(name string, w ...string) *onnx.Attribute {
		a := &onnx.Attribute{Name: name, Type: onnx.AttributeStrings}
		for _, s := range w {
			a.Strs = append(a.Strs, []byte(s))
		}
		return a
	}
	grams := func(mode string, skips int64, more ...*onnx.Attribute) []*onnx.Attribute {
		return append(more, text("mode", mode), num("min_gram_length", 1), num("max_gram_length", 2), num("max_skip_count", skips),
			ints("ngram_counts", 0, 2), ints("ngram_indexes", 0, 1, 2), list("pool_strings", "le", "chat", "le", "chat"))
	}
	for name, c := range map[string]struct {
		given1
		want string
	}{
		"lower case":               {given1{"StringNormalizer", with(text("case_change_action", "LOWER")), tensors(words("Le", "CHAT"))}, "[2] [le chat]"},
		"without stopwords":        {given1{"StringNormalizer", with(list("stopwords", "le")), tensors(words("Le", "Chat"))}, "[1] [Chat]"},
		"stopwords as they stand":  {given1{"StringNormalizer", with(list("stopwords", "le"), num("is_case_sensitive", 1)), tensors(words("Le", "le"))}, "[1] [Le]"},
		"nothing left":             {given1{"StringNormalizer", with(list("stopwords", "le")), tensors(words("le"))}, "[1] []"},
		"counts":                   {given1{"TfIdfVectorizer", grams("TF", 0), tensors(words("le", "chat", "le", "rat"))}, "[3] [2 1 1]"},
		"counts over a word":       {given1{"TfIdfVectorizer", grams("TF", 1), tensors(words("le", "petit", "chat"))}, "[3] [1 1 1]"},
		"whether it occurs":        {given1{"TfIdfVectorizer", grams("IDF", 0, onnx.AttrFloats("weights", 2, 3, 4)), tensors(words("le", "le"))}, "[3] [2 0 0]"},
		"counts times weights":     {given1{"TfIdfVectorizer", grams("TFIDF", 0, onnx.AttrFloats("weights", 2, 3, 4)), tensors(words("le", "le", "chat"))}, "[3] [4 3 4]"},
		"a boundary between words": {given1{"TfIdfVectorizer", grams("TF", 0), tensors(words("lechat", "lec", "hat"))}, "[3] [0 0 0]"},
	} {
		in := make([]onnx.Value, len(c.in))
		for i, v := range c.in {
			in[i] = v
		}
		got, err := EvalOp(prepare(t, c.node(1)), &Env{}, in)
		if err != nil || printed(got[0]) != c.want {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
}

// A sparse constant is written out within the limit only.
func TestSparseConstantIsBounded(t *testing.T) {
	sparse := &onnx.SparseTensor{Values: row(5), Indices: i64(1), Dims: []int64{1 << 20}}
	n := line("y = Constant()", &onnx.Attribute{Name: "sparse_value", Type: onnx.AttributeSparseTensor, SparseTensor: sparse})
	if _, err := EvalOp(prepare(t, n), &Env{Limit: 1 << 10}, nil); err == nil || !strings.Contains(err.Error(), "memory limit") {
		t.Errorf("got %v, want an error about the memory limit", err)
	}
	sparse.Dims = []int64{3}
	got, err := EvalOp(prepare(t, n), &Env{}, nil)
	if err != nil || printed(got[0]) != "[3] [0 5 0]" {
		t.Errorf("got %v, %v, want [0 5 0]", got, err)
	}
}

// A body inside a function may take the function's attributes: those of the call, or their defaults.
func TestBodiesTakeAttributesOfTheirFunction(t *testing.T) {
	refer := &onnx.Attribute{Name: "alpha", RefName: "slope", Type: onnx.AttributeFloat}
	f := &onnx.Function{Name: "Bend", Domain: "own", Inputs: []string{"x", "c"}, Outputs: []string{"y"},
		Opsets: []onnx.Opset{{Version: onnx.MaxOpset}}, AttributeProto: []*onnx.Attribute{onnx.AttrFloat("slope", 0.25)},
		Nodes: []*onnx.Node{line("y = If(c)",
			onnx.AttrGraph("then_branch", body(nil, named("a"), line("a = LeakyRelu(x)", refer))),
			onnx.AttrGraph("else_branch", body(nil, named("b"), line("b = Neg(x)"))))}}
	call := func(s string, attrs ...*onnx.Attribute) *onnx.Node {
		n := line(s, attrs...)
		n.Domain = "own"
		return n
	}
	g := outer([]*onnx.ValueInfo{value("x", f32("1")), value("c", Tensor(onnx.Bool))}, named("y", "z"),
		call("y = Bend(x, c)", onnx.AttrFloat("slope", 0.5)), call("z = Bend(x, c)"))
	g.Functions = []*onnx.Function{f}
	g.Opsets = append(g.Opsets, onnx.Opset{Domain: "own", Version: 1})
	if _, err := Check(&onnx.Model{IRVersion: 8, Graph: g}, 0); err != nil {
		t.Fatal(err)
	}
	got, err := evaluate(context.Background(), g, EvalOptions{}, row(-8), truth(true))
	if want := "[1] [-4] [1] [-2]"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %v and error %v, want %s", got, err, want)
	}
	g.Nodes[0].Domain, g.Nodes[0].OpType = "", "If"
	g.Nodes[0].Inputs, g.Nodes[0].Attributes = []string{"c"}, f.Nodes[0].Clone().Attributes
	if _, err := Check(&onnx.Model{IRVersion: 8, Graph: g}, 0); err == nil || !strings.Contains(err.Error(), "no function around it") {
		t.Errorf("outside a function: got error %v, want one about the reference", err)
	}
}
