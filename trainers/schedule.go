package trainers

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Schedule is how the learning rate goes over a run. The zero value is constant.
type Schedule struct {
	kind     scheduleKind
	every    int     // step: epochs
	gamma    float64 // step and plateau
	warmup   int     // cosine: steps
	patience int     // plateau: epochs
}

type scheduleKind uint8

const (
	constantSchedule scheduleKind = iota
	stepSchedule
	cosineSchedule
	plateauSchedule
)

// ParseSchedule reads a schedule:
//
//	constant                  the rate stays (also where the text is empty)
//	step:every=N,gamma=F      the rate is multiplied by F (0.1 where left out) after every N epochs
//	cosine[:warmup=N]         over the first N steps (batches; 0 where left out) the rate rises in a line to the full one,
//	                          then it falls along half a cosine towards 0 at the end of the run
//	plateau:patience=N,factor=F  the rate is multiplied by F (0.1 where left out) after every N epochs in a row without a
//	                          lower validation loss than the lowest before
func ParseSchedule(text string) (Schedule, error) {
	name, rest, more := strings.Cut(text, ":")
	fail := func(err error) (Schedule, error) { return Schedule{}, fmt.Errorf("schedule %q: %w", text, err) }
	var pairs []setting
	if more {
		var err error
		if pairs, err = settings(rest); err != nil {
			return fail(err)
		}
	}
	var s Schedule
	every, warmup, patience := 0.0, 0.0, 0.0
	var numbers []number
	required := ""
	switch name {
	case "", "constant":
		if more {
			return fail(fmt.Errorf("constant has no keys"))
		}
		return Schedule{}, nil
	case "step":
		s = Schedule{kind: stepSchedule, gamma: 0.1}
		numbers = []number{{key: "every", value: &every, least: 1}, {key: "gamma", value: &s.gamma, positive: true}}
		required = "every"
	case "cosine":
		s = Schedule{kind: cosineSchedule}
		numbers = []number{{key: "warmup", value: &warmup}}
	case "plateau":
		s = Schedule{kind: plateauSchedule, gamma: 0.1}
		numbers = []number{{key: "patience", value: &patience, least: 1}, {key: "factor", value: &s.gamma, positive: true, below: 1}}
		required = "patience"
	default:
		return fail(fmt.Errorf("there is none of that name; there are constant, step:every=N,gamma=F, cosine:warmup=N and plateau:patience=N,factor=F"))
	}
	for _, p := range pairs {
		at := slices.IndexFunc(numbers, func(n number) bool { return n.key == p.key })
		if at < 0 {
			return fail(fmt.Errorf("%q is not a key of %s", p.key, name))
		}
		if err := numbers[at].set(p.value); err != nil {
			return fail(err)
		}
		if whole := *numbers[at].value; p.key != "gamma" && p.key != "factor" && (whole != math.Trunc(whole) || whole > math.MaxInt32) {
			return fail(fmt.Errorf("%s: %s is not a whole number", p.key, p.value))
		}
	}
	if required != "" && !slices.ContainsFunc(pairs, func(p setting) bool { return p.key == required }) {
		return fail(fmt.Errorf("%s is missing", required))
	}
	s.every, s.warmup, s.patience = int(every), int(warmup), int(patience)
	return s, nil
}

// String writes the schedule as ParseSchedule reads it.
func (s Schedule) String() string {
	switch s.kind {
	case stepSchedule:
		return fmt.Sprintf("step:every=%d,gamma=%s", s.every, strconv.FormatFloat(s.gamma, 'g', -1, 64))
	case cosineSchedule:
		return fmt.Sprintf("cosine:warmup=%d", s.warmup)
	case plateauSchedule:
		return fmt.Sprintf("plateau:patience=%d,factor=%s", s.patience, strconv.FormatFloat(s.gamma, 'g', -1, 64))
	}
	return "constant"
}

// Factor is what the learning rate is multiplied by at a step, counted from 0 over the whole run of total steps,
// perEpoch of them an epoch. It is never negative. With a cosine and warm-up w, step s has (s+1)/w while s < w, then
// (1 + cos(π·(s-w)/(total-w)))/2: the full rate at step w, and 0 only at step total, which is never taken.
func (s Schedule) Factor(step, total, perEpoch int) float64 {
	switch s.kind {
	case stepSchedule:
		return math.Pow(s.gamma, float64(step/max(1, perEpoch)/s.every))
	case cosineSchedule:
		if step < s.warmup {
			return float64(step+1) / float64(s.warmup)
		}
		if step >= total {
			return 0
		}
		return (1 + math.Cos(math.Pi*float64(step-s.warmup)/float64(total-s.warmup))) / 2
	}
	return 1
}

// Validated says whether the schedule needs validation losses.
func (s Schedule) Validated() bool { return s.kind == plateauSchedule }

// Plateau is what the learning rate is multiplied by besides [Schedule.Factor], after epochs with these validation losses: 1 but
// for a plateau schedule. It depends on the losses alone, so that a run that is resumed goes on with the same rate.
func (s Schedule) Plateau(losses []float64) float64 {
	if s.kind != plateauSchedule {
		return 1
	}
	factor, best, waited := 1.0, math.Inf(1), 0
	for _, loss := range losses {
		if waited++; loss < best {
			best, waited = loss, 0
		}
		if waited == s.patience {
			factor, waited = factor*s.gamma, 0
		}
	}
	return factor
}
