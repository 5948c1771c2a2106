package ops

import (
	"math"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// What the fast way of recurrent operators does in one step, once the products with W are there.

// step computes the states after a step; gates holds the products with W.
func (s *recurrentStep) step(f *Frame, r *recurrentRun, d int, gates []float32, step int) {
	h, w := s.hidden, s.dirs[d]
	switch {
	case s.resetFirst():
		s.recur(f, d, w.r, 0, 2*h, r.h, gates, nil)
		for b := range s.batch {
			row := gates[b*s.columns:][:2*h]
			if s.usual {
				s.t.Set.GRUReset(r.a[b*h:][:h], row[h:], r.h[b*h:][:h])
				continue
			}
			s.act(r.acts[0], row)
			s.t.Set.Binary(nil, kernels.Mul, r.a[b*h:][:h], row[h:], r.h[b*h:][:h])
		}
		s.recur(f, d, w.last, 2*h, h, r.a, gates[2*h:], nil)
	case s.resetLast():
		s.recur(f, d, w.r, 0, s.columns, r.h, r.rh, r.bias[s.columns:])
	default:
		s.recur(f, d, w.r, 0, s.columns, r.h, gates, nil)
	}
	for b := range s.batch {
		if r.lens != nil && step >= int(r.lens[b]) {
			continue
		}
		row, state := gates[b*s.columns:][:s.columns], r.h[b*h:][:h]
		switch s.kind {
		case 'R':
			s.act(r.acts[0], row)
			copy(state, row)
		case 'G':
			s.gru(r, row, r.rh[min(b*s.columns, len(r.rh)):], state)
		case 'L':
			s.lstm(r, row, state, r.c[b*h:][:h])
		}
	}
}

// act applies an activation to sums, which it bounds first.
func (s *recurrentStep) act(g gateFunction, x []float32) {
	if !s.unbounded() {
		clip := float32(s.clip)
		s.t.Set.BinaryScalar(nil, kernels.Min, x, x, clip, false)
		s.t.Set.BinaryScalar(nil, kernels.Max, x, x, -clip, false)
	}
	s.apply(g, x, x)
}

func (s *recurrentStep) unbounded() bool { return s.clip > math.MaxFloat32 }

func (s *recurrentStep) apply(g gateFunction, y, x []float32) {
	if g.fast {
		s.t.Set.Unary(nil, g.kernel, y, x)
		return
	}
	for i, v := range x {
		y[i] = float32(g.of(float64(v)))
	}
}

// gru ends the step of a row; rh holds the row's products with R where they are kept apart.
func (s *recurrentStep) gru(r *recurrentRun, row, rh, state []float32) {
	h, set := s.hidden, s.t.Set
	z, reset, y := row[:h], row[h:2*h], row[2*h:]
	switch {
	case s.usual && s.resetLast():
		set.GRUCell(state, z, reset, y, rh[:h], rh[h:2*h], rh[2*h:3*h])
		return
	case s.usual:
		set.GRUUpdate(state, z, y)
		return
	case s.resetLast():
		set.Binary(nil, kernels.Add, row[:2*h], row[:2*h], rh[:2*h])
		s.act(r.acts[0], row[:2*h])
		set.Binary(nil, kernels.Mul, reset, reset, rh[2*h:3*h])
		set.Binary(nil, kernels.Add, y, y, reset)
	}
	s.act(r.acts[1], y)
	// (1-z)·y + z·h = y + z·(h-y)
	set.Binary(nil, kernels.Sub, state, state, y)
	set.Binary(nil, kernels.Mul, state, state, z)
	set.Binary(nil, kernels.Add, state, state, y)
}

func (s *recurrentStep) lstm(r *recurrentRun, row, state, c []float32) {
	h, set := s.hidden, s.t.Set
	i, o, f, y := row[:h], row[h:2*h], row[2*h:3*h], row[3*h:]
	if s.usual {
		set.LSTMCell(state, c, i, o, f, y)
		return
	}
	if r.p == nil && !s.recurrent.fused {
		s.act(r.acts[0], row[:3*h])
	} else {
		if r.p != nil {
			for j, v := range c {
				i[j] += r.p[j] * v
				f[j] += r.p[2*h+j] * v
			}
		}
		s.act(r.acts[0], i)
		if s.recurrent.fused {
			set.BinaryScalar(nil, kernels.Sub, f, i, 1, true)
		} else {
			s.act(r.acts[0], f)
		}
	}
	s.act(r.acts[1], y)
	set.Binary(nil, kernels.Mul, y, y, i)
	set.Binary(nil, kernels.Mul, c, c, f)
	set.Binary(nil, kernels.Add, c, c, y)
	if r.p != nil {
		for j, v := range c {
			o[j] += r.p[h+j] * v
		}
	}
	if r.p != nil || s.recurrent.fused {
		s.act(r.acts[0], o)
	}
	s.apply(r.acts[2], y, c)
	set.Binary(nil, kernels.Mul, state, o, y)
}
