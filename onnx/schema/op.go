package schema

import (
	"math"
	"slices"
	"strconv"
)

// Op is one version of one operator, valid from opset Since of its domain until the next version.
//
// Of a deprecated version the standard says no more than that: its inputs, outputs and attributes are empty. A withdrawn one
// is not marked deprecated here and has them.
type Op struct {
	Domain     string // "" for the default domain
	Name       string
	Since      int64
	Deprecated bool // the operator must no longer be used from opset Since on
	Withdrawn  bool // it brought the operator and a later release took it back: models use it, new ones must not
	Inputs     Arity
	Outputs    Arity
	Attributes []Attribute  // sorted by name
	Types      []Constraint // sorted by variable
}

// Arity says how many inputs or outputs a node may have, and what they are.
type Arity struct {
	Min    int // a node has at least so many; each that is not optional is present
	Max    int // and at most so many; -1 where there is no bound
	Params []Param
}

// Param describes an input or output. A variadic one is the last and stands for all that follow.
type Param struct {
	Name          string
	Type          string // a variable of [Op.Types], or a type such as "tensor(int64)"
	Optional      bool   // may be left out, with an empty name where others follow
	Variadic      bool
	Heterogeneous bool // of a variadic one: its values may differ in type
}

// Attribute describes an attribute. One that is neither required nor has a default may be absent; what it then means
// the standard says in prose.
type Attribute struct {
	Name     string
	Type     AttributeType
	Required bool
	Default  *Value // nil where the schema states none; the same value for equal defaults
}

// HasDefault says whether the schema states a default.
func (a *Attribute) HasDefault() bool { return a.Default != nil }

// Value is the default of an attribute. Type says which of the others counts.
type Value struct {
	Type AttributeType // Int, Float, String, Ints or Strings
	bits uint32        // of a float
	Int  int64
	Str  string
	Ints []int64
	Strs []string
}

// Float gives the value of a float default.
func (v *Value) Float() float32 { return math.Float32frombits(v.bits) }

// Equal compares two defaults, floats bit by bit; nil is equal to nil alone.
func (v *Value) Equal(w *Value) bool {
	if v == nil || w == nil {
		return v == w
	}
	return v.Type == w.Type && v.bits == w.bits && v.Int == w.Int && v.Str == w.Str &&
		slices.Equal(v.Ints, w.Ints) && slices.Equal(v.Strs, w.Strs)
}

// AttributeType says of what type an attribute is. The numbers are the format's (AttributeProto.AttributeType).
type AttributeType int32

// The attribute types.
const (
	Float         AttributeType = 1
	Int           AttributeType = 2
	String        AttributeType = 3
	Tensor        AttributeType = 4
	Graph         AttributeType = 5
	Floats        AttributeType = 6
	Ints          AttributeType = 7
	Strings       AttributeType = 8
	Tensors       AttributeType = 9
	Graphs        AttributeType = 10
	SparseTensor  AttributeType = 11
	SparseTensors AttributeType = 12
	TypeProto     AttributeType = 13
	TypeProtos    AttributeType = 14
)

// String gives the standard's word for the type: "int", "list of ints", …
func (t AttributeType) String() string {
	names := [...]string{"undefined", "float", "int", "string", "tensor", "graph", "list of floats", "list of ints",
		"list of strings", "list of tensors", "list of graphs", "sparse_tensor", "list of sparse_tensors", "type_proto",
		"list of type_protos"}
	if t < 0 || int(t) >= len(names) {
		return "unknown attribute type"
	}
	return names[t]
}

// String gives name and version, with the domain unless it is the default one: "Conv-11", "ai.onnx.ml.Scaler-1".
func (o *Op) String() string {
	s := o.Name + "-" + strconv.FormatInt(o.Since, 10)
	if o.Domain != "" {
		s = o.Domain + "." + s
	}
	return s
}

// Attribute gives the attribute of that name, or nil.
func (o *Op) Attribute(name string) *Attribute {
	for i := range o.Attributes {
		if o.Attributes[i].Name == name {
			return &o.Attributes[i]
		}
	}
	return nil
}

// Constraint gives the types that a type variable may be; false where the operator has no such variable.
func (o *Op) Constraint(variable string) (TypeSet, bool) {
	for i := range o.Types {
		if o.Types[i].Variable == variable {
			return o.Types[i].Types, true
		}
	}
	return TypeSet{}, false
}

// Allowed gives the types that a parameter may have by itself: those of its variable, or the one it names.
func (o *Op) Allowed(p *Param) TypeSet {
	if set, found := o.Constraint(p.Type); found {
		return set
	}
	return setOf(p.Type)
}

// Input describes a node's input at index i, or gives nil where the operator has none there.
func (o *Op) Input(i int) *Param { return o.Inputs.at(i) }

// Output describes a node's output at index i, or gives nil where the operator has none there.
func (o *Op) Output(i int) *Param { return o.Outputs.at(i) }

func (a *Arity) at(i int) *Param {
	switch last := len(a.Params) - 1; {
	case i < 0 || last < 0:
		return nil
	case i <= last:
		return &a.Params[i]
	case a.Params[last].Variadic:
		return &a.Params[last]
	}
	return nil
}

// Takes says whether a node may have n inputs, or outputs.
func (a *Arity) Takes(n int) bool { return n >= a.Min && (a.Max < 0 || n <= a.Max) }
