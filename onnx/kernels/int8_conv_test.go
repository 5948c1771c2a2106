package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// byteConvSums is the plain loop in int64.
func byteConvSums(s ConvShape, x, w []byte, signedX, signedW bool, zeroX int32, zeroW, bias []int32) []int32 {
	oh, ow := s.Output()
	in, out := s.C/s.Groups, s.OC/s.Groups
	n := len(x) / (s.C * s.H * s.W)
	var y []int32
	for b := range n {
		for o := range s.OC {
			for i := range oh * ow {
				sum := int64(0)
				if bias != nil {
					sum = int64(bias[o])
				}
				for c := range in {
					for k := range s.KH * s.KW {
						iy, ix := i/ow*s.StrideH+k/s.KW*s.DilationH-s.PadTop, i%ow*s.StrideW+k%s.KW*s.DilationW-s.PadLeft
						if iy < 0 || ix < 0 || iy >= s.H || ix >= s.W {
							continue
						}
						v := asInt(x[((b*s.C+o/out*in+c)*s.H+iy)*s.W+ix], signedX) - int64(zeroX)
						sum += v * (asInt(w[(o*in+c)*s.KH*s.KW+k], signedW) - int64(pick(zeroW, o)))
					}
				}
				y = append(y, int32(sum))
			}
		}
	}
	return y
}

// Every set convolves as int64 loops do, sums and quanta, and touches nothing beside its buffers.
func TestByteConv(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	fx, fy, fw, fs := newFence(t, 1<<16), newFence(t, 1<<17), newFence(t, 1<<17), newFence(t, 1<<20)
	for _, set := range Supported() {
		t.Run(set.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			for trial := range 300 {
				groups := 1
				if r.IntN(3) == 0 {
					groups = 1 + r.IntN(4)
				}
				s := ConvShape{
					C: groups * (1 + r.IntN(9)), H: 1 + r.IntN(20), W: 1 + r.IntN(40), OC: groups * (1 + r.IntN(14)), KH: 1 + r.IntN(3), KW: 1 + r.IntN(5),
					StrideH: 1 + r.IntN(2), StrideW: 1 + r.IntN(3), DilationH: 1 + r.IntN(2), DilationW: 1 + r.IntN(2),
					PadTop: r.IntN(3), PadLeft: r.IntN(3), PadBottom: r.IntN(3), PadRight: r.IntN(3), Groups: groups,
				}
				if r.IntN(4) == 0 {
					s.KH, s.KW, s.PadTop, s.PadLeft, s.PadBottom, s.PadRight, s.StrideH, s.StrideW = 1, 1, 0, 0, 0, 0, 1, 1
				}
				if r.IntN(20) == 0 { // work for two threads
					s.H, s.W, s.C, s.OC, s.Groups = s.H+20, s.W+40, 8, 24, 1
				}
				if oh, ow := s.Output(); oh < 1 || ow < 1 || s.H+s.PadTop+s.PadBottom <= (s.KH-1)*s.DilationH || s.W+s.PadLeft+s.PadRight <= (s.KW-1)*s.DilationW {
					continue
				}
				n, end := 1+r.IntN(2), r.IntN(2) == 0
				signedX, signedW := r.IntN(2) == 0, r.IntN(2) == 0
				p := pool
				if trial%2 == 0 {
					p = nil
				}
				c := NewByteConv(s)
				oh, ow := c.Output()
				what := fmt.Sprintf("%+v, batch %d, signed %v %v", s, n, signedX, signedW)
				w := anyBytes(r, make([]byte, s.OC*s.C/s.Groups*s.KH*s.KW))
				f := ByteConvForward{
					X: anyBytes(r, fx.bytesOf(n*s.C*s.H*s.W, end)), SignedX: signedX, ZeroX: pick(zeroPoints(r, 1, signedX), 0),
					W: c.Pack(set, fw.bytesOf(c.PackedLen(), end), w, signedW), ZeroW: zeroPoints(r, s.OC, signedW),
					C: fy.intsOf(n*s.OC*oh*ow, end), Scratch: anyBytes(r, fs.bytesOf(up64(c.ForwardScratch(p)), end)),
				}
				if r.IntN(2) == 0 {
					f.Bias = make([]int32, s.OC)
					for i := range f.Bias {
						f.Bias[i] = int32(r.Uint32())
					}
				}
				c.Forward(set, p, f)
				want := byteConvSums(s, f.X, w, signedX, signedW, f.ZeroX, f.ZeroW, f.Bias)
				for i, v := range want {
					if f.C[i] != v {
						t.Fatalf("%s: sum %d: got %d, want %d", what, i, f.C[i], v)
					}
				}
				f.C, f.Y, f.Quantum, f.Scale = nil, fy.bytesOf(n*s.OC*oh*ow, end), Quantum{Zero: 3}, make([]float32, []int{1, s.OC}[r.IntN(2)])
				for i := range f.Scale {
					f.Scale[i] = float32(r.Float64() / 1000)
				}
				c.Forward(set, p, f)
				for i, v := range want {
					scale := f.Scale[i/(oh*ow)%s.OC%len(f.Scale)]
					if q := quantumOf(float64(float32(v)*scale), 3, 0, 255); f.Y[i] != q {
						t.Fatalf("%s: quantum %d of %d: got %d, want %d", what, i, v, f.Y[i], q)
					}
				}
			}
		})
	}
}

func BenchmarkByteConv(b *testing.B) {
	for name, s := range map[string]ConvShape{
		"64→64 3×3 on 56²":      {C: 64, H: 56, W: 56, OC: 64, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
		"128→128 1×1 on 28²":    {C: 128, H: 28, W: 28, OC: 128, KH: 1, KW: 1},
		"depthwise 3×3 on 112²": {C: 32, H: 112, W: 112, OC: 32, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, Groups: 32},
		"3→32 3×3 by 2 on 224²": {C: 3, H: 224, W: 224, OC: 32, KH: 3, KW: 3, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1, StrideH: 2, StrideW: 2},
	} {
		for _, set := range Supported() {
			b.Run(fmt.Sprintf("%v/%s", set, name), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				c := NewByteConv(s)
				oh, ow := c.Output()
				w := anyBytes(r, make([]byte, s.OC*s.C/max(1, s.Groups)*s.KH*s.KW))
				f := ByteConvForward{X: anyBytes(r, make([]byte, s.C*s.H*s.W)), ZeroX: 100, W: c.Pack(set, alignedBytes(c.PackedLen()), w, true),
					Y: make([]byte, s.OC*oh*ow), Scale: []float32{0.001}, Scratch: alignedBytes(up64(c.ForwardScratch(nil)))}
				for b.Loop() {
					c.Forward(set, nil, f)
				}
				b.ReportMetric(2*float64(len(w)*oh*ow)/1e9*float64(b.N)/b.Elapsed().Seconds(), "GOP/s")
			})
		}
	}
}
