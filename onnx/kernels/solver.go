package kernels

import "math"

// Step is what every optimizer's update has: the gradient used is
// Scale·g + WeightDecay·w. Scale 0 means 1; it is where clipping by norm goes.
// Gradients are never written.
type Step struct {
	LearningRate float64
	WeightDecay  float64
	Scale        float64
}

// SGD is stochastic gradient descent in PyTorch's form: b = Momentum·b + g, then
// w -= LearningRate·(Nesterov ? g + Momentum·b : b).
type SGD struct {
	Step
	Momentum float64
	Nesterov bool
}

// RMSprop in PyTorch's form: q = Rho·q + (1-Rho)·g², d = g / (√q + Epsilon), with
// Momentum b = Momentum·b + d in place of d; w -= LearningRate·d.
type RMSprop struct {
	Step
	Rho, Epsilon, Momentum float64
}

// Adam in PyTorch's form: m = Beta1·m + (1-Beta1)·g, v = Beta2·v + (1-Beta2)·g²,
// w -= LearningRate/(1-Beta1^T) · m / (√v/√(1-Beta2^T) + Epsilon). Decoupled is
// AdamW: the decay leaves the gradient alone and multiplies w by
// 1 - LearningRate·WeightDecay first.
type Adam struct {
	Step
	Beta1, Beta2, Epsilon float64
	T                     int // number of this update, from 1
	Decoupled             bool
}

// Adagrad in PyTorch's form: q += g², w -= LearningRate/(1+(T-1)·Decay) · g/(√q+Epsilon).
type Adagrad struct {
	Step
	Decay, Epsilon float64
	T              int // number of this update, from 1
}

// Adadelta in PyTorch's form: q = Rho·q + (1-Rho)·g², d = √(a+Epsilon)/√(q+Epsilon)·g,
// a = Rho·a + (1-Rho)·d², w -= LearningRate·d.
type Adadelta struct {
	Step
	Rho, Epsilon float64
}

// UpdateSGD steps w by gradient g. b is the momentum, zero before the first
// update; it may be nil when Momentum is 0.
func (s Set) UpdateSGD(p *Pool, r SGD, w, g, b []float32) {
	t := updateTask{rule: ruleSGD, w: w, g: g}
	t.k[0] = float32(r.LearningRate)
	if r.Momentum != 0 {
		t.rule, t.a = ruleMomentum, b
		if r.Nesterov {
			t.rule = ruleNesterov
		}
		t.k[1] = float32(r.Momentum)
	}
	s.update(p, r.Step, t)
}

// UpdateRMSprop steps w by gradient g. q is the mean square and b the momentum,
// both zero before the first update; b may be nil when Momentum is 0.
func (s Set) UpdateRMSprop(p *Pool, r RMSprop, w, g, q, b []float32) {
	t := updateTask{rule: ruleRMSprop, w: w, g: g, a: q}
	t.k = [8]float32{float32(r.LearningRate), float32(r.Rho), float32(1 - r.Rho), float32(r.Epsilon)}
	if r.Momentum != 0 {
		t.rule, t.b = ruleRMSpropMomentum, b
		t.k[4] = float32(r.Momentum)
	}
	s.update(p, r.Step, t)
}

// UpdateAdam steps w by gradient g. m and v are the moments, zero before the
// first update.
func (s Set) UpdateAdam(p *Pool, r Adam, w, g, m, v []float32) {
	t := updateTask{rule: ruleAdam, w: w, g: g, a: m, b: v}
	keep := 1.0
	if r.Decoupled {
		keep = 1 - r.LearningRate*r.WeightDecay
		r.WeightDecay = 0
	}
	t.k = [8]float32{
		float32(r.LearningRate / (1 - math.Pow(r.Beta1, float64(r.T)))),
		float32(r.Beta1), float32(1 - r.Beta1),
		float32(r.Beta2), float32(1 - r.Beta2),
		float32(1 / math.Sqrt(1-math.Pow(r.Beta2, float64(r.T)))),
		float32(r.Epsilon), float32(keep),
	}
	s.update(p, r.Step, t)
}

// UpdateAdagrad steps w by gradient g. q is the sum of squares, zero before the
// first update.
func (s Set) UpdateAdagrad(p *Pool, r Adagrad, w, g, q []float32) {
	t := updateTask{rule: ruleAdagrad, w: w, g: g, a: q}
	t.k[0] = float32(r.LearningRate / (1 + float64(r.T-1)*r.Decay))
	t.k[1] = float32(r.Epsilon)
	s.update(p, r.Step, t)
}

// UpdateAdadelta steps w by gradient g. q and a are the mean squares of gradients
// and of steps, zero before the first update.
func (s Set) UpdateAdadelta(p *Pool, r Adadelta, w, g, q, a []float32) {
	t := updateTask{rule: ruleAdadelta, w: w, g: g, a: q, b: a}
	t.k = [8]float32{float32(r.LearningRate), float32(r.Rho), float32(1 - r.Rho), float32(r.Epsilon)}
	s.update(p, r.Step, t)
}

type rule uint8

const (
	ruleSGD rule = iota
	ruleMomentum
	ruleNesterov
	ruleRMSprop
	ruleRMSpropMomentum
	ruleAdam
	ruleAdagrad
	ruleAdadelta
)

// updateTask is one update: k holds the rule's numbers in the order its
// constructor above gives them.
type updateTask struct {
	set          Set
	rule         rule
	scale, decay float32
	k            [8]float32
	w, g, a, b   []float32
}

func (s Set) update(p *Pool, step Step, t updateTask) {
	t.set, t.scale, t.decay = s, float32(step.Scale), float32(step.WeightDecay)
	if step.Scale == 0 {
		t.scale = 1
	}
	n := len(t.w)
	if len(t.g) != n || t.a != nil && len(t.a) != n || t.b != nil && len(t.b) != n {
		panic("kernels: Update: lengths differ")
	}
	if parts := p.split(n, 16*n); parts > 1 && p.begin() {
		p.update = t
		p.share(&p.update, n, parts)
		p.update = updateTask{}
		p.end()
		return
	}
	t.run(0, 0, n)
}

func (t *updateTask) run(_, lo, hi int) {
	u := *t
	u.w, u.g = u.w[lo:hi], u.g[lo:hi]
	if u.a != nil {
		u.a = u.a[lo:hi]
	}
	if u.b != nil {
		u.b = u.b[lo:hi]
	}
	u.set.step(&u)
}

func stepPortable(u *updateTask) {
	k := &u.k
	root := func(v float32) float32 { return float32(math.Sqrt(float64(v))) }
	for i, g := range u.g {
		w := u.w[i]
		g = float32(u.scale*g) + float32(u.decay*w)
		switch u.rule {
		case ruleSGD:
			w -= float32(k[0] * g)
		case ruleMomentum:
			b := float32(k[1]*u.a[i]) + g
			u.a[i] = b
			w -= float32(k[0] * b)
		case ruleNesterov:
			b := float32(k[1]*u.a[i]) + g
			u.a[i] = b
			w -= float32(k[0] * (g + float32(k[1]*b)))
		case ruleRMSprop, ruleRMSpropMomentum:
			q := float32(k[1]*u.a[i]) + float32(k[2]*float32(g*g))
			u.a[i] = q
			d := g / (root(q) + k[3])
			if u.rule == ruleRMSpropMomentum {
				d += float32(k[4] * u.b[i])
				u.b[i] = d
			}
			w -= float32(k[0] * d)
		case ruleAdam:
			m := float32(k[1]*u.a[i]) + float32(k[2]*g)
			v := float32(k[3]*u.b[i]) + float32(k[4]*float32(g*g))
			u.a[i], u.b[i] = m, v
			w = float32(k[7]*w) - float32(k[0]*m)/(float32(root(v)*k[5])+k[6])
		case ruleAdagrad:
			q := u.a[i] + float32(g*g)
			u.a[i] = q
			w -= float32(k[0]*g) / (root(q) + k[1])
		case ruleAdadelta:
			q := float32(k[1]*u.a[i]) + float32(k[2]*float32(g*g))
			d := root(u.b[i]+k[3]) / root(q+k[3]) * g
			u.a[i] = q
			u.b[i] = float32(k[1]*u.b[i]) + float32(k[2]*float32(d*d))
			w -= float32(k[0] * d)
		}
		u.w[i] = w
	}
}
