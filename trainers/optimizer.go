package trainers

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Optimizer says how parameters are updated: PyTorch's rules. Fields that the named rule does not have are zero.
type Optimizer struct {
	Name         string  // sgd, rmsprop, adam, adamw, adagrad or adadelta
	LearningRate float64 //
	Momentum     float64 // sgd, rmsprop
	Nesterov     bool    // sgd
	Rho          float64 // rmsprop (PyTorch's alpha), adadelta
	Beta1, Beta2 float64 // adam, adamw
	Epsilon      float64 // outside the root, but for adadelta
	Decay        float64 // adagrad: of the learning rate
	WeightDecay  float64 // added to the gradient; in adamw apart from it
}

// optimizers gives the rules with their defaults.
func optimizers() []Optimizer {
	return []Optimizer{
		{Name: "sgd", LearningRate: 0.01},
		{Name: "rmsprop", LearningRate: 0.01, Rho: 0.99, Epsilon: 1e-8},
		{Name: "adam", LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8},
		{Name: "adamw", LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01},
		{Name: "adagrad", LearningRate: 0.01, Epsilon: 1e-10},
		{Name: "adadelta", LearningRate: 1, Rho: 0.9, Epsilon: 1e-6},
	}
}

// number is a key of an optimizer or schedule with the values it takes.
type number struct {
	key      string
	value    *float64
	least    float64
	positive bool    // least itself is not taken
	below    float64 // 0: no bound
}

// set reads the value, or says what is taken.
func (n number) set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s: %q is not a number", n.key, text)
	}
	if v < n.least || n.positive && v == n.least || n.below != 0 && v >= n.below {
		bound := fmt.Sprintf("at least %g", n.least)
		if n.positive {
			bound = fmt.Sprintf("more than %g", n.least)
		}
		if n.below != 0 {
			bound += fmt.Sprintf(" and below %g", n.below)
		}
		return fmt.Errorf("%s: %s is out of range, want %s", n.key, text, bound)
	}
	*n.value = v
	return nil
}

// numbers lists the keys of the rule.
func (o *Optimizer) numbers() []number {
	list := []number{{key: "learning_rate", value: &o.LearningRate, positive: true}}
	momentum := number{key: "momentum", value: &o.Momentum, below: 1}
	rho := number{key: "rho", value: &o.Rho, below: 1}
	eps := number{key: "eps", value: &o.Epsilon}
	switch o.Name {
	case "sgd":
		list = append(list, momentum)
	case "rmsprop":
		list = append(list, rho, eps, momentum)
	case "adam", "adamw":
		list = append(list, number{key: "beta1", value: &o.Beta1, below: 1}, number{key: "beta2", value: &o.Beta2, below: 1}, eps)
	case "adagrad":
		list = append(list, number{key: "lr_decay", value: &o.Decay}, eps)
	case "adadelta":
		list = append(list, rho, eps)
	}
	return append(list, number{key: "weight_decay", value: &o.WeightDecay})
}

// ParseOptimizer reads NAME[:key=value,...]. Names: sgd, rmsprop, adam, adamw, adagrad, adadelta. Keys: learning_rate,
// weight_decay and those of the rule: momentum, nesterov, rho, eps, beta1, beta2, lr_decay. What is left out has its default.
func ParseOptimizer(text string) (Optimizer, error) {
	name, rest, more := strings.Cut(text, ":")
	all := optimizers()
	at := slices.IndexFunc(all, func(o Optimizer) bool { return o.Name == name })
	if at < 0 {
		names := make([]string, len(all))
		for i, o := range all {
			names[i] = o.Name
		}
		return Optimizer{}, fmt.Errorf("optimizer %q: there is none of that name; there are %s", name, strings.Join(names, ", "))
	}
	o := all[at]
	if !more {
		return o, nil
	}
	fail := func(err error) (Optimizer, error) { return Optimizer{}, fmt.Errorf("optimizer %s: %w", name, err) }
	pairs, err := settings(rest)
	if err != nil {
		return fail(err)
	}
	numbers := o.numbers()
	for _, p := range pairs {
		if p.key == "nesterov" && name == "sgd" {
			if o.Nesterov, err = strconv.ParseBool(p.value); err != nil {
				return fail(fmt.Errorf("nesterov: %q is neither true nor false", p.value))
			}
			continue
		}
		at := slices.IndexFunc(numbers, func(n number) bool { return n.key == p.key })
		if at < 0 {
			keys := make([]string, len(numbers))
			for i, n := range numbers {
				keys[i] = n.key
			}
			if name == "sgd" {
				keys = append(keys, "nesterov")
			}
			return fail(fmt.Errorf("%q is not one of its keys: %s", p.key, strings.Join(keys, ", ")))
		}
		if err := numbers[at].set(p.value); err != nil {
			return fail(err)
		}
	}
	if o.Nesterov && o.Momentum == 0 {
		return fail(fmt.Errorf("nesterov needs a momentum above 0"))
	}
	return o, nil
}

// String writes the optimizer as ParseOptimizer reads it, every key given.
func (o Optimizer) String() string {
	parts := make([]string, 0, 8)
	for _, n := range o.numbers() {
		parts = append(parts, n.key+"="+strconv.FormatFloat(*n.value, 'g', -1, 64))
	}
	if o.Name == "sgd" {
		parts = append(parts, fmt.Sprintf("nesterov=%t", o.Nesterov))
	}
	return o.Name + ":" + strings.Join(parts, ",")
}

// setting is one key=value.
type setting struct{ key, value string }

// settings splits key=value,key=value; no key may be there twice.
func settings(text string) ([]setting, error) {
	var list []setting
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("%q is not key=value", part)
		}
		if slices.ContainsFunc(list, func(s setting) bool { return s.key == key }) {
			return nil, fmt.Errorf("%s is given twice", key)
		}
		list = append(list, setting{key, value})
	}
	return list, nil
}
