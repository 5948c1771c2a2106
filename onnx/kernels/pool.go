package kernels

import "math"

// PoolShape is a window that moves over planes [planes, H, W]. Strides and
// dilations of 0 mean 1. OH and OW are given, because rounding up is the caller's
// choice: a window may reach beyond the padding on the right and below.
type PoolShape struct {
	Planes                                 int // batch times channels
	H, W, OH, OW                           int
	KH, KW                                 int
	StrideH, StrideW, DilationH, DilationW int
	PadTop, PadLeft, PadBottom, PadRight   int
}

// MaxPool computes y [planes, OH, OW], the greatest of each window, NaN where one
// of it is. argmax, of y's length or nil, receives where in its plane the first
// greatest, or the last NaN, stands, h·W+w, and -1 (y is -Inf) for a window without an element.
func (s Set) MaxPool(p *Pool, sh PoolShape, x, y []float32, argmax []int32) {
	sh.check(x, y)
	if argmax != nil && len(argmax) != len(y) {
		panic("kernels: MaxPool: argmax has another length")
	}
	s.pool(p, poolTask{sh: sh, x: x, y: y, argmax: argmax, kind: maxForward})
}

// MaxPoolBackward computes dx [planes, H, W]: dy where argmax points, added up
// where windows share an element, 0 elsewhere.
func (s Set) MaxPoolBackward(p *Pool, sh PoolShape, dy []float32, argmax []int32, dx []float32) {
	sh.check(dx, dy)
	if len(argmax) != len(dy) {
		panic("kernels: MaxPoolBackward: argmax has another length")
	}
	s.pool(p, poolTask{sh: sh, x: dx, y: dy, argmax: argmax, kind: maxBackward})
}

// AveragePool computes y [planes, OH, OW], the mean of each window: over its
// elements inside the plane, or over those inside the padded plane with
// includePad.
func (s Set) AveragePool(p *Pool, sh PoolShape, x, y []float32, includePad bool) {
	sh.check(x, y)
	s.pool(p, poolTask{sh: sh, x: x, y: y, includePad: includePad, kind: averageForward})
}

// AveragePoolBackward computes dx [planes, H, W] from dy [planes, OH, OW].
func (s Set) AveragePoolBackward(p *Pool, sh PoolShape, dy, dx []float32, includePad bool) {
	sh.check(dx, dy)
	s.pool(p, poolTask{sh: sh, x: dx, y: dy, includePad: includePad, kind: averageBackward})
}

func (sh *PoolShape) defaults() {
	for _, v := range []*int{&sh.StrideH, &sh.StrideW, &sh.DilationH, &sh.DilationW} {
		*v = max(1, *v)
	}
}

func (sh *PoolShape) check(x, y []float32) {
	sh.defaults()
	if len(x) != sh.Planes*sh.H*sh.W || len(y) != sh.Planes*sh.OH*sh.OW {
		panic("kernels: Pool: slices do not fit the shape")
	}
}

type poolKind uint8

const (
	maxForward poolKind = iota
	maxBackward
	averageForward
	averageBackward
)

type poolTask struct {
	set        Set
	sh         PoolShape
	x, y       []float32
	argmax     []int32
	kind       poolKind
	includePad bool
}

func (s Set) pool(p *Pool, t poolTask) {
	t.set = s
	n := t.sh.Planes
	if parts := p.split(n, 2*len(t.y)*t.sh.KH*t.sh.KW); parts > 1 && p.begin() {
		p.window = t
		p.share(&p.window, n, parts)
		p.window = poolTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

func (t *poolTask) run(_, lo, hi int) {
	sh := &t.sh
	in, out := sh.H*sh.W, sh.OH*sh.OW
	if t.kind == maxForward && sh.twos() {
		var at []int32
		if t.argmax != nil {
			at = t.argmax[lo*out:]
		}
		t.set.maxTwos(sh, hi-lo, t.x[lo*in:], t.y[lo*out:], at)
		return
	}
	for plane := lo; plane < hi; plane++ {
		x, y := t.x[plane*in:(plane+1)*in], t.y[plane*out:(plane+1)*out]
		var at []int32
		if t.argmax != nil {
			at = t.argmax[plane*out : (plane+1)*out]
		}
		switch t.kind {
		case maxForward:
			switch {
			case at == nil && sh.OW >= fewColumns:
				t.set.joinRows(sh, Max, x, y, float32(math.Inf(-1)))
			default:
				sh.maxPlane(x, y, at)
			}
		case maxBackward:
			clear(x)
			for i, a := range at {
				if a >= 0 {
					x[a] += y[i]
				}
			}
		case averageForward:
			switch {
			case sh.whole():
				y[0] = float32(t.set.Sum(x) / float64(in))
			case sh.OW >= fewColumns:
				t.set.joinRows(sh, Add, x, y, 0)
				t.set.divide(sh, y, t.includePad)
			default:
				sh.averagePlane(x, y, t.includePad)
			}
		case averageBackward:
			sh.averagePlaneBackward(y, x, t.includePad)
		}
	}
}
