package ops

import (
	"fmt"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// Einsum: sums of products by Einstein's convention. The equation names the axes of every input by letters, "ij,jk->ik"; a letter that
// the result does not name is summed over, one that an input names twice is its diagonal, "..." stands for axes that broadcast.
// Without "->" the result has the broadcast axes, then the letters that stand once, in alphabetical order.
// Floats are summed in float64, integers wrap.
// 12: first.
// https://onnx.ai/onnx/operators/onnx__Einsum.html

func einsumFamily() []Meaning {
	return []Meaning{{Name: "Einsum", Class: Rounds, New: newEinsum}}
}

// einsum has a term for every input and for the result: a letter for every axis, with '.' for all the axes of an ellipsis.
type einsum struct {
	in  []string
	out string
}

func newEinsum(a *Attrs) Op {
	equation := strings.ReplaceAll(a.Str("equation"), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	e := einsum{in: strings.Split(strings.ReplaceAll(left, "...", "."), ","), out: strings.ReplaceAll(right, "...", ".")}
	if !explicit {
		e.out = implicitTerm(e.in)
	}
	for _, term := range append([]string{e.out}, e.in...) {
		for i, l := range term {
			if l != '.' && !(l >= 'a' && l <= 'z' || l >= 'A' && l <= 'Z') || l == '.' && strings.LastIndexByte(term, '.') != i {
				a.Fail("attribute \"equation\": %q is not made of letters and at most one \"...\" a term", equation)
			}
		}
	}
	for i, l := range e.out {
		if strings.LastIndexByte(e.out, byte(l)) != i || l != '.' && !strings.ContainsRune(left, l) {
			a.Fail("attribute \"equation\": %q: the result names %q twice, or no input does", equation, l)
		}
	}
	return e
}

func implicitTerm(in []string) string {
	all := strings.Join(in, "")
	term := ""
	if strings.Contains(all, ".") {
		term = "."
	}
	for _, l := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		if strings.Count(all, string(l)) == 1 {
			term += string(l)
		}
	}
	return term
}

// spelled writes the ellipsis of a term as so many axes, named by digits and what follows them, the last by the same name everywhere.
func spelled(term string, axes int) []rune {
	var out []rune
	for _, l := range term {
		if l != '.' {
			out = append(out, l)
			continue
		}
		for i := axes; i > 0; i-- {
			out = append(out, ellipsisAxis+rune(i))
		}
	}
	return out
}

// ellipsisAxis is beyond all letters.
const ellipsisAxis = 1 << 16

// labels gives the size of every axis that has a name, and the names of the axes of each input and of the result.
func (e einsum) labels(shapes [][]onnx.Dim) (sizes map[rune]onnx.Dim, in [][]rune, out []rune, err error) {
	if len(shapes) != len(e.in) {
		return nil, nil, nil, fmt.Errorf("the equation has %d terms for %d inputs", len(e.in), len(shapes))
	}
	sizes = make(map[rune]onnx.Dim)
	most := 0
	for i, dims := range shapes {
		axes := 0
		if strings.Contains(e.in[i], ".") {
			axes = len(dims) - (len(e.in[i]) - 1)
		}
		names := spelled(e.in[i], axes)
		if axes < 0 || len(names) != len(dims) {
			return nil, nil, nil, fmt.Errorf("term %q does not name the axes of input %d, %s", e.in[i], i, onnx.ShapeString(dims))
		}
		most = max(most, axes)
		for k, name := range names {
			have, ok := sizes[name]
			switch {
			case !ok:
				have = dims[k]
			case name > ellipsisAxis:
				have, err = broadcastDim(have, dims[k])
			case isSize(have, 1) || isSize(dims[k], 1):
				have, err = broadcastDim(have, dims[k])
			default:
				have, err = sameDim(have, dims[k])
			}
			if err != nil {
				return nil, nil, nil, fmt.Errorf("axis %d of input %d: %w", k, i, err)
			}
			sizes[name] = have
		}
		in = append(in, names)
	}
	return sizes, in, spelled(e.out, most), nil
}

func (e einsum) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	elem := elemOf(in)
	shapes := make([][]onnx.Dim, len(in))
	for i, f := range in {
		if !f.Ranked() {
			return []Fact{Unranked(elem)}, nil
		}
		shapes[i] = f.Dims()
	}
	sizes, _, out, err := e.labels(shapes)
	if err != nil {
		return nil, err
	}
	dims := make([]onnx.Dim, len(out))
	for i, name := range out {
		dims[i] = sizes[name]
	}
	return []Fact{Tensor(elem, dims...)}, nil
}

func (e einsum) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	if isHalf(t[0].Type) {
		return throughFloat(env, e, in)
	}
	shapes := make([][]onnx.Dim, len(t))
	for i, x := range t {
		shapes[i] = onnx.FixedDims(x.Dims...)
	}
	sizes, names, out, err := e.labels(shapes)
	if err != nil {
		return nil, err
	}
	// The axes of the result, then those that are summed over, with the steps that each input takes along them.
	all := append([]rune{}, out...)
	seen := make(map[rune]bool)
	for _, name := range out {
		seen[name] = true
	}
	for _, list := range names {
		for _, name := range list {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	dims := make([]int64, len(all))
	for i, name := range all {
		dims[i] = sizes[name].Value
	}
	const most = 1 << 36 // products; small inputs can ask for years of work
	if n, err := onnx.Elements(dims); err != nil || n > most {
		return nil, fmt.Errorf("the axes, of sizes %v together, ask for more than 2^36 products", dims)
	}
	steps := make([][]int, len(t))
	for i, x := range t {
		steps[i] = make([]int, len(all))
		own := Strides(x.Dims)
		for k, name := range names[i] {
			for a := range all {
				if all[a] == name && x.Dims[k] != 1 {
					steps[i][a] += own[k]
				}
			}
		}
	}
	y, err := env.New(t[0].Type, dims[:len(out)]...)
	if err != nil {
		return nil, err
	}
	p := contraction{env: env, dims: dims, kept: len(out), steps: steps}
	switch y.Type {
	case onnx.Float:
		err = contract[float32, float64](p, y, t)
	case onnx.Double:
		err = contract[float64, float64](p, y, t)
	case onnx.Int8:
		err = contract[int8, int64](p, y, t)
	case onnx.Int16:
		err = contract[int16, int64](p, y, t)
	case onnx.Int32:
		err = contract[int32, int64](p, y, t)
	case onnx.Int64:
		err = contract[int64, int64](p, y, t)
	case onnx.Uint8:
		err = contract[uint8, uint64](p, y, t)
	case onnx.Uint16:
		err = contract[uint16, uint64](p, y, t)
	case onnx.Uint32:
		err = contract[uint32, uint64](p, y, t)
	case onnx.Uint64:
		err = contract[uint64, uint64](p, y, t)
	default:
		err = unsupported(y.Type)
	}
	if err != nil {
		return nil, err
	}
	return []onnx.Value{y}, nil
}

// contraction is a loop over all named axes, the first of which the result keeps.
type contraction struct {
	env   *Env
	dims  []int64
	kept  int
	steps [][]int
}

// contract asks for the end of the run now and then: small inputs can have a long sum.
func contract[T number, W wide](p contraction, yt *onnx.Tensor, in []*onnx.Tensor) error {
	y := onnx.View[T](yt)
	data := make([][]T, len(in))
	outer, inner := make([][]int, len(in)), make([][]int, len(in))
	for i, t := range in {
		data[i], outer[i], inner[i] = onnx.View[T](t), p.steps[i][:p.kept], p.steps[i][p.kept:]
	}
	var err error
	i, done := 0, 0
	summed := count(p.dims[p.kept:])
	Walk(p.dims[:p.kept], func(base []int) {
		if done += summed; done > 1<<20 {
			done = 0
			if err == nil {
				err = p.env.Context().Err()
			}
		}
		if err != nil {
			return
		}
		sum := W(0)
		Walk(p.dims[p.kept:], func(at []int) {
			product := W(1)
			for k := range data {
				product *= W(data[k][base[k]+at[k]])
			}
			sum += product
		}, inner...)
		y[i] = T(sum)
		i++
	}, outer...)
	return err
}
