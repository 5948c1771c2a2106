package ops

import (
	"fmt"
	"math"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// Normalisations over a part of the elements: y = (x-mean)/√(var+epsilon)·scale + bias, with n in the variance's denominator.
// InstanceNormalization over the spatial axes of every channel of x [batch, C, spatial…], scale and bias [C].
// GroupNormalization over groups of channels, scale and bias [C] · LayerNormalization over the axes from axis on; scale and bias
// broadcast to x; further outputs are the mean and 1/√(var+epsilon), [d…, 1…], in float or the type stash_type names ·
// RMSNormalization the same without mean and bias; y has the type of scale.
// InstanceNormalization 1 · 6: without consumed_inputs · 22: types. GroupNormalization 18: scale a group, withdrawn · 21: a channel.
// LayerNormalization 17. RMSNormalization 23.
// https://onnx.ai/onnx/operators/onnx__LayerNormalization.html

func normalizationFamily() []Meaning {
	return []Meaning{
		{Name: "InstanceNormalization", Class: Rounds, Upgrade: map[int64]Rewrite{6: dropConsumed}, Downgrade: map[int64]Rewrite{6: keep}, New: func(a *Attrs) Op {
			return groupNorm{epsilon: a.Float("epsilon")}
		}},
		{
			Name: "GroupNormalization", Class: Rounds, New: newGroupNorm,
			Upgrade: map[int64]Rewrite{21: groupNormUp21}, Downgrade: map[int64]Rewrite{21: groupNormDown21},
		},
		{Name: "LayerNormalization", Class: Rounds, New: func(a *Attrs) Op {
			return layerNorm{axis: a.Int("axis"), epsilon: a.Float("epsilon"), stash: a.Elem("stash_type", onnx.Float), outputs: a.Outputs()}
		}},
		{Name: "RMSNormalization", Class: Rounds, New: func(a *Attrs) Op {
			a.Elem("stash_type", onnx.Float) // the precision of intermediate results, which here is float64
			return layerNorm{axis: a.Int("axis"), epsilon: a.Float("epsilon"), rms: true, outputs: 1}
		}},
	}
}

// groupNorm normalises groups of channels; each channel is a group of its own where groups is 0.
type groupNorm struct {
	epsilon float32
	groups  int64
}

func newGroupNorm(a *Attrs) Op {
	a.Elem("stash_type", onnx.Float)
	g := groupNorm{epsilon: a.Float("epsilon"), groups: a.Int("num_groups")}
	if g.groups < 1 {
		a.Fail("attribute \"num_groups\": %d is not at least 1", g.groups)
	}
	return g
}

func (g groupNorm) Infer(_ *Env, in []Fact) ([]Fact, error) {
	if err := sameElems(in); err != nil {
		return nil, err
	}
	x := in[0]
	channels := onnx.UnknownDim()
	if x.Ranked() {
		if x.Rank() < 2 {
			return nil, fmt.Errorf("the input has %d axes, want [batch, channels, spatial…]", x.Rank())
		}
		channels = x.Dims()[1]
	}
	for i, name := range []string{"scale", "bias"} {
		if err := wantVector(in[i+1], name); err != nil {
			return nil, err
		}
		if in[i+1].Ranked() {
			if _, err := sameDim(channels, in[i+1].Dims()[0]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if g.groups > 0 && channels.Known() && channels.Value%g.groups != 0 {
		return nil, fmt.Errorf("%d channels do not divide into %d groups", channels.Value, g.groups)
	}
	return []Fact{{Type: x.Type}}, nil
}

func (g groupNorm) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	if isHalf(x.Type) {
		return throughFloat(env, g, in)
	}
	if x.Type != onnx.Float && x.Type != onnx.Double {
		return nil, unsupported(x.Type)
	}
	y, err := env.New(x.Type, x.Dims...)
	if err != nil {
		return nil, err
	}
	get, set, scale, bias := floatReader(x), floatWriter(y), floatReader(t[1]), floatReader(t[2])
	_, channels, plane := channelsOf(x.Dims)
	size := plane
	if g.groups > 0 {
		size = channels / int(g.groups) * plane
	}
	for first := 0; first < x.Len() && size > 0; first += size {
		mean, variance := moments(get, first, size)
		k := 1 / math.Sqrt(variance+float64(g.epsilon))
		for i := first; i < first+size; i++ {
			c := i / plane % channels
			set(i, (get(i)-mean)*k*scale(c)+bias(c))
		}
	}
	return []onnx.Value{y}, nil
}

// Specialize runs floats on the kernels.
func (g groupNorm) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	if !ok || in[0].Elem() != onnx.Float || len(sizes) < 2 || count(sizes) == 0 {
		return Step{}, false
	}
	_, channels, plane := channelsOf(sizes)
	size := plane
	if g.groups > 0 {
		size = channels / int(g.groups) * plane
	}
	return Step{InPlace: true, Run: func(f *Frame) error {
		t.Set.Normalize(t.Pool, kernels.Norm{Y: f.Out[0].Float32s(), X: f.In[0].Float32s(), Size: size, Epsilon: g.epsilon,
			Scale: f.In[1].Float32s(), Bias: f.In[2].Float32s(), Plane: plane})
		return nil
	}}, true
}

// moments gives mean and variance of n elements in a row.
func moments(x func(int) float64, first, n int) (mean, variance float64) {
	for i := first; i < first+n; i++ {
		mean += x(i)
	}
	mean /= float64(n)
	for i := first; i < first+n; i++ {
		variance += (x(i) - mean) * (x(i) - mean)
	}
	return mean, variance / float64(n)
}

type layerNorm struct {
	axis    int64
	epsilon float32
	stash   onnx.ElemType
	rms     bool
	outputs int
}

func (l layerNorm) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	y := Fact{Type: x.Type}
	stats := Unranked(l.stash)
	if l.rms {
		y.Type.Elem = in[1].Elem()
	}
	if x.Ranked() {
		axis, err := Axis(l.axis, x.Rank())
		if err != nil {
			return nil, err
		}
		for i, f := range in[1:] {
			if f.Absent() || !f.Ranked() {
				continue
			}
			if f.Rank() > x.Rank() {
				return nil, fmt.Errorf("input %d has more axes than x %s, to which it broadcasts", i+1, onnx.ShapeString(x.Dims()))
			}
			for k, d := range f.Dims() {
				if have := x.Dims()[x.Rank()-f.Rank()+k]; d.Known() && d.Value != 1 && have.Known() && have.Value != d.Value {
					return nil, fmt.Errorf("input %d %s does not broadcast to x %s", i+1, onnx.ShapeString(f.Dims()), onnx.ShapeString(x.Dims()))
				}
			}
		}
		dims := append([]onnx.Dim{}, x.Dims()...)
		for i := axis; i < len(dims); i++ {
			dims[i] = onnx.Fixed(1)
		}
		stats = Tensor(l.stash, dims...)
	}
	return []Fact{y, stats, stats}[:min(max(l.outputs, 1), 3)], nil
}

func (l layerNorm) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x, scale := t[0], t[1]
	for _, p := range t {
		if p != nil && isHalf(p.Type) {
			return throughFloat(env, l, in)
		}
	}
	axis, err := Axis(l.axis, len(x.Dims))
	if err != nil {
		return nil, err
	}
	elem := x.Type
	if l.rms {
		elem = scale.Type
	}
	y, err := env.New(elem, x.Dims...)
	if err != nil {
		return nil, err
	}
	dims := append([]int64{}, x.Dims...)
	for i := axis; i < len(dims); i++ {
		dims[i] = 1
	}
	stash := l.stash
	if l.rms {
		stash = onnx.Float
	}
	mean, err := env.New(stash, dims...)
	if err != nil {
		return nil, err
	}
	deviation, err := env.New(stash, dims...)
	if err != nil {
		return nil, err
	}
	get, set, factor := floatReader(x), floatWriter(y), floatReader(scale)
	putMean, putDeviation := floatWriter(mean), floatWriter(deviation)
	addend := func(int) float64 { return 0 }
	addendStrides := make([]int, len(x.Dims))
	if len(t) > 2 && t[2] != nil {
		addend, addendStrides = floatReader(t[2]), BroadcastStrides(t[2].Dims, x.Dims)
	}
	if get == nil || set == nil || factor == nil || addend == nil || putMean == nil {
		return nil, unsupported(x.Type)
	}
	size, line, i := count(x.Dims[axis:]), -1, 0
	var m, k float64
	Walk(x.Dims, func(at []int) {
		if i/size != line {
			line = i / size
			m, k = l.line(get, i, size)
			putMean(line, m)
			putDeviation(line, k)
		}
		set(i, (get(i)-m)*k*factor(at[0])+addend(at[1]))
		i++
	}, BroadcastStrides(scale.Dims, x.Dims), addendStrides)
	return []onnx.Value{y, mean, deviation}[:min(max(l.outputs, 1), 3)], nil
}

// line gives what is subtracted from the elements of a line and what they are multiplied by then.
func (l layerNorm) line(x func(int) float64, first, n int) (mean, factor float64) {
	if l.rms {
		squares := 0.0
		for i := first; i < first+n; i++ {
			squares += x(i) * x(i)
		}
		return 0, 1 / math.Sqrt(squares/float64(n)+float64(l.epsilon))
	}
	mean, variance := moments(x, first, n)
	return mean, 1 / math.Sqrt(variance+float64(l.epsilon))
}

// Specialize runs floats on the kernels where scale and bias are as large as a line and nothing but the result is asked for.
func (l layerNorm) Specialize(t Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, ok := in[0].Sizes()
	axis, err := Axis(l.axis, len(sizes))
	if !ok || err != nil || l.outputs > 1 || count(sizes) == 0 {
		return Step{}, false
	}
	size := count(sizes[axis:])
	for i, f := range in {
		if f.Absent() {
			continue
		}
		if dims, ok := f.Sizes(); !ok || f.Elem() != onnx.Float || i > 0 && count(dims) != size {
			return Step{}, false
		}
	}
	return Step{InPlace: true, Run: func(f *Frame) error {
		n := kernels.Norm{Y: f.Out[0].Float32s(), X: f.In[0].Float32s(), Size: size, Epsilon: l.epsilon, RMS: l.rms, Scale: f.In[1].Float32s()}
		if len(f.In) > 2 && f.In[2] != nil {
			n.Bias = f.In[2].Float32s()
		}
		t.Set.Normalize(t.Pool, n)
		return nil
	}}, true
}

// groupNormUp21 gives every channel the scale and bias of its group, [groups] → [channels].
func groupNormUp21(r *Rewriter) error {
	groups := r.Node.Attribute("num_groups")
	if groups == nil || groups.Int < 1 {
		return fmt.Errorf("attribute \"num_groups\" must be at least 1")
	}
	var each string // [groups, channels a group]
	if x := r.Fact(0); x.Ranked() && x.Rank() > 1 && x.Dims()[1].Known() {
		channels := x.Dims()[1].Value
		if channels%groups.Int != 0 {
			return fmt.Errorf("%d channels do not divide into %d groups", channels, groups.Int)
		}
		if channels == groups.Int {
			return r.Keep()
		}
		each = r.Const("each", onnx.FromInt64s([]int64{groups.Int, channels / groups.Int}))
	} else {
		count := r.Const("groups", onnx.FromInt64s([]int64{groups.Int}))
		channels := r.Emit("Shape", []string{r.Input(0)}, onnx.AttrInt("start", 1), onnx.AttrInt("end", 2))
		each = r.Emit("Concat", []string{count, r.Emit("Div", []string{channels, count})}, onnx.AttrInt("axis", 0))
	}
	column := r.Const("column", onnx.FromInt64s([]int64{groups.Int, 1}))
	flat := r.Const("flat", onnx.FromInt64s([]int64{-1}))
	for i := 1; i <= 2; i++ {
		spread := r.Emit("Expand", []string{r.Emit("Reshape", []string{r.Input(i), column}), each})
		r.SetInput(i, r.Emit("Reshape", []string{spread, flat}))
	}
	return r.Keep()
}

func groupNormDown21(*Rewriter) error {
	return fmt.Errorf("version 18 was taken back by the standard and is not written")
}
