package kernels

import (
	"fmt"
	"testing"
)

// The dense layers of the networks at batches of 1, 32 and 100, their gradients, and squares.
func BenchmarkGemm(b *testing.B) {
	type size struct {
		m, n, k                int
		transA, transB, packed bool
	}
	sizes := []size{
		{m: 1024, n: 1024, k: 1024}, {m: 1024, n: 1024, k: 1024, packed: true}, {m: 64, n: 512, k: 512},
		{m: 16, n: 5408, k: 256, transB: true}, {m: 5408, n: 256, k: 16, transA: true},
		{m: 100, n: 784, k: 128, transB: true}, {m: 784, n: 128, k: 100, transA: true}, {m: 128, n: 784, k: 100, transA: true},
	}
	for _, layer := range [][2]int{{784, 128}, {128, 64}, {64, 64}, {64, 128}, {128, 784}, {128, 2}, {2, 128}, {5408, 256}, {256, 32}, {10000, 512}, {512, 4}} {
		for _, m := range []int{1, 32, 100} {
			sizes = append(sizes, size{m: m, n: layer[1], k: layer[0], packed: true})
		}
	}
	for _, s := range benchSets() {
		for _, threads := range []int{1, 2} {
			pool := NewPool(threads)
			for _, z := range sizes {
				name := fmt.Sprintf("%v/m=%d,n=%d,k=%d", s, z.m, z.n, z.k)
				for _, word := range []struct {
					text string
					said bool
				}{{",transA", z.transA}, {",transB", z.transB}, {",packed", z.packed}, {",threads=2", threads > 1}} {
					if word.said {
						name += word.text
					}
				}
				b.Run(name, func(b *testing.B) {
					g := Gemm{M: z.m, N: z.n, K: z.k, TransA: z.transA, TransB: z.transB, A: benchRandom(z.m * z.k), B: benchRandom(z.k * z.n), C: make([]float32, z.m*z.n)}
					if z.packed {
						g.Packed = PackB(z.k, z.n, g.B, 0, z.transB)
					}
					for b.Loop() {
						s.Gemm(pool, g)
					}
					reportFlops(b, s, threads, 2*float64(z.m*z.n*z.k))
				})
			}
			pool.Close()
		}
	}
}

// The first layer of the news classifier on rows with one element in two hundred.
func BenchmarkSparse(b *testing.B) {
	const rows, cols, n = 32, 10000, 512
	w, c, dw := benchRandom(cols*n), make([]float32, rows*n), make([]float32, cols*n)
	x := make([]float32, rows*cols)
	for i := range x {
		if i%200 == 7 {
			x[i] = 1
		}
	}
	var a Sparse
	read := func() {
		a.Reset(cols)
		for i := range rows {
			a.Append(x[i*cols : (i+1)*cols])
		}
	}
	read()
	flops := 2 * float64(a.Len()*n)
	for _, s := range benchSets() {
		b.Run(fmt.Sprintf("%v/forward,m=%d,n=%d,k=%d,density=0.005", s, rows, n, cols), func(b *testing.B) {
			for b.Loop() {
				read()
				s.SparseGemm(nil, &a, w, n, c, nil, Activation{Function: Relu})
			}
			reportFlops(b, s, 1, flops)
		})
		b.Run(fmt.Sprintf("%v/gradient,m=%d,n=%d,k=%d,density=0.005", s, rows, n, cols), func(b *testing.B) {
			for b.Loop() {
				s.SparseGradient(nil, &a, c, n, dw)
			}
			reportFlops(b, s, 1, flops)
		})
	}
}
