package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestUpsampleAndItsGradient(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(4, 2))
	space := [2]fence{newFence(t, 1<<16), newFence(t, 1<<16)}
	shapes := []UpsampleShape{{0, 3, 3, 2, 2}, {2, 0, 3, 2, 2}, {1, 1, 1, 1, 1}, {3, 5, 9, 3, 3}, {2, 4, 17, 1, 2}, {2, 4, 17, 2, 1}, {2, 3, 4, 4, 5}}
	for w := 1; w <= 35; w++ {
		shapes = append(shapes, UpsampleShape{3, 2, w, 2, 2})
	}
	for _, sh := range shapes {
		n := sh.Planes * sh.H * sh.W
		full := n * sh.FactorH * sh.FactorW
		wide := sh.W * sh.FactorW
		for i, end := range []bool{false, true} {
			x, dy := fill(r, space[0].either(n, end)), random(r, full)
			wantY, wantDX := make([]float32, full), make([]float32, n)
			for k := range full {
				from := k/(wide*sh.FactorH)*sh.W + k%wide/sh.FactorW
				wantY[k] = x[from]
				wantDX[from] += dy[k]
			}
			for _, s := range Supported() {
				what := fmt.Sprintf("%v %+v, end %d", s, sh, i)
				y, check := guarded(full, i)
				s.Upsample(pool, sh, x, y)
				if at := sameBits(y, wantY); at >= 0 {
					t.Fatalf("%s: element %d: got %g, want %g", what, at, y[at], wantY[at])
				}
				check(t, what)
				copy(space[1].either(full, end), dy)
				dx, check := guarded(n, i)
				s.UpsampleBackward(pool, sh, space[1].either(full, end), dx)
				if at := sameBits(dx, wantDX); at >= 0 {
					t.Fatalf("%s: gradient: element %d: got %g, want %g", what, at, dx[at], wantDX[at])
				}
				check(t, what+": gradient")
			}
		}
	}
}

func TestUpsampleIsTheSameInTwoThreads(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	sh := UpsampleShape{Planes: 1000, H: 14, W: 14, FactorH: 2, FactorW: 2}
	n := sh.Planes * sh.H * sh.W
	x := random(rand.New(rand.NewPCG(4, 3)), n)
	for _, s := range Supported() {
		var got, want [2][]float32
		for i, p := range []*Pool{pool, nil} {
			y, dx := make([]float32, 4*n), make([]float32, n)
			s.Upsample(p, sh, x, y)
			s.UpsampleBackward(p, sh, y, dx)
			if i == 0 {
				got = [2][]float32{y, dx}
			} else {
				want = [2][]float32{y, dx}
			}
		}
		for i := range got {
			if at := sameBits(got[i], want[i]); at >= 0 {
				t.Errorf("%v: element %d: got %g, want %g", s, at, got[i][at], want[i][at])
			}
		}
	}
}

func TestUpsampleRefusesSlicesThatDoNotFit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic, want one")
		}
	}()
	Portable.Upsample(nil, UpsampleShape{1, 2, 2, 2, 2}, make([]float32, 4), make([]float32, 15))
}
