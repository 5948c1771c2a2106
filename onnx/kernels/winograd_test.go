package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The transforms are those of the portable loops to the bit, for every width, in
// buffers that end at a page, and find what is not finite.
func TestSquares(t *testing.T) {
	fx, fy := newFence(t, 1<<15), newFence(t, 1<<15)
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range Supported() {
		for n := 1; n <= 40; n++ {
			for _, end := range []bool{false, true} {
				m := moved{2, 2, n}
				what := fmt.Sprintf("%v, %d squares, at the end %v", s, n, end)
				from := layout{at: 1, row: 2*n + 3, plane: 6*(2*n+3) + 1}
				x := fill(r, fx.either(from.at+from.plane+5*from.row+2*n+2, end))
				to, apart := layout{row: n, plane: 2*n + 1}, 2*(2*n+1)
				y := fill(r, fy.either(15*apart+to.plane+2*n, end))
				want := append([]float32(nil), y...)
				s.squaresIn(m, y, to, apart, x, from)
				squaresInPortable(m, want, to, apart, x, from)
				if i := sameBits(y, want); i >= 0 {
					t.Fatalf("in, %s: element %d: got %g, want %g", what, i, y[i], want[i])
				}
				row := (n + 15) / 16 * 32
				out := layout{row: row, plane: 4 * row}
				bias := []float32{1, -2}
				z := fill(r, fx.either(2*4*row, end))
				all := append([]float32(nil), z...)
				finite := s.squaresOut(m, z, out, y, to, apart, bias)
				if wantFinite := squaresOutPortable(m, all, out, y, to, apart, bias); !finite || !wantFinite {
					t.Fatalf("out, %s: got finite %v and %v, want true", what, finite, wantFinite)
				}
				for p := range 2 {
					for k := range 4 {
						at := p*out.plane + k*row
						if i := sameBits(z[at:at+2*n], all[at:at+2*n]); i >= 0 {
							t.Fatalf("out, %s: plane %d, row %d, element %d: got %g, want %g", what, p, k, i, z[at+i], all[at+i])
						}
					}
				}
				for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					at := r.IntN(16)*apart + r.IntN(2)*to.plane + r.IntN(2)*n + r.IntN(n)
					good := y[at]
					y[at] = float32(bad)
					if s.squaresOut(m, z, out, y, to, apart, bias) {
						t.Fatalf("out, %s: %g at %d: got finite, want not", what, bad, at)
					}
					y[at] = good
				}
			}
		}
	}
}
