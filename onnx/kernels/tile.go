package kernels

import "unsafe"

// tileArgs is what one call of an inner kernel computes: mr rows of C by a number
// of tiles side by side. Strides are in bytes. The fields' order is known to the
// generator (_avo/tile.go).
type tileArgs struct {
	a       unsafe.Pointer // first element of the rows of A
	rowA    int            // from row to row of A
	stepA   int            // from k to k of A
	b       unsafe.Pointer // first row of the first tile of B
	rowB    int            // from k to k of B
	offs    *int           // in place of rowB for convolutions: where row k of B starts
	c       unsafe.Pointer
	rowC    int
	k       int
	tiles   int            // counted down to 0
	stepB   int            // from tile to tile of B
	init    unsafe.Pointer // what the sum starts from; moves on with the tiles and is nil at the end
	rowInit int
	spread  int // 1: init is one number a row; 0: it is a matrix like C
	act     int // 0 none, 1 relu, 2 leaky relu
	slope   float32
	mask    uint32         // lanes of the last vector of a tile
	lanes   unsafe.Pointer // the same for AVX2: eight int32
	rows    int            // convolutions: rows of the result, counted down to 0
	nextB   int            // from row to row of B
	nextC   int            // from row to row of the result
	again   int            // tiles of each row
	ahead   int            // products: how far behind row k of B that lies which is read soon
}

// laneMasks holds, from element 8-n on, a mask of n lanes for AVX2.
var laneMasks = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// zeroInit is where a sum without bias starts from.
var zeroInit float32

// lanes is the number of float32 in a vector.
func (s Set) lanes() int {
	if s.isa == avx512 {
		return 16
	}
	return 8
}

// tail sets the mask of a vector with n lanes.
func (a *tileArgs) tail(n int) {
	a.mask = 1<<n - 1
	a.lanes = unsafe.Pointer(&laneMasks[8-min(n, 8)])
}

// activation sets what the kernels apply as they store, and reports whether that
// is all of f.
func (a *tileArgs) activation(f Activation) bool {
	switch f.Function {
	case Identity:
		a.act = 0
	case Relu:
		a.act = 1
	case LeakyRelu:
		a.act, a.slope = 2, f.Slope
	default:
		a.act = 0
		return false
	}
	return true
}

// strip computes mr rows of n columns of C. a says where they start; tiles, stepB
// and masks are set here. With conv, B has a table of offsets and all is done again
// for a.rows rows of a result. a is a value: what a function stores through a
// pointer, the compiler moves to the heap.
func (s Set) strip(conv bool, mr, n int, a tileArgs) {
	lanes := s.lanes()
	b, c, init, rows := a.b, a.c, a.init, a.rows
	for {
		nv := s.vectors(conv, mr, n)
		width := nv * lanes
		last := n < width
		if last {
			nv = (n + lanes - 1) / lanes
			a.tail(n - (nv-1)*lanes)
			a.tiles = 1
		} else {
			a.tiles = n / width
			if conv && nv == 3 && a.tiles > 1 && n-a.tiles*width > 0 && n-a.tiles*width <= lanes {
				a.tiles-- // four vectors go as two and two
			}
			a.tail(lanes)
		}
		a.stepB, a.again, a.rows = width*4, a.tiles, rows
		n -= a.tiles * width
		bytes := a.tiles * width * 4
		a.b, a.c, a.init = b, c, init
		s.tile(conv, mr, nv, last, &a)
		if n <= 0 {
			return
		}
		b, c = unsafe.Add(b, bytes), unsafe.Add(c, bytes)
		if a.spread == 0 {
			init = unsafe.Add(init, bytes)
		}
	}
}

// cycles is roughly what a convolution of mr channels by n pixels costs: for each k a
// multiply and add of 512 bits a cycle, four cycles before its result can be added to,
// and loads, of which those of pixels cross cache lines; for each tile, what starts and
// stores it.
func (s Set) cycles(mr, n, k int) int {
	sums, starts := 0, 0 // in quarters of a cycle
	for ; mr > 0; mr -= s.rows(true) {
		rows := min(mr, s.rows(true))
		for left := n; left > 0; {
			nv := min(s.vectors(true, rows, left), (left+s.lanes()-1)/s.lanes())
			if s.isa == avx512 {
				sums += max(16, 4*rows*nv, 5*rows+6*nv)
				starts += 6 * rows * nv
			} else {
				loads := 11*rows + 12*nv
				if left < nv*s.lanes() {
					loads += 24 // the mask, too, is loaded
				}
				sums += max(16, 2*rows*nv, loads/4)
				starts += 4 * rows * nv
			}
			left -= nv * s.lanes()
		}
	}
	return (sums*k + starts) / 4
}

// rows is the greatest number of rows of C that an inner kernel takes.
func (s Set) rows(conv bool) int {
	switch {
	case s.isa == avx512:
		return 8
	case conv:
		return 4
	}
	return 6
}

// vectors is how many vectors wide a tile of mr rows should be. Few rows need more
// vectors, so that one addition need not wait for the one before.
func (s Set) vectors(conv bool, mr, n int) int {
	switch {
	case conv && n >= 6*s.lanes() && (mr == 1 || mr == 2 && s.isa == avx512):
		return 6
	case conv && n > 3*s.lanes() && n <= 4*s.lanes():
		return 2
	case conv:
		return 3
	case mr <= s.rows(false)/2 && mr <= 4 && n >= 4*s.lanes() && (s.isa == avx512 || mr <= 2):
		return 4
	}
	return 2
}

func at(x []float32, i int) unsafe.Pointer {
	return unsafe.Pointer(&x[i])
}
