package ops

import (
	"math"
	"strings"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// gateFunction is an activation of a recurrent operator with its parameters.
type gateFunction struct {
	of     func(x float64) float64
	kernel kernels.Activation // the same on the kernels, where fast
	fast   bool
}

// gateKind is an activation by name: which parameters it takes from the lists of the node and what they are where the lists end.
type gateKind struct {
	name        string
	takes       int // 0: none, 1: alpha, 2: alpha and beta
	required    bool
	alpha, beta float32
	make        func(alpha, beta float64) func(float64) float64
	kernel      kernels.Function
}

func gateKinds() []gateKind {
	plain := func(f func(float64) float64) func(_, _ float64) func(float64) float64 {
		return func(_, _ float64) func(float64) float64 { return f }
	}
	return []gateKind{
		{name: "Sigmoid", make: plain(sigmoid), kernel: kernels.Sigmoid},
		{name: "Tanh", make: plain(math.Tanh), kernel: kernels.Tanh},
		{name: "Relu", make: plain(relu), kernel: kernels.Relu},
		{name: "Softplus", make: plain(softplus), kernel: kernels.Softplus},
		{name: "Softsign", make: plain(func(x float64) float64 { return x / (1 + math.Abs(x)) })},
		{name: "Affine", takes: 2, required: true, make: func(a, b float64) func(float64) float64 {
			return func(x float64) float64 { return a*x + b }
		}},
		{name: "LeakyRelu", takes: 1, alpha: 0.01, kernel: kernels.LeakyRelu, make: func(a, _ float64) func(float64) float64 {
			return func(x float64) float64 {
				if x < 0 {
					return a * x
				}
				return x
			}
		}},
		{name: "ThresholdedRelu", takes: 1, alpha: 1, make: func(a, _ float64) func(float64) float64 {
			return func(x float64) float64 {
				if x > a || x != x {
					return x
				}
				return 0
			}
		}},
		{name: "ScaledTanh", takes: 2, required: true, make: func(a, b float64) func(float64) float64 {
			return func(x float64) float64 { return a * math.Tanh(b*x) }
		}},
		{name: "HardSigmoid", takes: 2, alpha: 0.2, beta: 0.5, kernel: kernels.HardSigmoid, make: func(a, b float64) func(float64) float64 {
			return func(x float64) float64 { return max(0, min(1, a*x+b)) }
		}},
		{name: "Elu", takes: 1, alpha: 1, kernel: kernels.Elu, make: func(a, _ float64) func(float64) float64 {
			return func(x float64) float64 {
				if x < 0 {
					return a * math.Expm1(x)
				}
				return x
			}
		}},
	}
}

// readGates reads the activations of every direction: as many as def in each. Functions with parameters take them from
// activation_alpha and activation_beta in order; where a list ends, the defaults of the operator of that name hold. Names are told
// apart without regard to case, as runtimes do.
func readGates(a *Attrs, directions int, def ...string) [][]gateFunction {
	names, alphas, betas := a.Strs("activations"), a.Floats("activation_alpha"), a.Floats("activation_beta")
	if len(names) == 0 {
		for range directions {
			names = append(names, def...)
		}
	}
	if len(def) == 1 && directions == 1 && len(names) == 2 {
		names = names[:1] // RNN's default names one for each of two directions, whatever the direction
	}
	if len(names) != directions*len(def) {
		a.Fail("attribute \"activations\" names %d functions, want %d", len(names), directions*len(def))
		return nil
	}
	var all []gateFunction
	takes := 0
	for _, name := range names {
		f, ok := gateFunction{}, false
		for _, k := range gateKinds() {
			if strings.EqualFold(k.name, name) {
				f, ok = k.read(a, &alphas, &betas), true
				takes += k.takes
			}
		}
		if !ok {
			a.Fail("attribute \"activations\": %q is not a function that recurrent operators know", name)
			return nil
		}
		all = append(all, f)
	}
	if takes > 0 && (len(alphas) > 0 || len(betas) > 0) { // which of the numbers are whose is not clear then
		a.Fail("attributes \"activation_alpha\" and \"activation_beta\" have %d and %d numbers that no function takes", len(alphas), len(betas))
	}
	by := make([][]gateFunction, directions)
	for d := range by {
		by[d] = all[d*len(def) : (d+1)*len(def)]
	}
	return by
}

func (k gateKind) read(a *Attrs, alphas, betas *[]float32) gateFunction {
	take := func(list *[]float32, def float32, wanted bool) float32 {
		if !wanted {
			return def
		}
		if len(*list) == 0 {
			if k.required {
				a.Fail("activation %s needs an alpha and a beta", k.name)
			}
			return def
		}
		v := (*list)[0]
		*list = (*list)[1:]
		return v
	}
	alpha, beta := take(alphas, k.alpha, k.takes > 0), take(betas, k.beta, k.takes > 1)
	f := gateFunction{of: k.make(float64(alpha), float64(beta)), fast: k.kernel != kernels.Identity}
	f.kernel.Function = k.kernel
	if f.fast && k.takes > 0 {
		f.kernel.Slope = alpha
	}
	if f.fast && k.takes > 1 {
		f.kernel.Shift = beta
	}
	return f
}
