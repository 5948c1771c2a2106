//go:build !amd64 || noasm

package kernels

func (s Set) depthwise(d *depthwise, rows, w []float32, bias float32, act Activation, y []float32, n int) bool {
	depthwisePortable(d, rows, w, bias, y, n)
	return act.Function == Identity
}
