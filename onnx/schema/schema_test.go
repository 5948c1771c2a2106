package schema_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

func lookup(t *testing.T, domain, name string, opset int64) *schema.Op {
	t.Helper()
	op, found := schema.Lookup(domain, name, opset)
	if !found {
		t.Fatalf("Lookup(%q, %q, %d): got nothing, want a version", domain, name, opset)
	}
	return op
}

// The numbers of the operator registry of ONNX 1.23.
func TestCounts(t *testing.T) {
	counts := map[string]int{}
	for op := range schema.All() {
		counts[op.Domain]++
	}
	want := map[string]int{"": 629, "ai.onnx.ml": 25, "ai.onnx.preview": 1, "ai.onnx.preview.training": 4}
	if len(counts) != len(want) || !slices.Equal(schema.Domains(), []string{"", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training"}) {
		t.Errorf("domains: got %v and %q, want those of %v", counts, schema.Domains(), want)
	}
	for domain, n := range want {
		if counts[domain] != n {
			t.Errorf("domain %q: got %d operator versions, want %d", domain, counts[domain], n)
		}
	}
	for domain, n := range map[string]int64{"": 28, "ai.onnx": 28, "ai.onnx.ml": 5, "com.example": 0} {
		if got := schema.Newest(domain); got != n {
			t.Errorf("Newest(%q): got %d, want %d", domain, got, n)
		}
	}
}

// The versions as docs/Operators.md of ONNX lists them.
func TestVersions(t *testing.T) {
	for name, want := range map[string][]int64{
		"Conv":     {1, 11, 22},
		"Reshape":  {1, 5, 13, 14, 19, 21, 23, 24, 25},
		"Softmax":  {1, 11, 13},
		"Split":    {1, 2, 11, 13, 18},
		"Cast":     {1, 6, 9, 13, 19, 21, 23, 24, 25, 28},
		"Abs":      {1, 6, 13},
		"Xor":      {1, 7},
		"Nonesuch": nil,
	} {
		var got []int64
		for _, op := range schema.Versions("", name) {
			got = append(got, op.Since)
		}
		if !slices.Equal(got, want) {
			t.Errorf("Versions of %s: got %v, want %v", name, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	for phrase, c := range map[string]struct {
		domain, name string
		opset, want  int64 // want 0: nothing
	}{
		"between two versions":       {"", "Conv", 17, 11},
		"at a version":               {"", "Conv", 11, 11},
		"just before a version":      {"", "Conv", 10, 1},
		"beyond the newest":          {"", "Conv", 99, 22},
		"long name of the domain":    {"ai.onnx", "Conv", 22, 22},
		"before the first":           {"", "Celu", 11, 0},
		"opset zero":                 {"", "Conv", 0, 0},
		"opset below zero":           {"", "Conv", -5, 0},
		"first of its domain":        {"", "Abs", 6, 6},
		"last of its domain":         {"", "Xor", 28, 7},
		"ml":                         {"ai.onnx.ml", "Scaler", 3, 1},
		"operator of another domain": {"", "Scaler", 3, 0},
		"a prefix of a name":         {"", "Con", 28, 0},
		"no name":                    {"", "", 28, 0},
		"unknown domain":             {"com.example", "Conv", 11, 0},
	} {
		op, found := schema.Lookup(c.domain, c.name, c.opset)
		var got int64
		if found {
			got = op.Since
		}
		if got != c.want {
			t.Errorf("%s: Lookup(%q, %q, %d): got version %d, want %d", phrase, c.domain, c.name, c.opset, got, c.want)
		}
	}
}

// Every version is what Lookup gives at its own opset, and none is wider than a set.
func TestLookupFindsAll(t *testing.T) {
	n := 0
	for op := range schema.All() {
		n++
		if got, _ := schema.Lookup(op.Domain, op.Name, op.Since); got != op {
			t.Errorf("Lookup at %v's own opset: got %v", op, got)
		}
		if !slices.Contains(schema.Versions(op.Domain, op.Name), op) {
			t.Errorf("Versions does not list %v", op)
		}
	}
	if n != 659 {
		t.Errorf("All: got %d versions, want 659", n)
	}
}

func TestDeprecated(t *testing.T) {
	var got []string
	for op := range schema.All() {
		if op.Deprecated {
			got = append(got, op.String())
		}
	}
	if op := lookup(t, "", "GroupNormalization", 18); !op.Withdrawn || op.Inputs.Max != 3 {
		t.Errorf("%v: got withdrawn %v with %d inputs, want true with 3", op, op.Withdrawn, op.Inputs.Max)
	}
	want := []string{"Scatter-11", "Upsample-10",
		"ai.onnx.ml.TreeEnsembleClassifier-5", "ai.onnx.ml.TreeEnsembleRegressor-5"}
	if !slices.Equal(got, want) {
		t.Errorf("deprecated: got %q, want %q", got, want)
	}
}

func TestDefaults(t *testing.T) {
	ints := func(op *schema.Op, name string) []int64 { return op.Attribute(name).Default.Ints }
	for phrase, c := range map[string]struct{ got, want any }{
		"Softmax before 13": {lookup(t, "", "Softmax", 12).Attribute("axis").Default.Int, int64(1)},
		"Softmax from 13":   {lookup(t, "", "Softmax", 13).Attribute("axis").Default.Int, int64(-1)},
		"LeakyRelu":         {lookup(t, "", "LeakyRelu", 16).Attribute("alpha").Default.Float(), float32(0.01)},
		"epsilon":           {lookup(t, "", "BatchNormalization", 15).Attribute("epsilon").Default.Float(), float32(1e-5)},
		"auto_pad":          {lookup(t, "", "Conv", 11).Attribute("auto_pad").Default.Str, "NOTSET"},
		"axes":              {len(ints(lookup(t, "", "MeanVarianceNormalization", 13), "axes")), 3},
		"activations":       {strings.Join(lookup(t, "", "RNN", 22).Attribute("activations").Default.Strs, "+"), "Tanh+Tanh"},
		// Values that the Changelog prints rounded; the registry's are these float32 (Selu's are the paper's constants).
		"Selu alpha":    {lookup(t, "", "Selu", 22).Attribute("alpha").Default.Float(), float32(1.67326319217681884765625)},
		"Selu gamma":    {lookup(t, "", "Selu", 6).Attribute("gamma").Default.Float(), float32(1.05070102214813232421875)},
		"Clip max":      {lookup(t, "", "Clip", 6).Attribute("max").Default.Float(), float32(math.MaxFloat32)},
		"Clip min":      {lookup(t, "", "Clip", 6).Attribute("min").Default.Float(), float32(-math.MaxFloat32)},
		"Adam epsilon":  {lookup(t, "ai.onnx.preview.training", "Adam", 1).Attribute("epsilon").Default.Float(), float32(1e-6)},
		"negative zero": {math.Float32bits(lookup(t, "ai.onnx.ml", "LabelEncoder", 4).Attribute("default_float").Default.Float()), uint32(1 << 31)},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", phrase, c.got, c.want)
		}
	}
	if a := lookup(t, "", "Conv", 11).Attribute("strides"); a == nil || a.HasDefault() || a.Required {
		t.Errorf("strides of Conv: got %+v, want an optional attribute without a default", a)
	}
	if a := lookup(t, "", "Split", 18).Attribute("num_outputs"); a == nil || a.Type != schema.Int || a.Required {
		t.Errorf("num_outputs of Split-18: got %+v, want an optional int", a)
	}
	if a := lookup(t, "", "Split", 13).Attribute("num_outputs"); a != nil {
		t.Errorf("num_outputs of Split-13: got %+v, want none", a)
	}
	if a := lookup(t, "", "SpaceToDepth", 28).Attribute("mode"); a == nil || a.Default.Str != "DCR" {
		t.Errorf("mode of SpaceToDepth-28: got %+v, want one with the default DCR", a)
	}
	if a := lookup(t, "", "SpaceToDepth", 27).Attribute("mode"); a != nil {
		t.Errorf("mode of SpaceToDepth-13: got %+v, want none", a)
	}
	if a := lookup(t, "", "Cast", 13).Attribute("to"); a == nil || !a.Required {
		t.Errorf("to of Cast: got %+v, want a required attribute", a)
	}
}

// Every default is of its attribute's type.
func TestDefaultTypes(t *testing.T) {
	n := 0
	for op := range schema.All() {
		for i := range op.Attributes {
			a := &op.Attributes[i]
			if a.HasDefault() {
				n++
				if a.Default.Type != a.Type || a.Required {
					t.Errorf("%v: attribute %q: got a default of type %v, required %v; want %v, not required",
						op, a.Name, a.Default.Type, a.Required, a.Type)
				}
			}
		}
	}
	if n != 632 {
		t.Errorf("got %d defaults, want the 631 of the standard and one of a withdrawn version", n)
	}
}

func TestArity(t *testing.T) {
	conv := lookup(t, "", "Conv", 22)
	for n, want := range map[int]bool{0: false, 1: false, 2: true, 3: true, 4: false} {
		if got := conv.Inputs.Takes(n); got != want {
			t.Errorf("Conv with %d inputs: got %v, want %v", n, got, want)
		}
	}
	if b := conv.Input(2); b == nil || b.Name != "B" || !b.Optional {
		t.Errorf("input 2 of Conv: got %+v, want the optional B", b)
	}
	if p := conv.Input(3); p != nil {
		t.Errorf("input 3 of Conv: got %+v, want none", p)
	}
	loop := lookup(t, "", "Loop", 16)
	if p := loop.Input(40); p == nil || !p.Variadic || !p.Heterogeneous || !loop.Inputs.Takes(40) {
		t.Errorf("input 40 of Loop: got %+v, want the variadic, heterogeneous one", p)
	}
	if p := conv.Output(-1); p != nil {
		t.Errorf("output -1 of Conv: got %+v, want none", p)
	}
}

func TestTypes(t *testing.T) {
	relu, _ := lookup(t, "", "Relu", 13).Constraint("T")
	if want := "tensor(bfloat16), tensor(double), tensor(float), tensor(float16)"; relu.String() != want || relu.Len() != 4 {
		t.Errorf("types of Relu-13: got %d: %v, want 4: %v", relu.Len(), relu, want)
	}
	newer, _ := lookup(t, "", "Relu", 14).Constraint("T")
	if !newer.Includes(relu) || relu.Includes(newer) || newer.Has("tensor(string)") || !newer.Has("tensor(int8)") {
		t.Errorf("types of Relu-14: got %v, want those of Relu-13 and the signed integers", newer)
	}
	reshape := lookup(t, "", "Reshape", 14)
	if got := reshape.Allowed(reshape.Input(1)).String(); got != "tensor(int64)" {
		t.Errorf("type of Reshape's shape: got %v, want tensor(int64)", got)
	}
	zipmap := lookup(t, "ai.onnx.ml", "ZipMap", 1)
	set := zipmap.Allowed(zipmap.Output(0))
	value := onnx.UnrankedTensorType(onnx.Float)
	of := onnx.Type{Kind: onnx.KindMap, Key: onnx.Int64, Of: &value}
	if typ := (onnx.Type{Kind: onnx.KindSequence, Of: &of}).String(); !set.Has(typ) {
		t.Errorf("ZipMap's output: got %v, want it to have %s, as onnx.Type spells it", set, typ)
	}
	for _, typ := range []string{"", "tensor(float", "tensor(float)[1]", "map(int64, float)", "zzz"} {
		if set.Has(typ) || newer.Has(typ) {
			t.Errorf("a set has %q, want it in none", typ)
		}
	}
}

// parseType reads a type in the schema's spelling, by a grammar of its own.
func parseType(s string) (onnx.Type, bool) {
	word, rest, _ := strings.Cut(s, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !closed {
		return onnx.Type{}, false
	}
	switch word {
	case "tensor":
		elem, known := onnx.ParseElemType(inner)
		return onnx.UnrankedTensorType(elem), known
	case "seq", "optional":
		kind := map[string]onnx.Kind{"seq": onnx.KindSequence, "optional": onnx.KindOptional}[word]
		of, fine := parseType(inner)
		return onnx.Type{Kind: kind, Of: &of}, fine
	case "map":
		key, value, _ := strings.Cut(inner, ",")
		elem, known := onnx.ParseElemType(key)
		of, fine := parseType(value)
		return onnx.Type{Kind: onnx.KindMap, Key: elem, Of: &of}, known && fine
	}
	return onnx.Type{}, false
}

// Every type of the standard is one that onnx.Type spells the same, and every parameter's type leads to a set.
func TestTypeSpelling(t *testing.T) {
	n := 0
	for s := range schema.Types() {
		n++
		if typ, fine := parseType(s); !fine || typ.String() != s {
			t.Errorf("type %q: onnx.Type spells it %q", s, typ)
		}
	}
	if n != 120 {
		t.Errorf("got %d types, want 120", n)
	}
	for op := range schema.All() {
		for _, p := range slices.Concat(op.Inputs.Params, op.Outputs.Params) {
			if op.Allowed(&p).Len() == 0 {
				t.Errorf("%v: parameter %q: type %q allows nothing", op, p.Name, p.Type)
			}
		}
	}
}

// The attribute types are onnx's, number by number.
func TestAttributeTypes(t *testing.T) {
	for n := range 16 {
		if got, want := schema.AttributeType(n).String(), onnx.AttributeType(n).String(); got != want {
			t.Errorf("attribute type %d: got %q, want %q", n, got, want)
		}
	}
	for got, want := range map[schema.AttributeType]onnx.AttributeType{
		schema.Float: onnx.AttributeFloat, schema.Int: onnx.AttributeInt, schema.String: onnx.AttributeString,
		schema.Tensor: onnx.AttributeTensor, schema.Graph: onnx.AttributeGraph, schema.Floats: onnx.AttributeFloats,
		schema.Ints: onnx.AttributeInts, schema.Strings: onnx.AttributeStrings, schema.Tensors: onnx.AttributeTensors,
		schema.Graphs: onnx.AttributeGraphs, schema.SparseTensor: onnx.AttributeSparseTensor,
		schema.SparseTensors: onnx.AttributeSparseTensors, schema.TypeProto: onnx.AttributeTypeProto,
		schema.TypeProtos: onnx.AttributeTypeProtos,
	} {
		if int32(got) != int32(want) {
			t.Errorf("attribute type %v: got number %d, want %d", got, got, want)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	allocs := testing.AllocsPerRun(100, func() {
		op, _ := schema.Lookup("", "Conv", 17)
		if set := op.Allowed(op.Input(0)); !set.Has("tensor(float)") || op.Attribute("group") == nil {
			t.Error("Conv does not take floats or has no group")
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a lookup, want 0", allocs)
	}
}

func BenchmarkLookup(b *testing.B) {
	for phrase, c := range map[string]struct{ domain, name string }{
		"default": {"", "MatMul"}, "ml": {"ai.onnx.ml", "TreeEnsemble"}, "unknown": {"", "Nonesuch"},
	} {
		b.Run(phrase, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				schema.Lookup(c.domain, c.name, 17)
			}
		})
	}
}

func BenchmarkTypeSetHas(b *testing.B) {
	identity, _ := schema.Lookup("", "Identity", 25)
	set, _ := identity.Constraint("V")
	b.ReportAllocs()
	for b.Loop() {
		set.Has("optional(seq(tensor(float)))")
	}
}
