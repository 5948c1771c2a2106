package lowering

import (
	"slices"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// span is a run of neighbouring axes that a small shape has, too, or is repeated along.
type span struct {
	size int
	kept bool
}

// spans lines a small shape up with the shape that it broadcasts to, axes of 1 left out and neighbours joined.
func spans(small, big []int64) []span {
	var list []span
	shift := len(big) - len(small)
	for i, d := range big {
		if d == 1 {
			continue
		}
		kept := i >= shift && small[i-shift] == d
		if n := len(list); n > 0 && list[n-1].kept == kept {
			list[n-1].size *= int(d)
			continue
		}
		list = append(list, span{int(d), kept})
	}
	return list
}

// reducer gives the function that sums src, of shape big, over the axes that small is repeated along when it broadcasts to
// big: the gradient of broadcasting.
func reducer(set kernels.Set, pool *kernels.Pool, small, big []int64) func(dst, src []float32) {
	list := spans(small, big)
	kept := make([]bool, len(list))
	for i, s := range list {
		kept[i] = s.kept
	}
	switch {
	case count(big) == 0:
		return func(dst, _ []float32) { clear(dst) }
	case !slices.Contains(kept, false):
		return func(dst, src []float32) { copy(dst, src) }
	case !slices.Contains(kept, true):
		return func(dst, src []float32) { dst[0] = float32(set.Sum(src)) }
	case slices.Equal(kept, []bool{false, true}):
		return func(dst, src []float32) { set.ColumnSums(dst, src, false) }
	case slices.Equal(kept, []bool{true, false}):
		return sumBlocks(set, pool, 1, list[0].size, list[1].size)
	case slices.Equal(kept, []bool{false, true, false}):
		return sumBlocks(set, pool, list[0].size, list[1].size, list[2].size)
	}
	visit := rowsOf(list)
	inner := list[len(list)-1]
	return func(dst, src []float32) {
		clear(dst)
		visit(func(at, row int) {
			x := src[row*inner.size : (row+1)*inner.size]
			if inner.kept {
				to := dst[at : at+inner.size]
				for k, v := range x {
					to[k] += v
				}
				return
			}
			sum := float32(0)
			for _, v := range x {
				sum += v
			}
			dst[at] += sum
		})
	}
}

// rowsOf gives the function that visits every run along the last span of the big shape in order, with the place in the small
// shape where the run starts.
func rowsOf(list []span) func(f func(at, row int)) {
	outer := list[:len(list)-1]
	steps := make([]int, len(outer)) // in the small shape
	step := 1
	if last := list[len(list)-1]; last.kept {
		step = last.size
	}
	rows := 1
	for i := len(outer) - 1; i >= 0; i-- {
		rows *= outer[i].size
		if outer[i].kept {
			steps[i] = step
			step *= outer[i].size
		}
	}
	index := make([]int, len(outer))
	return func(f func(at, row int)) {
		clear(index)
		at := 0
		for row := range rows {
			f(at, row)
			for i := len(outer) - 1; i >= 0; i-- {
				index[i]++
				at += steps[i]
				if index[i] < outer[i].size {
					break
				}
				at -= steps[i] * outer[i].size
				index[i] = 0
			}
		}
	}
}

// sumBlocks sums src [outer, kept, inner] to dst [kept].
func sumBlocks(set kernels.Set, pool *kernels.Pool, outer, kept, inner int) func(dst, src []float32) {
	var dst, src []float32
	part := func(lo, hi int) {
		for k := lo; k < hi; k++ {
			sum := 0.0
			for o := range outer {
				sum += set.Sum(src[(o*kept+k)*inner : (o*kept+k+1)*inner])
			}
			dst[k] = float32(sum)
		}
	}
	return func(d, s []float32) {
		dst, src = d, s
		pool.Run(kept, outer*kept*inner, part)
		dst, src = nil, nil
	}
}

// expander gives the function that repeats src, of shape small, to dst, of shape big.
func expander(small, big []int64) func(dst, src []float32) {
	list := spans(small, big)
	kept := make([]bool, len(list))
	for i, s := range list {
		kept[i] = s.kept
	}
	fill := func(dst []float32, v float32) {
		n := min(len(dst), 32)
		for i := range n {
			dst[i] = v
		}
		for n < len(dst) { // copies are faster than stores one by one
			n += copy(dst[n:], dst[:min(n, 4096)])
		}
	}
	switch {
	case count(big) == 0:
		return func(_, _ []float32) {}
	case !slices.Contains(kept, false):
		return func(dst, src []float32) { copy(dst, src) }
	case !slices.Contains(kept, true):
		return func(dst, src []float32) { fill(dst, src[0]) }
	case slices.Equal(kept, []bool{false, true}):
		n := list[1].size
		return func(dst, src []float32) {
			for i := 0; i < len(dst); i += n {
				copy(dst[i:i+n], src)
			}
		}
	case slices.Equal(kept, []bool{true, false}):
		n := list[1].size
		return func(dst, src []float32) {
			for i, v := range src {
				fill(dst[i*n:(i+1)*n], v)
			}
		}
	}
	visit := rowsOf(list)
	inner := list[len(list)-1]
	return func(dst, src []float32) {
		visit(func(at, row int) {
			to := dst[row*inner.size : (row+1)*inner.size]
			if inner.kept {
				copy(to, src[at:at+inner.size])
				return
			}
			fill(to, src[at])
		})
	}
}
