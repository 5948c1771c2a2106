package kernels

import (
	"fmt"
	"testing"
)

// Functions of each element, rows and chains of them. Bytes are those read and written, the working set fits the nearest cache.
func BenchmarkElementwise(b *testing.B) {
	const n = 2048
	x, y, z := benchRandom(n), make([]float32, n), benchRandom(n)
	for i := range x {
		x[i] = max(x[i], -x[i]) + 0.1 // where every function is defined
	}
	for _, s := range benchSets() {
		s.Unary(nil, Activation{Function: Sigmoid}, y, x)
		type kernel struct {
			name  string
			bytes int
			run   func()
		}
		var list []kernel
		for _, f := range []struct {
			name string
			f    Function
		}{{"relu", Relu}, {"leakyrelu", LeakyRelu}, {"exp", Exp}, {"sigmoid", Sigmoid}, {"tanh", Tanh}, {"log", Log}, {"sqrt", Sqrt},
			{"erf", Erf}, {"gelu", Gelu}, {"gelutanh", GeluTanh}, {"swish", Swish}, {"mish", Mish}, {"elu", Elu}, {"softplus", Softplus},
			{"hardsigmoid", HardSigmoid}, {"hardswish", HardSwish}, {"clip", Clip}, {"round", Round}} {
			act := Activation{Function: f.f, Slope: 0.1, Shift: 0.5}
			list = append(list, kernel{f.name, 8 * n, func() { s.Unary(nil, act, z, x) }})
		}
		list = append(list,
			kernel{"sigmoid,derivative", 12 * n, func() { s.Derivative(nil, Activation{Function: Sigmoid}, z, x, y) }},
			kernel{"add", 12 * n, func() { s.Binary(nil, Add, z, x, y) }},
			kernel{"multiply,scalar", 8 * n, func() { s.BinaryScalar(nil, Mul, z, x, 2, false) }},
			kernel{"multiply,column", 8 * n, func() { s.BinaryColumn(nil, Mul, z, x, y[:n/64], 64, false) }},
			kernel{"chain,add,multiply,relu", 12 * n, func() {
				s.Chain(nil, Chain{{Op: Add, Operand: SameOperand, B: y}, {Op: Mul, Operand: ScalarOperand, B: y[:1]}, {Act: Activation{Function: Relu}}}, z, x)
			}},
			kernel{"lstmcell", 7 * 4 * n / 8, func() { s.LSTMCell(z[:n/8], z[n/8:n/4], x[:n/8], x[n/8:n/4], y[:n/8], y[n/8:n/4]) }},
			kernel{"crossentropyofsigmoid,derivative", 16 * n, func() { s.CrossEntropyOfSigmoid(nil, z, x, y, y, 1e-7, 1-1e-7) }},
			kernel{"axpy", 12 * n, func() { s.Axpy(nil, z, 1e-9, x) }},
			kernel{"sum", 4 * n, func() { s.Sum(x) }},
			kernel{"softmax,columns=16", 8 * n, func() { s.Softmax(nil, z, x, 16) }},
			kernel{"softmax,columns=1024", 8 * n, func() { s.Softmax(nil, z, x, 1024) }},
			kernel{"logsoftmax,columns=1024", 8 * n, func() { s.LogSoftmax(nil, z, x, 1024) }},
			kernel{"transpose,rows=64", 8 * n, func() { s.Transpose(z, x, 64, n/64) }},
		)
		for _, k := range list {
			b.Run(fmt.Sprintf("%v/%s", s, k.name), func(b *testing.B) {
				for b.Loop() {
					k.run()
				}
				reportBytes(b, s, 1, float64(k.bytes))
			})
		}
	}
}

// One step of each optimizer over what fits the nearest cache, and over all parameters of the autoencoder.
func BenchmarkUpdate(b *testing.B) {
	step := Step{LearningRate: 0.001}
	for _, s := range benchSets() {
		for _, n := range []int{1 << 10, 222_384} {
			w, g, m, v := make([]float32, n), benchRandom(n), make([]float32, n), make([]float32, n)
			for _, u := range []struct {
				name   string
				arrays int // read and written: w, its states; g is only read
				run    func()
			}{
				{"sgd", 3, func() { s.UpdateSGD(nil, SGD{Step: step}, w, g, nil) }},
				{"momentum", 5, func() { s.UpdateSGD(nil, SGD{Step: step, Momentum: 0.9}, w, g, m) }},
				{"rmsprop", 5, func() { s.UpdateRMSprop(nil, RMSprop{Step: step, Rho: 0.9, Epsilon: 1e-8}, w, g, m, nil) }},
				{"adam", 7, func() { s.UpdateAdam(nil, Adam{Step: step, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, T: 1}, w, g, m, v) }},
				{"adamw", 7, func() {
					s.UpdateAdam(nil, Adam{Step: Step{LearningRate: 0.001, WeightDecay: 0.01}, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, T: 1, Decoupled: true}, w, g, m, v)
				}},
				{"adagrad", 5, func() { s.UpdateAdagrad(nil, Adagrad{Step: step, Epsilon: 1e-8, T: 1}, w, g, m) }},
				{"adadelta", 7, func() { s.UpdateAdadelta(nil, Adadelta{Step: step, Rho: 0.9, Epsilon: 1e-6}, w, g, m, v) }},
			} {
				clear(w)
				clear(m)
				clear(v)
				b.Run(fmt.Sprintf("%v/%s,n=%d", s, u.name, n), func(b *testing.B) {
					for b.Loop() {
						u.run()
					}
					reportBytes(b, s, 1, float64(4*n*u.arrays))
				})
			}
		}
	}
}
