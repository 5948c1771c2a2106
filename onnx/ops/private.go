package ops

import (
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/schema"
)

// StopGradient (domain com.github.gonyx): y = x, and a constant to gradients. It stands in training graphs; exporters write it as
// Identity. Shapes: any.

func privateFamily() []Meaning {
	return append(fusedFamily(),
		Meaning{Domain: onnx.DomainPrivate, Name: "StopGradient", Class: Exact, New: func(*Attrs) Op { return identity{} }})
}

// privateSchema gives the schema of an operator of the private domain.
func privateSchema(name string) (*schema.Op, bool) {
	if name == FusedPrefix+"QLinearMatMul" {
		return fusedProductSchema()
	}
	if base, ok := strings.CutPrefix(name, FusedPrefix); ok {
		return fusedSchema(base)
	}
	for i := range privateSchemas {
		if privateSchemas[i].Name == name {
			return &privateSchemas[i], true
		}
	}
	return nil, false
}

// privateSchemas is never written.
var privateSchemas = [...]schema.Op{{
	Domain: onnx.DomainPrivate, Name: "StopGradient", Since: 1,
	Inputs:  schema.Arity{Min: 1, Max: 1, Params: []schema.Param{{Name: "input", Type: "tensor(float)"}}},
	Outputs: schema.Arity{Min: 1, Max: 1, Params: []schema.Param{{Name: "output", Type: "tensor(float)"}}},
}}

// identity hands its input on.
type identity struct{}

func (identity) Infer(_ *Env, in []Fact) ([]Fact, error) { return in[:1], nil }

func (identity) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) { return in[:1], nil }
