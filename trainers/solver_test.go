package trainers

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/trainers/lowering"
	"gorgonia.org/gorgonia"
)

// scalarSteps carries PyTorch's rule for one weight out in float64: w0 = 1.5 with the gradients given.
func scalarSteps(o Optimizer, rate, w float64, gradients []float64) float64 {
	var a, b float64
	for t, g := range gradients {
		n := float64(t + 1)
		if o.Name == "adamw" {
			w -= rate * o.WeightDecay * w
		} else {
			g += o.WeightDecay * w
		}
		switch o.Name {
		case "sgd":
			if t == 0 {
				a = g // PyTorch starts its buffer with the first gradient, which is the same as from zero
			} else {
				a = o.Momentum*a + g
			}
			switch {
			case o.Nesterov:
				w -= rate * (g + o.Momentum*a)
			case o.Momentum != 0:
				w -= rate * a
			default:
				w -= rate * g
			}
		case "rmsprop":
			a = o.Rho*a + (1-o.Rho)*g*g
			d := g / (math.Sqrt(a) + o.Epsilon)
			b = o.Momentum*b + d
			w -= rate * b
		case "adam", "adamw":
			a = o.Beta1*a + (1-o.Beta1)*g
			b = o.Beta2*b + (1-o.Beta2)*g*g
			w -= rate * (a / (1 - math.Pow(o.Beta1, n))) / (math.Sqrt(b/(1-math.Pow(o.Beta2, n))) + o.Epsilon)
		case "adagrad":
			a += g * g
			w -= rate / (1 + (n-1)*o.Decay) * g / (math.Sqrt(a) + o.Epsilon)
		case "adadelta":
			a = o.Rho*a + (1-o.Rho)*g*g
			d := math.Sqrt(b+o.Epsilon) / math.Sqrt(a+o.Epsilon) * g
			b = o.Rho*b + (1-o.Rho)*d*d
			w -= rate * d
		}
	}
	return w
}

func rules() []string {
	return []string{
		"sgd", "sgd:momentum=0.9", "sgd:learning_rate=0.1,momentum=0.8,nesterov=true,weight_decay=0.01",
		"rmsprop", "rmsprop:rho=0.9,momentum=0.5,weight_decay=0.1,eps=1e-3",
		"adam", "adam:learning_rate=0.02,beta1=0.8,beta2=0.95,eps=1e-4,weight_decay=0.1", "adamw", "adamw:weight_decay=0.2,learning_rate=0.05",
		"adagrad", "adagrad:lr_decay=0.1,learning_rate=0.5,weight_decay=0.3", "adadelta", "adadelta:rho=0.95,eps=1e-7,weight_decay=0.01",
	}
}

// pair is a parameter of a vector, as Gorgonia sees one.
type pair struct {
	name string
	w, g *gorgonia.F32
}

func (p *pair) Name() string                  { return p.name }
func (p *pair) Value() gorgonia.Value         { return p.w }
func (p *pair) Grad() (gorgonia.Value, error) { return p.g, nil }

func TestSolverFollowsPyTorchsRules(t *testing.T) {
	gradients := []float64{0.5, -1.25, 0.75, 2, 0, -0.125, 0.5}
	for _, text := range rules() {
		for _, set := range kernels.Supported() {
			t.Run(text+" "+set.String(), func(t *testing.T) {
				o, err := ParseOptimizer(text)
				if err != nil {
					t.Fatal(err)
				}
				p := &pair{"w", gorgonia.NewF32(1.5), gorgonia.NewF32(0)}
				var s gorgonia.Solver = NewSolver(o, set, nil)
				for i, g := range gradients {
					*p.g = gorgonia.F32(g)
					if err := s.Step([]gorgonia.ValueGrad{p}); err != nil {
						t.Fatal(err)
					}
					if got := float64(*p.g); got != g {
						t.Fatalf("step %d: the solver wrote %g over the gradient %g", i, got, g)
					}
					want := scalarSteps(o, o.LearningRate, 1.5, gradients[:i+1])
					if got := float64(*p.w); math.Abs(got-want) > 1e-5*math.Abs(want) {
						t.Fatalf("step %d: got weight %.8g, want %.8g", i, got, want)
					}
				}
			})
		}
	}
}

func TestSolverRefusesNamesakes(t *testing.T) {
	p := &pair{"w", gorgonia.NewF32(1), gorgonia.NewF32(1)}
	err := NewSolver(Optimizer{Name: "sgd", LearningRate: 1}, kernels.Portable, nil).Step([]gorgonia.ValueGrad{p, p})
	if err == nil || !strings.Contains(err.Error(), `named "w"`) {
		t.Errorf("got %v, want an error about two parameters of one name", err)
	}
}

// program makes loss = Σ(u·u) + Σ(v + v·v) of two parameters of three elements.
func program(t *testing.T) *lowering.Program {
	t.Helper()
	zero := []*onnx.Attribute{onnx.AttrInt("keepdims", 0)}
	g := &onnx.Graph{Opsets: []onnx.Opset{{Version: 17}},
		Initializers: []*onnx.Tensor{{Name: "u", Type: onnx.Float, Dims: []int64{3}}, {Name: "v", Type: onnx.Float, Dims: []int64{3}}},
		Outputs:      []*onnx.ValueInfo{{Name: "loss", Type: onnx.TensorType(onnx.Float)}},
		Nodes: []*onnx.Node{
			{OpType: "Mul", Inputs: []string{"u", "u"}, Outputs: []string{"uu"}},
			{OpType: "Mul", Inputs: []string{"v", "v"}, Outputs: []string{"vv"}},
			{OpType: "Add", Inputs: []string{"vv", "v"}, Outputs: []string{"v1"}},
			{OpType: "Add", Inputs: []string{"uu", "v1"}, Outputs: []string{"sum"}},
			{OpType: "ReduceSum", Inputs: []string{"sum"}, Outputs: []string{"loss"}, Attributes: zero},
		}}
	p, err := lowering.Lower(g, lowering.Options{Parameters: map[string]*onnx.Tensor{
		"u": onnx.FromFloat32s([]float32{3, 4, 0}, 3), "v": onnx.FromFloat32s([]float32{1, -2, 5.5}, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func step(t *testing.T, p *lowering.Program, s *Solver, clip float64) {
	t.Helper()
	if err := p.Run(nil, true); err != nil {
		t.Fatal(err)
	}
	if err := s.StepAt(p.Params(), 0.1, clip); err != nil {
		t.Fatal(err)
	}
}

func TestClippingByGlobalNorm(t *testing.T) {
	p := program(t)
	s := NewSolver(Optimizer{Name: "sgd", LearningRate: 1}, kernels.Portable, nil)
	step(t, p, s, 2)
	// Gradients 2u = (6, 8, 0) and 2v+1 = (3, -3, 12): norm √262.
	scale := 2 / math.Sqrt(262)
	for i, want := range []float64{3 - 0.1*scale*6, 4 - 0.1*scale*8, 0} {
		if got := float64(p.Params()[0].Tensor().Float32s()[i]); math.Abs(got-want) > 1e-6 {
			t.Errorf("u[%d]: got %.8g, want %.8g", i, got, want)
		}
	}
	if got := p.Params()[0].Gradient().Float32s(); !slices.Equal(got, []float32{6, 8, 0}) {
		t.Errorf("clipping changed the gradient: got %v, want [6 8 0]", got)
	}
	q := program(t)
	step(t, q, NewSolver(Optimizer{Name: "sgd", LearningRate: 1}, kernels.Portable, nil), 100)
	if got, want := q.Params()[0].Tensor().Float32s()[0], float32(3-0.1*6); math.Abs(float64(got-want)) > 1e-6 {
		t.Errorf("a norm below the limit: got u[0] %v, want %v", got, want)
	}
}

func TestSolverResumesBitEqual(t *testing.T) {
	for _, text := range rules() {
		t.Run(text, func(t *testing.T) {
			o, err := ParseOptimizer(text)
			if err != nil {
				t.Fatal(err)
			}
			whole, s := program(t), NewSolver(o, kernels.Best(), nil)
			for range 7 {
				step(t, whole, s, 0)
			}
			broken, s1 := program(t), NewSolver(o, kernels.Best(), nil)
			for range 3 {
				step(t, broken, s1, 0)
			}
			slots, n := s1.State()
			saved := make(map[string]*onnx.Tensor)
			for name, x := range slots {
				c := *x
				c.Data = bytes.Clone(x.Data)
				saved[name] = &c
			}
			resumed, s2 := program(t), NewSolver(o, kernels.Best(), nil)
			for i, q := range resumed.Params() {
				copy(q.Tensor().Data, broken.Params()[i].Tensor().Data)
			}
			step(t, broken, s1, 0) // must not reach the saved state
			if err := s2.SetState(saved, n, resumed.Params()); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				step(t, resumed, s2, 0)
			}
			for i, q := range whole.Params() {
				if got := resumed.Params()[i].Tensor(); !bytes.Equal(got.Data, q.Tensor().Data) {
					t.Errorf("%s: got %v, want %v", q.Name(), got.Float32s(), q.Tensor().Float32s())
				}
			}
		})
	}
}

func TestSolverStateThatDoesNotFit(t *testing.T) {
	good := func() map[string]*onnx.Tensor {
		return map[string]*onnx.Tensor{"u/momentum": onnx.NewTensor(onnx.Float, 3), "v/momentum": onnx.NewTensor(onnx.Float, 3)}
	}
	for name, c := range map[string]struct {
		change func(map[string]*onnx.Tensor)
		step   int
		want   string
	}{
		"missing":   {func(m map[string]*onnx.Tensor) { delete(m, "v/momentum") }, 2, `"v/momentum" is missing`},
		"surplus":   {func(m map[string]*onnx.Tensor) { m["w/momentum"] = m["u/momentum"] }, 2, `"w/momentum" is nothing`},
		"misshaped": {func(m map[string]*onnx.Tensor) { m["u/momentum"] = onnx.NewTensor(onnx.Float, 4) }, 2, `float[4]`},
		"negative":  {func(map[string]*onnx.Tensor) {}, -1, `-1 steps`},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(t)
			s := NewSolver(Optimizer{Name: "sgd", LearningRate: 0.1, Momentum: 0.9}, kernels.Portable, nil)
			m := good()
			c.change(m)
			err := s.SetState(m, c.step, p.Params())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if slots, n := s.State(); len(slots) != 0 || n != 0 {
				t.Errorf("a state that does not fit changed the solver: %d slots, step %d", len(slots), n)
			}
		})
	}
}

func TestParseOptimizerRoundTrip(t *testing.T) {
	for _, text := range rules() {
		o, err := ParseOptimizer(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseOptimizer(o.String())
		if err != nil || again != o {
			t.Errorf("%s: got %v (%v), want %v", text, again, err, o)
		}
	}
}

func TestParseOptimizerDefaults(t *testing.T) {
	for text, want := range map[string]string{
		"sgd":      "sgd:learning_rate=0.01,momentum=0,weight_decay=0,nesterov=false",
		"rmsprop":  "rmsprop:learning_rate=0.01,rho=0.99,eps=1e-08,momentum=0,weight_decay=0",
		"adam":     "adam:learning_rate=0.001,beta1=0.9,beta2=0.999,eps=1e-08,weight_decay=0",
		"adamw":    "adamw:learning_rate=0.001,beta1=0.9,beta2=0.999,eps=1e-08,weight_decay=0.01",
		"adagrad":  "adagrad:learning_rate=0.01,lr_decay=0,eps=1e-10,weight_decay=0",
		"adadelta": "adadelta:learning_rate=1,rho=0.9,eps=1e-06,weight_decay=0",
	} {
		o, err := ParseOptimizer(text)
		if err != nil || o.String() != want {
			t.Errorf("%s: got %q (%v), want %q", text, o, err, want)
		}
	}
}

func TestParseOptimizerRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"adamm":                     `optimizer "adamm": there is none of that name; there are sgd, rmsprop, adam`,
		"":                          `optimizer "": there is none`,
		"adam:":                     `optimizer adam: "" is not key=value`,
		"adam:beta1":                `"beta1" is not key=value`,
		"adam:momentum=0.9":         `"momentum" is not one of its keys: learning_rate, beta1, beta2, eps, weight_decay`,
		"adam:beta1=1":              `beta1: 1 is out of range, want at least 0 and below 1`,
		"adam:beta1=0.9,beta1=0.8":  `beta1 is given twice`,
		"sgd:learning_rate=0":       `learning_rate: 0 is out of range, want more than 0`,
		"sgd:learning_rate=nan":     `learning_rate: "nan" is not a number`,
		"sgd:weight_decay=-1":       `weight_decay: -1 is out of range, want at least 0`,
		"sgd:nesterov=yes":          `nesterov: "yes" is neither true nor false`,
		"sgd:nesterov=true":         `nesterov needs a momentum above 0`,
		"adadelta:rho=0.9,eps=tiny": `eps: "tiny" is not a number`,
	} {
		if _, err := ParseOptimizer(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestScheduleFactors(t *testing.T) {
	for text, want := range map[string][]float64{ // steps 0, 1, … of 4 epochs of 2
		"constant":               {1, 1, 1, 1, 1, 1, 1, 1},
		"":                       {1, 1, 1, 1, 1, 1, 1, 1},
		"step:every=1,gamma=0.5": {1, 1, .5, .5, .25, .25, .125, .125},
		"step:every=2":           {1, 1, 1, 1, .1, .1, .1, .1},
		"cosine":                 {1, (1 + math.Cos(math.Pi/8)) / 2, (1 + math.Sqrt2/2) / 2, (1 + math.Cos(3*math.Pi/8)) / 2, .5, (1 - math.Cos(3*math.Pi/8)) / 2, (1 - math.Sqrt2/2) / 2, (1 - math.Cos(math.Pi/8)) / 2},
		"cosine:warmup=4":        {.25, .5, .75, 1, 1, (1 + math.Sqrt2/2) / 2, .5, (1 - math.Sqrt2/2) / 2},
		"plateau:patience=1":     {1, 1, 1, 1, 1, 1, 1, 1},
		"cosine:warmup=10":       {.1, .2, .3, .4, .5, .6, .7, .8},
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if got := s.Factor(i, 8, 2); math.Abs(got-w) > 1e-15 {
				t.Errorf("%q at step %d: got %v, want %v", text, i, got, w)
			}
		}
		if got := s.Factor(8, 8, 2); got < 0 {
			t.Errorf("%q after the end: got %v, want nothing negative", text, got)
		}
		again, err := ParseSchedule(s.String())
		if err != nil || again != s {
			t.Errorf("%q: printed as %q, read as %v (%v)", text, s, again, err)
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"linear":                      `there is none of that name`,
		"constant:every=1":            `constant has no keys`,
		"step":                        `every is missing`,
		"step:gamma=0.5":              `every is missing`,
		"step:every=0":                `every: 0 is out of range, want at least 1`,
		"step:every=1.5":              `every: 1.5 is not a whole number`,
		"step:every=2,gamma=0":        `gamma: 0 is out of range`,
		"cosine:warmup=-1":            `warmup: -1 is out of range`,
		"cosine:every=1":              `"every" is not a key of cosine`,
		"plateau":                     `patience is missing`,
		"plateau:patience=0":          `patience: 0 is out of range, want at least 1`,
		"plateau:patience=2,factor=1": `factor: 1 is out of range, want more than 0 and below 1`,
		"plateau:patience=2,every=1":  `"every" is not a key of plateau`,
	} {
		if _, err := ParseSchedule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestSolverSameBytesForAnyThreads(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	const n = 1 << 18 // large enough to be shared out
	for _, text := range rules() {
		o, err := ParseOptimizer(text)
		if err != nil {
			t.Fatal(err)
		}
		results := make(map[string][]float32)
		for name, p := range map[string]*kernels.Pool{"one": nil, "two": pool} {
			w, g := make([]float32, n), make([]float32, n)
			for i := range w {
				w[i], g[i] = float32(i%101)/50-1, float32(i%37)/18-1
			}
			s := NewSolver(o, kernels.Best(), p)
			for range 2 {
				s.update([]weights{{name: "w", dims: []int64{n}, value: w, grad: g}}, 0.01, 0.5)
			}
			results[name] = w
		}
		if !slices.Equal(results["one"], results["two"]) {
			t.Errorf("%s: one and two threads give different bytes", text)
		}
	}
}

// Rows that never had a gradient are left alone, and it makes no difference to a bit.
func TestRowsWithoutAGradient(t *testing.T) {
	pool := kernels.NewPool(2)
	defer pool.Close()
	const rows, cols = 700, 200 // enough to be shared out
	for _, text := range append(rules(), "adam:weight_decay=0.1", "adamw", "adamw:weight_decay=0", "adam:eps=0") {
		o, err := ParseOptimizer(text)
		if err != nil {
			t.Fatal(err)
		}
		results := make(map[string][]float32)
		for name, p := range map[string]*kernels.Pool{"all": nil, "one": nil, "two": pool} {
			value := onnx.NewTensor(onnx.Float, rows, cols)
			for i := range value.Float32s() {
				value.Float32s()[i] = float32(i%101)/50 - 1
			}
			s := NewSolver(o, kernels.Best(), p)
			for step := range 5 {
				grad := make([]float32, rows*cols)
				var touched []int
				for r := step; r < rows; r += 97 {
					touched = append(touched, r, r)
					for c := range cols {
						grad[r*cols+c] = float32((r+c)%37)/18 - 1
					}
				}
				w := weights{name: "w", dims: value.Dims, value: value.Float32s(), grad: grad}
				if name != "all" && step != 3 { // one step says nothing of its rows
					w.rows, w.thin = touched, true
				}
				s.update([]weights{w}, 0.01, 0.5)
				if step == 1 { // as after a restart
					state, n := s.State()
					s = NewSolver(o, kernels.Best(), p)
					s.slots, s.step = state, n
				}
			}
			results[name] = value.Float32s()
			slots, _ := s.State()
			for _, key := range slices.Sorted(maps.Keys(slots)) {
				results[name] = append(results[name], slots[key].Float32s()...)
			}
		}
		for _, name := range []string{"one", "two"} {
			for i, want := range results["all"] {
				if got := results[name][i]; math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
					t.Errorf("%s: %s: element %d: got %v, want %v", text, name, i, got, want)
					break
				}
			}
		}
	}
}

func TestAWarmStepAllocatesNothing(t *testing.T) {
	o, err := ParseOptimizer("adam")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSolver(o, kernels.Best(), nil)
	w := []weights{{name: "w", dims: []int64{40, 3}, value: make([]float32, 120), grad: make([]float32, 120), rows: []int{3, 8}, thin: true},
		{name: "b", dims: []int64{3}, value: make([]float32, 3), grad: make([]float32, 3)}}
	if got := testing.AllocsPerRun(10, func() { s.update(w, 0.01, 1) }); got > 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
