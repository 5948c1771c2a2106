package schema

import (
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// Constraint says which types a type variable of an operator may be. In a node all parameters of one
// variable have the same type, but for those marked heterogeneous.
type Constraint struct {
	Variable string
	Types    TypeSet
}

// TypeSet is a set of the types that the standard names. Types are spelled without spaces and without shapes, as
// onnx.Type prints them: "tensor(float)", "seq(tensor(int64))", "optional(tensor(bool))", "map(int64,tensor(float))".
type TypeSet [2]uint64

// Types gives every type that some operator of the standard takes or gives, sorted.
func Types() iter.Seq[string] { return slices.Values(typeNames[:]) }

func setOf(typ string) TypeSet {
	var s TypeSet
	if i, found := slices.BinarySearch(typeNames[:], typ); found {
		s[i/64] = 1 << (i % 64)
	}
	return s
}

// Has says whether the type is in the set. A spelling the standard does not name is in none.
func (s TypeSet) Has(typ string) bool {
	one := setOf(typ)
	return s[0]&one[0]|s[1]&one[1] != 0
}

// Includes says whether every type of the other set is in this one.
func (s TypeSet) Includes(other TypeSet) bool {
	return other[0]&^s[0] == 0 && other[1]&^s[1] == 0
}

// Len gives the number of types.
func (s TypeSet) Len() int { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }

// All gives the types, sorted.
func (s TypeSet) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, name := range typeNames {
			if s[i/64]>>(i%64)&1 != 0 && !yield(name) {
				return
			}
		}
	}
}

// String lists the types, sorted: "tensor(double), tensor(float)".
func (s TypeSet) String() string { return strings.Join(slices.Collect(s.All()), ", ") }
