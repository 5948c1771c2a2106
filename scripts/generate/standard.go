package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed onnx-1.23.json
var changelogJSON []byte

//go:embed onnx-1.23-registry.json
var registryJSON []byte

//go:embed onnx-1.23-withdrawn.json
var withdrawnJSON []byte

//go:embed exact-defaults.json
var exactJSON []byte

// input is a file of operator versions. No version stands in two of them, but that a withdrawn one takes the place of what the
// Changelog has of it, which is that it is deprecated.
type input struct {
	name string
	text []byte
}

func inputs() []input {
	return []input{{"onnx-1.23.json", changelogJSON}, {"onnx-1.23-registry.json", registryJSON}, {"onnx-1.23-withdrawn.json", withdrawnJSON}}
}

// standard is what an [input] holds.
type standard struct {
	Source    string     `json:"source"`
	Operators []operator `json:"operators"`
}

type operator struct {
	Domain     string              `json:"domain"`
	Name       string              `json:"name"`
	Since      int64               `json:"since"`
	Deprecated bool                `json:"deprecated"`
	Withdrawn  bool                `json:"withdrawn"`
	Inputs     arity               `json:"inputs"`
	Outputs    arity               `json:"outputs"`
	Attributes []attribute         `json:"attributes"`
	Types      map[string][]string `json:"types"`
}

func (o *operator) String() string { return fmt.Sprintf("%q %s-%d", o.Domain, o.Name, o.Since) }

type arity struct {
	Min    int     `json:"min"`
	Max    int     `json:"max"`
	Params []param `json:"params"`
}

type param struct {
	Name          string `json:"name"`
	Type          string `json:"type"`
	Optional      bool   `json:"optional"`
	Variadic      bool   `json:"variadic"`
	Heterogeneous bool   `json:"heterogeneous"`
}

type attribute struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Required bool    `json:"required"`
	Default  *string `json:"default"` // as the standard prints it
}

// exactDefaults is exact-defaults.json.
type exactDefaults struct {
	Source   string `json:"source"`
	Defaults []struct {
		Domain    string `json:"domain"`
		Name      string `json:"name"`
		Since     int64  `json:"since"`
		Attribute string `json:"attribute"`
		Printed   string `json:"printed"`
		Value     string `json:"value"`
	} `json:"defaults"`
}

func decodeStrictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// readStandard reads the inputs, sorts operators by domain, name and version, spells types one way, puts exact
// defaults in place, and refuses whatever does not hang together.
func readStandard(inputs []input, exact []byte) ([]operator, error) {
	var ops []operator
	for _, in := range inputs {
		var s standard
		if err := decodeStrictly(in.text, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", in.name, err)
		}
		for i := range s.Operators {
			if err := s.Operators[i].settle(); err != nil {
				return nil, fmt.Errorf("%s: %v: %w", in.name, &s.Operators[i], err)
			}
		}
		ops = append(ops, s.Operators...)
	}
	slices.SortFunc(ops, func(a, b operator) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Since, b.Since))
	})
	if err := replaceWithdrawn(&ops); err != nil {
		return nil, err
	}
	for i := 1; i < len(ops); i++ {
		if o := &ops[i]; o.Domain == ops[i-1].Domain && o.Name == ops[i-1].Name && o.Since == ops[i-1].Since {
			return nil, fmt.Errorf("%v: stated twice", o)
		}
	}
	var e exactDefaults
	if err := decodeStrictly(exact, &e); err != nil {
		return nil, fmt.Errorf("exact-defaults.json: %w", err)
	}
	for _, d := range e.Defaults {
		place := fmt.Sprintf("exact-defaults.json: %q %s-%d: attribute %q", d.Domain, d.Name, d.Since, d.Attribute)
		i := slices.IndexFunc(ops, func(o operator) bool {
			return o.Domain == d.Domain && o.Name == d.Name && o.Since == d.Since
		})
		if i < 0 {
			return nil, fmt.Errorf("%s: no such operator version", place)
		}
		j := slices.IndexFunc(ops[i].Attributes, func(a attribute) bool { return a.Name == d.Attribute })
		if j < 0 || ops[i].Attributes[j].Default == nil {
			return nil, fmt.Errorf("%s: no such default", place)
		}
		a := &ops[i].Attributes[j]
		if *a.Default != d.Printed {
			return nil, fmt.Errorf("%s: the standard now prints %q, not %q: look the value up again", place, *a.Default, d.Printed)
		}
		a.Default = &d.Value
	}
	return ops, nil
}

// replaceWithdrawn drops the deprecated versions of which a withdrawn one says more. Operators are sorted.
func replaceWithdrawn(ops *[]operator) error {
	for i := range *ops {
		o := &(*ops)[i]
		if !o.Withdrawn {
			continue
		}
		if !slices.ContainsFunc(*ops, func(d operator) bool {
			return d.Deprecated && d.Domain == o.Domain && d.Name == o.Name && d.Since == o.Since
		}) {
			return fmt.Errorf("%v: withdrawn, but not deprecated", o)
		}
	}
	withdrawn := make(map[string]bool)
	for i := range *ops {
		if o := &(*ops)[i]; o.Withdrawn {
			withdrawn[o.String()] = true
		}
	}
	*ops = slices.DeleteFunc(*ops, func(o operator) bool { return o.Deprecated && withdrawn[o.String()] })
	return nil
}

// settle checks one operator and spells its types in one way.
func (o *operator) settle() error {
	if o.Name == "" || o.Since < 1 {
		return fmt.Errorf("an operator needs a name and a version")
	}
	if o.Deprecated && (o.Inputs.Params != nil || o.Outputs.Params != nil || o.Attributes != nil || o.Types != nil) {
		return fmt.Errorf("a deprecated version states parameters, attributes or types; this generator expects none")
	}
	for variable, types := range o.Types {
		if _, err := spellType(variable); err == nil {
			return fmt.Errorf("type variable %q is a type", variable)
		}
		for i, t := range types {
			spelled, err := spellType(t)
			if err != nil {
				return fmt.Errorf("type variable %q: %w", variable, err)
			}
			types[i] = spelled
		}
	}
	if err := o.Inputs.settle(o.Types); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if err := o.Outputs.settle(o.Types); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	slices.SortFunc(o.Attributes, func(a, b attribute) int { return cmp.Compare(a.Name, b.Name) })
	for i, a := range o.Attributes {
		if i > 0 && a.Name == o.Attributes[i-1].Name {
			return fmt.Errorf("attribute %q is stated twice", a.Name)
		}
		if a.Required && a.Default != nil {
			return fmt.Errorf("attribute %q is required and has a default", a.Name)
		}
	}
	return nil
}

// settle checks that the bounds follow from the parameters and that each parameter's type is known.
func (a *arity) settle(variables map[string][]string) error {
	most, least := len(a.Params), 0
	for i := range a.Params {
		p := &a.Params[i]
		switch {
		case p.Variadic && i != len(a.Params)-1:
			return fmt.Errorf("parameter %q is variadic and not the last", p.Name)
		case p.Variadic && p.Optional:
			return fmt.Errorf("parameter %q is both variadic and optional", p.Name)
		case p.Heterogeneous && !p.Variadic:
			return fmt.Errorf("parameter %q is heterogeneous and not variadic", p.Name)
		case p.Variadic:
			most = -1
		case !p.Optional:
			least = i + 1
		}
		if _, variable := variables[p.Type]; variable {
			continue
		}
		spelled, err := spellType(p.Type)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		p.Type = spelled
	}
	if a.Max != most || a.Min < least || (most >= 0 && a.Min != least) {
		return fmt.Errorf("bounds %d to %d do not follow from the parameters, which take %d to %d", a.Min, a.Max, least, most)
	}
	return nil
}
