package lowering

import (
	"slices"

	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
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
	strides := ops.BroadcastStrides(small, big)
	return func(dst, src []float32) {
		clear(dst)
		i := 0
		ops.Walk(big, func(at []int) {
			dst[at[0]] += src[i]
			i++
		}, strides)
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
		for i := range dst {
			dst[i] = v
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
	strides := ops.BroadcastStrides(small, big)
	return func(dst, src []float32) {
		i := 0
		ops.Walk(big, func(at []int) {
			dst[i] = src[at[0]]
			i++
		}, strides)
	}
}
