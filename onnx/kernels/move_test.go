package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Moves write the elements that the portable loops write, and no others, for every
// width, in buffers that end at a page; what stands between the rows stays.
func TestMoves(t *testing.T) {
	fx, fz, fy := newFence(t, 1<<13), newFence(t, 1<<13), newFence(t, 1<<13)
	r := rand.New(rand.NewPCG(1, 2))
	numbers := func(x []float32) {
		for i := range x {
			x[i] = float32(r.IntN(9)) - 4 // with equal neighbours
			switch r.IntN(60) {
			case 0:
				x[i] = float32(math.NaN())
			case 1:
				x[i] = float32(math.Inf(-1))
			case 2, 3:
				x[i] = float32(math.Copysign(0, -1))
			}
		}
	}
	for _, s := range Supported()[1:] {
		for n := 1; n <= 70; n++ {
			for _, m := range []moved{{1, 1, n}, {3, 2, n}} {
				for _, end := range []bool{false, true} {
					what := fmt.Sprintf("%v, %+v, at the end %v", s, m, end)
					to := layout{at: 2, row: n + 3, plane: m.rows*(n+3) + 1}
					from := layout{at: 1, row: 2*n + 1, plane: 2*m.rows*(2*n+1) + 2}
					source := func(rows, n int) int { return from.at + (m.planes-1)*from.plane + (rows-1)*from.row + n }
					y := fy.either(to.at+(m.planes-1)*to.plane+(m.rows-1)*to.row+n, end)
					check := func(name string, fast, plain func(y []float32)) {
						t.Helper()
						want := make([]float32, len(y))
						for i := range y {
							y[i], want[i] = guard, guard
						}
						fast(y)
						plain(want)
						for i := range want {
							if !equal(y[i], want[i]) || math.Signbit(float64(y[i])) != math.Signbit(float64(want[i])) && want[i] == want[i] {
								t.Fatalf("%s, %s: element %d: got %g, want %g", name, what, i, y[i], want[i])
							}
						}
					}
					x := fx.either(source(m.rows, n), end)
					numbers(x)
					check("copy", func(y []float32) { s.copyPlanes(m, y, to, x, from) }, func(y []float32) { copyPlanesPortable(m, y, to, x, from) })
					x, z := fx.either(source(m.rows, (n+1)/2), end), fz.either(source(m.rows, max(1, n/2)), end)
					numbers(x)
					numbers(z)
					check("zip", func(y []float32) { s.zipPlanes(m, y, to, x, z, from) }, func(y []float32) { zipPlanesPortable(m, y, to, x, z, from) })
					x = fx.either(source(2*m.rows, 2*n), end)
					numbers(x)
					index, want := make([]int32, len(y)), make([]int32, len(y))
					first, width := n%5*7, from.row+n%3
					check("pool with indices", func(y []float32) { s.poolPlanesAt(m, y, index, to, x, from, first, width) }, func(y []float32) { poolPlanesAtPortable(m, y, want, to, x, from, first, width) })
					if !slices.Equal(index, want) {
						t.Fatalf("pool with indices, %s: got %v, want %v", what, index, want)
					}
					if half := (moved{1, m.rows, n}); m.planes > 1 {
						check("unzip", func(y []float32) { s.unzipPlanes(half, y, to, to.plane, x, from) }, func(y []float32) { unzipPlanesPortable(half, y, to, to.plane, x, from) })
					}
					check("fold", func(y []float32) { s.foldPlanes(m, y, to, x, from) }, func(y []float32) { foldPlanesPortable(m, y, to, x, from) })
					check("pool", func(y []float32) { s.poolPlanes(m, y, to, x, from) }, func(y []float32) { poolPlanesPortable(m, y, to, x, from) })
				}
			}
		}
	}
}
