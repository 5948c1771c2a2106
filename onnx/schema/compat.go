package schema

import "slices"

// Superset says whether, by the tables alone, newer takes every node that older takes and reads the same from it: the
// parameters of older stand at the same places, no narrower and no more tied to each other in type; what newer adds may
// be left out; every attribute of older is there with its type and default. It is false where either is deprecated or
// withdrawn, or they are versions of different operators.
//
// A node may then be lifted by raising the opset alone, unless the meaning changed where only prose says so: RoiAlign-16
// has a new attribute whose default is not what version 10 did, and Split-18 wants num_outputs where split is absent.
func Superset(older, newer *Op) bool {
	if !sameOperator(older, newer) || !arityWithin(&older.Inputs, &newer.Inputs) || !arityWithin(&older.Outputs, &newer.Outputs) {
		return false
	}
	for i := range older.Attributes {
		a := &older.Attributes[i]
		b := newer.Attribute(a.Name)
		if b == nil || b.Type != a.Type || b.Required && !a.Required || !b.Required && !b.Default.Equal(a.Default) {
			return false
		}
	}
	for i := range newer.Attributes {
		if b := &newer.Attributes[i]; b.Required && older.Attribute(b.Name) == nil {
			return false
		}
	}
	return typesWithin(older, newer)
}

// SameButTypes says whether two versions of an operator have the same parameters and attributes and differ at most in
// the types they take. A node whose types both take may then be raised or lowered between them by changing the opset
// alone, unless the meaning changed where only prose says so. It is false where either is deprecated or withdrawn.
func SameButTypes(a, b *Op) bool {
	return sameOperator(a, b) && sameShape(&a.Inputs, &b.Inputs) && sameShape(&a.Outputs, &b.Outputs) &&
		slices.EqualFunc(a.Attributes, b.Attributes, func(x, y Attribute) bool {
			return x.Name == y.Name && x.Type == y.Type && x.Required == y.Required && x.Default.Equal(y.Default)
		})
}

func sameOperator(a, b *Op) bool {
	return a.Domain == b.Domain && a.Name == b.Name && !a.Deprecated && !b.Deprecated && !a.Withdrawn && !b.Withdrawn
}

func sameShape(a, b *Arity) bool {
	return a.Min == b.Min && a.Max == b.Max && slices.EqualFunc(a.Params, b.Params, func(p, q Param) bool {
		return p.Optional == q.Optional && p.Variadic == q.Variadic && p.Heterogeneous == q.Heterogeneous
	})
}

// arityWithin says whether newer takes every number of parameters that older takes, with the same ones left out.
func arityWithin(older, newer *Arity) bool {
	if newer.Min > older.Min || newer.Max >= 0 && (older.Max < 0 || newer.Max < older.Max) {
		return false
	}
	for i := range older.Params {
		p, q := &older.Params[i], newer.at(i)
		if q == nil || p.Optional && !q.Optional || p.Variadic && !q.Variadic || p.Heterogeneous && !q.Heterogeneous {
			return false
		}
		if p.Variadic && i != len(newer.Params)-1 { // newer describes a later place by a parameter of its own
			return false
		}
	}
	return true
}

// typesWithin says whether newer takes all types that older takes: each parameter by itself, and together, since two
// parameters of one variable have one type.
func typesWithin(older, newer *Op) bool {
	type pair struct{ p, q *Param }
	pairs := make([]pair, 0, len(older.Inputs.Params)+len(older.Outputs.Params))
	for i := range older.Inputs.Params {
		pairs = append(pairs, pair{&older.Inputs.Params[i], newer.Inputs.at(i)})
	}
	for i := range older.Outputs.Params {
		pairs = append(pairs, pair{&older.Outputs.Params[i], newer.Outputs.at(i)})
	}
	for i, x := range pairs {
		if !newer.Allowed(x.q).Includes(older.Allowed(x.p)) {
			return false
		}
		for _, y := range pairs[:i] {
			_, variable := newer.Constraint(x.q.Type)
			tied := variable && x.q.Type == y.q.Type && !x.q.Heterogeneous && !y.q.Heterogeneous
			if tied && x.p.Type != y.p.Type {
				return false
			}
		}
	}
	return true
}
