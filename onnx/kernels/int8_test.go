package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// bytesOf is a part of a fence, which starts or ends where the memory does, as bytes.
func (f fence) bytesOf(n int, end bool) []byte {
	if n == 0 {
		return nil
	}
	whole := unsafe.Slice((*byte)(unsafe.Pointer(&f.x[0])), 4*len(f.x))
	if end {
		return whole[len(whole)-n:]
	}
	return whole[:n:n]
}

// intsOf is the same as int32.
func (f fence) intsOf(n int, end bool) []int32 {
	if n == 0 {
		return nil
	}
	return int32s(f.bytesOf(4*n, end), n)
}

// anyBytes fills x, one time in four with nothing but the extremes.
func anyBytes(r *rand.Rand, x []byte) []byte {
	extremes := r.IntN(4) == 0
	for i := range x {
		x[i] = byte(r.Uint32())
		if extremes {
			x[i] = []byte{0, 127, 128, 255}[r.IntN(4)]
		}
	}
	return x
}

func asInt(b byte, signed bool) int64 {
	if signed {
		return int64(int8(b))
	}
	return int64(b)
}

// zeroPoints draws none, one or n zero points of a type.
func zeroPoints(r *rand.Rand, n int, signed bool) []int32 {
	z := make([]int32, []int{0, 1, n}[r.IntN(3)])
	for i := range z {
		z[i] = int32(asInt(byte(r.Uint32()), signed))
		if r.IntN(3) == 0 {
			z[i] = int32(asInt([]byte{0, 127, 128, 255}[r.IntN(4)], signed))
		}
	}
	return z
}

// Every set computes what int64 loops do, at all tails and extremes, and touches nothing beside its buffers.
func TestByteGemm(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	sizes := []int{1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100}
	fa, fb, fc, fs := newFence(t, 1<<14), newFence(t, 1<<15), newFence(t, 1<<15), newFence(t, 1<<16)
	for _, set := range Supported() {
		t.Run(set.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for trial := range 600 {
				m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
				signedA, signedB, end := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
				g := ByteGemm{
					M: m, N: n, K: k, A: anyBytes(r, fa.bytesOf(m*k, end)), SignedA: signedA,
					ZeroA: zeroPoints(r, m, signedA), ZeroB: zeroPoints(r, n, signedB),
					C: fc.intsOf(m*n, end), Scratch: fs.bytesOf(ByteGemmScratch(m, n, k), end),
				}
				anyBytes(r, g.Scratch)
				b := anyBytes(r, make([]byte, k*n))
				g.B = PackBytes(fb.bytesOf(PackedBytesLen(k, n), end), k, n, b, signedB)
				if r.IntN(2) == 0 {
					g.Bias = make([]int32, n)
					for j := range g.Bias {
						g.Bias[j] = int32(r.Uint32())
					}
				}
				p := pool
				if trial%2 == 0 {
					p = nil
				}
				set.ByteGemm(p, g)
				what := fmt.Sprintf("%d×%d×%d signed %v %v zeros %d %d bias %d", m, n, k, signedA, signedB, len(g.ZeroA), len(g.ZeroB), len(g.Bias))
				for i := range m {
					for j := range n {
						want := int64(0)
						if g.Bias != nil {
							want = int64(g.Bias[j])
						}
						for l := range k {
							want += (asInt(g.A[i*k+l], signedA) - int64(pick(g.ZeroA, i))) * (asInt(b[l*n+j], signedB) - int64(pick(g.ZeroB, j)))
						}
						if got := g.C[i*n+j]; got != int32(want) {
							t.Fatalf("%s: element %d,%d: got %d, want %d", what, i, j, got, want)
						}
					}
				}
			}
		})
	}
}

// Large products of the greatest and least bytes stay exact, shared out or not.
func TestByteGemmAtTheExtremes(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	const m, n, k = 130, 200, 1031
	for name, c := range map[string]struct {
		a, b             byte
		signedA, signedB bool
		want             int32
	}{
		"255 by 127":   {255, 127, false, true, 255 * 127 * k},
		"255 by -128":  {255, 128, false, true, -255 * 128 * k},
		"-128 by -128": {128, 128, true, true, 128 * 128 * k},
		"-128 by 255":  {128, 255, true, false, -128 * 255 * k},
		"255 by 255":   {255, 255, false, false, 255 * 255 * k},
	} {
		a, b := make([]byte, m*k), make([]byte, k*n)
		for i := range a {
			a[i] = c.a
		}
		for i := range b {
			b[i] = c.b
		}
		for _, set := range Supported() {
			for _, p := range []*Pool{nil, pool} {
				g := ByteGemm{M: m, N: n, K: k, A: a, SignedA: c.signedA, B: PackBytes(alignedBytes(PackedBytesLen(k, n)), k, n, b, c.signedB),
					C: make([]int32, m*n), Scratch: alignedBytes(ByteGemmScratch(m, n, k))}
				set.ByteGemm(p, g)
				for i, got := range g.C {
					if got != c.want {
						t.Fatalf("%v, %s: element %d: got %d, want %d", set, name, i, got, c.want)
					}
				}
			}
		}
	}
}

func alignedBytes(n int) []byte {
	x := alignedSlice((n + 3) / 4)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), n)
}

func BenchmarkByteGemm(b *testing.B) {
	for _, set := range Supported() {
		for _, signed := range []bool{false, true} {
			const m, n, k = 1024, 1024, 1024
			b.Run(fmt.Sprintf("%v/m=%d,n=%d,k=%d,signed=%v", set, m, n, k, signed), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				g := ByteGemm{M: m, N: n, K: k, A: anyBytes(r, make([]byte, m*k)), SignedA: signed, ZeroA: []int32{3},
					B: PackBytes(alignedBytes(PackedBytesLen(k, n)), k, n, anyBytes(r, make([]byte, k*n)), true),
					C: make([]int32, m*n), Scratch: alignedBytes(ByteGemmScratch(m, n, k))}
				for b.Loop() {
					set.ByteGemm(nil, g)
				}
				b.ReportMetric(2*m*n*k/1e9*float64(b.N)/b.Elapsed().Seconds(), "GOP/s")
			})
		}
	}
}
