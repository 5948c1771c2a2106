package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// DepthToSpace: channels spread over blocks of b×b places. input any [N, C, H, W] → [N, C/b², H·b, W·b].
// Place (r, s) of a block is channel (r·b+s)·C/b²+c (mode DCR) or c·b²+r·b+s (CRD).
// 1: first · 11: mode · 13: types.
// https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
//
// SpaceToDepth: the way back of DCR. input any [N, C, H, W] → [N, C·b², H/b, W/b].
// 1: first · 13: types.
// https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html

func depthToSpaceFamily() []Meaning {
	return []Meaning{
		{Name: "DepthToSpace", Class: Exact, New: func(a *Attrs) Op {
			return depthToSpace{block: readBlock(a), columnFirst: a.OneOf("mode", "DCR", "CRD") == "CRD"}
		}},
		{Name: "SpaceToDepth", Class: Exact, New: func(a *Attrs) Op { return spaceToDepth{readBlock(a)} }},
	}
}

func readBlock(a *Attrs) int64 {
	b := a.Int("blocksize")
	if b < 1 || b > 1<<20 {
		a.Fail("attribute \"blocksize\" is %d, want at least 1", b)
	}
	return b
}

type depthToSpace struct {
	block       int64
	columnFirst bool
}

func wantImage(x Fact) error {
	if x.Ranked() && x.Rank() != 4 {
		return fmt.Errorf("the input has %d axes, want [batch, channels, height, width]", x.Rank())
	}
	return nil
}

func divided(d onnx.Dim, by int64, what string) (onnx.Dim, error) {
	switch {
	case by == 1:
		return d, nil
	case !d.Known():
		return onnx.UnknownDim(), nil
	case d.Value%by != 0:
		return d, fmt.Errorf("%d %s do not divide by %d", d.Value, what, by)
	}
	return onnx.Fixed(d.Value / by), nil
}

func multiplied(d onnx.Dim, by int64) onnx.Dim { return productDim([]onnx.Dim{d, onnx.Fixed(by)}) }

func (d depthToSpace) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantImage(x); err != nil {
		return nil, err
	}
	if !x.Ranked() {
		return []Fact{Tensor(x.Elem(), unknownDims(4)...)}, nil
	}
	c, err := divided(x.Dims()[1], d.block*d.block, "channels")
	if err != nil {
		return nil, err
	}
	return []Fact{Tensor(x.Elem(), x.Dims()[0], c, multiplied(x.Dims()[2], d.block), multiplied(x.Dims()[3], d.block))}, nil
}

// strided reads channel c of place (r, s) at axes n, c, h, r, w, s of the result.
func (d depthToSpace) strided(dims []int64) (l strided, out []int64) {
	n, c, h, w, b := dims[0], dims[1]/(d.block*d.block), dims[2], dims[3], d.block
	s := Strides(dims)
	row, col, channel := int(b*c)*s[1], int(c)*s[1], s[1]
	if d.columnFirst {
		row, col, channel = int(b)*s[1], s[1], int(b*b)*s[1]
	}
	return strided{
		dims:  []int64{n, c, h, b, w, b},
		steps: []int{s[0], channel, s[2], row, s[3], col},
	}, []int64{n, c, h * b, w * b}
}

func (d depthToSpace) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	l, dims := d.strided(x.Dims)
	y, err := l.eval(env, x)
	if err != nil {
		return nil, err
	}
	return []onnx.Value{withDims(y, dims)}, nil
}

func (d depthToSpace) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, _ := in[0].Sizes()
	l, _ := d.strided(sizes)
	return l.step(in[0].Elem())
}

type spaceToDepth struct{ block int64 }

func (d spaceToDepth) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantImage(x); err != nil {
		return nil, err
	}
	if !x.Ranked() {
		return []Fact{Tensor(x.Elem(), unknownDims(4)...)}, nil
	}
	h, err := divided(x.Dims()[2], d.block, "rows")
	if err != nil {
		return nil, err
	}
	w, err := divided(x.Dims()[3], d.block, "columns")
	if err != nil {
		return nil, err
	}
	return []Fact{Tensor(x.Elem(), x.Dims()[0], multiplied(x.Dims()[1], d.block*d.block), h, w)}, nil
}

// strided reads row h·b+r, column w·b+s of the input at axes n, r, s, c, h, w of the result.
func (d spaceToDepth) strided(dims []int64) (l strided, out []int64) {
	n, c, h, w, b := dims[0], dims[1], dims[2]/d.block, dims[3]/d.block, d.block
	s := Strides(dims)
	return strided{
		dims:  []int64{n, b, b, c, h, w},
		steps: []int{s[0], s[2], s[3], s[1], int(b) * s[2], int(b) * s[3]},
	}, []int64{n, b * b * c, h, w}
}

func (d spaceToDepth) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	l, dims := d.strided(x.Dims)
	y, err := l.eval(env, x)
	if err != nil {
		return nil, err
	}
	return []onnx.Value{withDims(y, dims)}, nil
}

func (d spaceToDepth) Specialize(_ Target, in []Fact, _ []*onnx.Tensor) (Step, bool) {
	sizes, _ := in[0].Sizes()
	l, _ := d.strided(sizes)
	return l.step(in[0].Elem())
}
