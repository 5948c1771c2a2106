package schema_test

import (
	"testing"

	"github.com/gonyx/gonyx/onnx/schema"
)

func TestCompatibility(t *testing.T) {
	for phrase, c := range map[string]struct {
		name         string
		older, newer int64
		superset     bool
		sameButTypes bool
	}{
		"only more types":                            {"Conv", 11, 22, true, true},
		"a version and itself":                       {"Conv", 11, 11, true, true},
		"fewer types":                                {"Conv", 22, 11, false, true},
		"a new attribute with a default":             {"Reshape", 13, 14, true, false},
		"an attribute lost":                          {"Reshape", 14, 13, false, false},
		"an attribute became an input":               {"Reshape", 1, 5, false, false},
		"another default":                            {"Softmax", 11, 13, false, false},
		"same defaults":                              {"Softmax", 1, 11, true, true},
		"an input became optional":                   {"Gemm", 9, 11, true, false},
		"a new optional input":                       {"Pad", 13, 18, true, false},
		"outputs lost":                               {"BatchNormalization", 9, 14, false, false},
		"another output type":                        {"Dropout", 7, 10, false, true},
		"a default became a required attribute":      {"Concat", 1, 4, false, false},
		"an attribute changed its type":              {"Cast", 1, 6, false, false},
		"two types no longer tied to each other":     {"BatchNormalization", 14, 15, true, true},
		"two types newly tied to each other":         {"BatchNormalization", 15, 14, false, true},
		"variadic and heterogeneous, more types":     {"Loop", 11, 13, true, true},
		"integers lost":                              {"ReduceLogSum", 18, 28, false, true},
		"deprecated":                                 {"Upsample", 9, 10, false, false},
		"after a withdrawn one":                      {"GroupNormalization", 18, 21, false, false},
		"two steps, each a superset":                 {"Reshape", 5, 25, true, false},
		"an attribute became an input, most outputs": {"Split", 11, 13, false, false},
	} {
		older, newer := lookup(t, "", c.name, c.older), lookup(t, "", c.name, c.newer)
		if older.Since != c.older || newer.Since != c.newer {
			t.Fatalf("%s: got versions %v and %v, want %d and %d", phrase, older, newer, c.older, c.newer)
		}
		if got := schema.Superset(older, newer); got != c.superset {
			t.Errorf("%s: Superset(%v, %v): got %v, want %v", phrase, older, newer, got, c.superset)
		}
		if got := schema.SameButTypes(older, newer); got != c.sameButTypes {
			t.Errorf("%s: SameButTypes(%v, %v): got %v, want %v", phrase, older, newer, got, c.sameButTypes)
		}
	}
	if relu, elu := lookup(t, "", "Relu", 14), lookup(t, "", "Abs", 13); schema.Superset(elu, relu) || schema.SameButTypes(elu, relu) {
		t.Error("Abs and Relu: got compatible, want versions of one operator alone to be")
	}
}

// Superset is reflexive but for deprecated and withdrawn versions, and transitive along every operator's versions.
func TestSupersetLaws(t *testing.T) {
	for op := range schema.All() {
		if got := schema.Superset(op, op); got == (op.Deprecated || op.Withdrawn) {
			t.Errorf("Superset(%v, itself): got %v, deprecated %v", op, got, op.Deprecated)
		}
		versions := schema.Versions(op.Domain, op.Name)
		for i := range versions {
			if schema.SameButTypes(op, versions[i]) != schema.SameButTypes(versions[i], op) {
				t.Errorf("SameButTypes(%v, %v) depends on the order", op, versions[i])
			}
			for j := i + 1; j < len(versions); j++ {
				if schema.Superset(op, versions[i]) && schema.Superset(versions[i], versions[j]) && !schema.Superset(op, versions[j]) {
					t.Errorf("Superset holds from %v to %v to %v but not from first to last", op, versions[i], versions[j])
				}
			}
		}
	}
}
