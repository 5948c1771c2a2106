package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// regionCases are chains of stages: what each reads follows from the one before.
var regionCases = map[string]struct {
	c, h, w int
	stages  []any // ConvShape without its input, or one of which it is the gradient; PoolShape without sizes of the input; UpsampleShape of factors
	acts    []Activation
}{
	"encoder and decoder of small images": {1, 28, 28, []any{
		ConvShape{OC: 16, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, PoolShape{OH: 14, OW: 14, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
		ConvShape{OC: 8, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, PoolShape{OH: 7, OW: 7, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
		ConvShape{OC: 8, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, PoolShape{OH: 4, OW: 4, KH: 2, KW: 2, StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1},
		ConvShape{OC: 8, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, UpsampleShape{FactorH: 2, FactorW: 2},
		ConvShape{OC: 8, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}, UpsampleShape{FactorH: 2, FactorW: 2},
		ConvShape{OC: 16, KH: 3, KW: 3}, UpsampleShape{FactorH: 2, FactorW: 2},
		ConvShape{OC: 1, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
	}, []Activation{{Function: Relu}, {}, {Function: Relu}, {}, {Function: Relu}, {}, {Function: Relu}, {}, {Function: Relu}, {}, {Function: Relu}, {}, {Function: Sigmoid}}},
	"no padding, pooling that leaves a row and a column out": {3, 33, 35, []any{
		ConvShape{OC: 20, KH: 3, KW: 3}, PoolShape{OH: 15, OW: 16, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
		ConvShape{OC: 9, KH: 3, KW: 3}, ConvShape{OC: 12, KH: 2, KW: 4}, PoolShape{OH: 6, OW: 5, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	}, []Activation{{Function: LeakyRelu, Slope: .1}, {}, {}, {Function: Tanh}, {}}},
	"other windows, factors and kernels": {2, 19, 17, []any{
		ConvShape{OC: 3, KH: 1, KW: 1}, PoolShape{OH: 9, OW: 8, KH: 3, KW: 3, StrideH: 2, StrideW: 2},
		UpsampleShape{FactorH: 1, FactorW: 3}, ConvShape{OC: 5, KH: 3, KW: 3, DilationH: 2, DilationW: 3, PadTop: 2, PadLeft: 1, PadRight: 4},
		PoolShape{OH: 6, OW: 12, KH: 2, KW: 2, StrideH: 1, StrideW: 2, PadTop: 1, PadLeft: 1}, UpsampleShape{FactorH: 3, FactorW: 2},
		ConvShape{OC: 11, KH: 1, KW: 1},
	}, []Activation{{}, {}, {}, {Function: Relu}, {}, {}, {Function: LeakyRelu, Slope: 2}}},
	"one row of many pixels": {2, 1, 700, []any{
		ConvShape{OC: 4, KH: 1, KW: 5, PadLeft: 2, PadRight: 2}, ConvShape{OC: 2, KH: 1, KW: 1}, PoolShape{OH: 1, OW: 350, KH: 1, KW: 2, StrideW: 2},
	}, []Activation{{Function: Relu}, {}, {}}},
	"pooling before anything else, edges of one by one": {3, 9, 9, []any{
		PoolShape{OH: 4, OW: 4, KH: 2, KW: 2, StrideH: 2, StrideW: 2}, ConvShape{OC: 17, KH: 4, KW: 4},
		UpsampleShape{FactorH: 2, FactorW: 2}, ConvShape{OC: 8, KH: 2, KW: 2},
	}, []Activation{{}, {Function: Relu}, {}, {}}},
	"transposed by double steps, cut at the borders": {3, 5, 6, []any{
		transposedCase{ConvShape{C: 9, H: 10, W: 12, KH: 4, KW: 4, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}},
		transposedCase{ConvShape{C: 2, H: 18, W: 23, KH: 4, KW: 3, PadTop: 2, PadLeft: 0, PadBottom: 2, PadRight: 2}},
		PoolShape{OH: 9, OW: 11, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
		transposedCase{ConvShape{C: 1, H: 17, W: 22, KH: 2, KW: 2, PadTop: 1, PadLeft: 0}},
	}, []Activation{{Function: Relu}, {Function: Sigmoid}, {}, {Function: LeakyRelu, Slope: .5}}},
	"by squares, of odd sizes, pooled to the edge": {16, 29, 31, []any{
		ConvShape{OC: 20, KH: 3, KW: 3}, ConvShape{OC: 16, KH: 3, KW: 3, PadTop: 2, PadLeft: 1, PadRight: 1},
		PoolShape{OH: 14, OW: 15, KH: 2, KW: 2, StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1}, ConvShape{OC: 8, KH: 3, KW: 3, PadLeft: 2, PadBottom: 1},
	}, []Activation{{Function: LeakyRelu, Slope: .1}, {Function: Tanh}, {}, {}}},
	"enough for threads inside an image": {8, 66, 66, []any{
		ConvShape{OC: 32, KH: 3, KW: 3}, PoolShape{OH: 32, OW: 32, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
		ConvShape{OC: 16, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
	}, []Activation{{Function: Relu}, {}, {}}},
}

// transposedCase is a ConvShape of which a stage is the gradient by the input.
type transposedCase struct{ ConvShape }

// plainStage is a stage by itself, over a batch.
type plainStage func(s Set, p *Pool, n int, x []float32) []float32

// stagesOf makes stages and what computes each by the kernels of a batch.
func stagesOf(r *rand.Rand, c, h, w int, list []any, acts []Activation) (stages []Stage, plain []plainStage) {
	for i, any := range list {
		switch sh := any.(type) {
		case ConvShape:
			sh.C, sh.H, sh.W = c, h, w
			conv := NewConv(sh)
			weights, bias := random(r, conv.WeightLen()), random(r, sh.OC)
			packed := make([]float32, conv.PackedLen())
			conv.Pack(packed, weights)
			act := acts[i]
			stages = append(stages, Stage{Conv: conv, Packed: packed, Bias: bias, Act: act})
			c = sh.OC
			h, w = conv.Output()
			size := c * h * w
			plain = append(plain, func(s Set, p *Pool, n int, x []float32) []float32 {
				y := make([]float32, n*size)
				conv.Forward(s, p, ConvForward{X: x, Packed: packed, Bias: bias, Act: act, Y: y, Scratch: make([]float32, conv.ForwardScratch(p, true))})
				return y
			})
		case transposedCase:
			sh.OC, sh.StrideH, sh.StrideW = c, 2, 2
			if oh, ow := sh.Output(); oh != h || ow != w {
				panic(fmt.Sprintf("the case takes planes of %d by %d, not of %d by %d", oh, ow, h, w))
			}
			k := NewTransposed(sh.ConvShape)
			packed, bias := make([]float32, k.PackedLen()), random(r, sh.C)
			k.Pack(packed, random(r, sh.C*sh.OC*sh.KH*sh.KW))
			act := acts[i]
			stages = append(stages, Stage{Transposed: k, Packed: packed, Bias: bias, Act: act})
			c, h, w = sh.C, sh.H, sh.W
			size := c * h * w
			plain = append(plain, func(s Set, p *Pool, n int, x []float32) []float32 {
				y := make([]float32, n*size)
				k.Forward(s, p, TransposedForward{X: x, Packed: packed, Bias: bias, Act: act, Y: y, Scratch: make([]float32, k.Scratch(p))})
				return y
			})
		case PoolShape:
			sh.H, sh.W, sh.Planes = h, w, c
			stages = append(stages, Stage{Pool: &sh})
			h, w = sh.OH, sh.OW
			plain = append(plain, func(s Set, p *Pool, n int, x []float32) []float32 {
				all := sh
				all.Planes *= n
				y := make([]float32, all.Planes*sh.OH*sh.OW)
				s.MaxPool(p, all, x, y, nil)
				return y
			})
		case UpsampleShape:
			sh.H, sh.W, sh.Planes = h, w, c
			stages = append(stages, Stage{Upsample: &sh})
			h, w = h*sh.FactorH, w*sh.FactorW
			plain = append(plain, func(s Set, p *Pool, n int, x []float32) []float32 {
				all := sh
				all.Planes *= n
				y := make([]float32, len(x)*sh.FactorH*sh.FactorW)
				s.Upsample(p, all, x, y)
				return y
			})
		}
	}
	return stages, plain
}

// A region gives to the bit what its stages give one after the other, or nearly where
// a convolution goes by squares, run after run in the same memory, for every set, batch
// and number of threads.
func TestRegionIsItsStages(t *testing.T) {
	fx, fy, fk := newFence(t, 1<<18), newFence(t, 1<<18), newFence(t, 1<<20)
	pools := []*Pool{nil, NewPool(2), NewPool(3)}
	for _, p := range pools {
		defer p.Close()
	}
	for name, c := range regionCases {
		r := rand.New(rand.NewPCG(1, 2))
		stages, plain := stagesOf(r, c.c, c.h, c.w, c.stages, c.acts)
		for _, s := range Supported() {
			region := NewRegion(s, stages...)
			for _, n := range []int{1, 2, 5} {
				for _, p := range pools {
					end := n == 2
					what := fmt.Sprintf("%s, %v, %d images, %d threads", name, s, n, p.Threads())
					kept := fk.either(region.Kept(p, n), end)
					clear(kept)
					for range 2 {
						x := fill(r, fx.either(n*c.c*c.h*c.w, end))
						want := x
						for _, f := range plain {
							want = f(s, nil, n, want)
						}
						// Functions, and a sum with the same place of another image.
						then := Chain{{Act: Activation{Function: LeakyRelu, Slope: .25}}, {Op: Add, Operand: SameOperand, B: random(r, len(want))}}[:min(n-1, 2)]
						s.Chain(nil, then, want, want)
						y := fill(r, fy.either(len(want), end))
						region.Run(p, x, y, kept, then)
						bySquares := slices.ContainsFunc(region.passes, func(p pass) bool { return p.conv.square != nil })
						most := 1e-4 * max(1, greatest(want)) // after a tanh of large sums
						for i, v := range want {
							if math.Float32bits(y[i]) != math.Float32bits(v) && !(bySquares && math.Abs(float64(y[i]-v)) <= most) {
								t.Fatalf("%s: element %d: got %g, want %g", what, i, y[i], v)
							}
						}
						again := make([]float32, len(y))
						region.Run(nil, x, again, make([]float32, region.Kept(nil, n)), then)
						if i := sameBits(y, again); i >= 0 {
							t.Fatalf("%s: element %d: got %g with all threads, %g with one", what, i, y[i], again[i])
						}
					}
				}
			}
		}
	}
}

func greatest(x []float32) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}

// Where a number is not finite, or products by squares are not, a region gives what the
// convolution gives directly.
func TestRegionBySquaresOfWhatIsNotFinite(t *testing.T) {
	shape := ConvShape{OC: 16, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	for _, s := range Supported()[1:] {
		for name, list := range map[string][]any{"alone": {shape}, "pooled": {shape, PoolShape{OH: 16, OW: 15, KH: 2, KW: 2, StrideH: 2, StrideW: 2}}} {
			r := rand.New(rand.NewPCG(1, 2))
			stages, plain := stagesOf(r, 16, 31, 29, list, []Activation{{Function: Relu}, {}})
			region := NewRegion(s, stages...)
			if s.isa == avx512 && region.passes[1].conv.square == nil {
				t.Fatalf("%v, %s: the case does not go by squares", s, name)
			}
			kept := make([]float32, region.Kept(nil, 1))
			for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32} {
				x := random(r, 16*31*29)
				for range 3 {
					x[r.IntN(len(x))] = bad
				}
				want := x
				for _, f := range plain {
					want = f(s, nil, 1, want)
				}
				y := make([]float32, len(want))
				region.Run(nil, x, y, kept, nil)
				for i, v := range want {
					if y[i] != v && !(y[i] != y[i] && v != v) && !(math.Abs(float64(y[i]-v)) <= 1e-4*max(1, math.Abs(float64(v)))) {
						t.Fatalf("%v, %s, %g: element %d: got %g, want %g", s, name, bad, i, y[i], v)
					}
				}
			}
		}
	}
}

func TestRegionAllocatesNothing(t *testing.T) {
	c := regionCases["encoder and decoder of small images"]
	r := rand.New(rand.NewPCG(1, 2))
	stages, _ := stagesOf(r, c.c, c.h, c.w, c.stages, c.acts)
	pool := NewPool(2)
	defer pool.Close()
	for _, s := range Supported() {
		for _, p := range []*Pool{nil, pool} {
			region := NewRegion(s, stages...)
			x, y, kept := random(r, 8*784), make([]float32, 8*784), make([]float32, region.Kept(p, 8))
			if n := testing.AllocsPerRun(5, func() { region.Run(p, x, y, kept, nil) }); n != 0 && !raceEnabled {
				t.Errorf("%v, %d threads: got %g allocations a run, want 0", s, p.Threads(), n)
			}
		}
	}
}

func BenchmarkRegion(b *testing.B) {
	c := regionCases["encoder and decoder of small images"]
	r := rand.New(rand.NewPCG(1, 2))
	stages, _ := stagesOf(r, c.c, c.h, c.w, c.stages, c.acts)
	for _, s := range Supported() {
		region := NewRegion(s, stages...)
		b.Run(s.String(), func(b *testing.B) {
			x, y, kept := random(r, 784), make([]float32, 784), make([]float32, region.Kept(nil, 1))
			flops := float64(region.work)
			for b.Loop() {
				region.Run(nil, x, y, kept, nil)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
