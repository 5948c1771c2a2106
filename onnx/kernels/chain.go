package kernels

// Operand says what a link of a chain joins to each number, if anything.
type Operand uint8

const (
	NoOperand     Operand = iota // the link is a function of one number
	ScalarOperand                // B[0]
	SameOperand                  // B[i]
	RowOperand                   // B[i % len(B)]
	ColumnOperand                // B[i / Cols % len(B)]
)

// Link is one step of a chain: y[i] = Act(y[i]), or y[i] = y[i] op b for the b that
// Operand names, or b op y[i] with Swapped.
type Link struct {
	Act     Activation
	Op      Operation
	Operand Operand
	Swapped bool
	Cols    int
	B       []float32
}

// Chain is functions of each number one after the other. They are applied to blocks
// that stay in the first cache, so that memory is gone through once.
type Chain []Link

// chainBlock is how many numbers of a chain are worked on at once.
const chainBlock = 2048

// Chain computes dst = the chain of x. dst may be x; no operand may share memory with
// dst.
func (s Set) Chain(p *Pool, c Chain, dst, x []float32) {
	if len(dst) != len(x) {
		panic("kernels: Chain: lengths differ")
	}
	c.check(len(x))
	t := chainTask{set: s, chain: c, dst: dst, x: x}
	if parts := p.split(len(dst), c.cost()*len(dst)); parts > 1 && p.begin() {
		p.chain = t
		p.share(&p.chain, len(dst), parts)
		p.chain = chainTask{}
		p.end()
		return
	}
	t.run(0, 0, len(dst))
}

// check panics where an operand is too short for n numbers.
func (c Chain) check(n int) {
	for i := range c {
		switch l := &c[i]; {
		case l.Operand == NoOperand:
		case len(l.B) == 0 || l.Operand == SameOperand && len(l.B) < n || l.Operand == ColumnOperand && l.Cols < 1:
			panic("kernels: Chain: an operand is too short")
		}
	}
}

func (c Chain) cost() int {
	cost := 0
	for i := range c {
		if cost += 2; c[i].Operand == NoOperand {
			cost += c[i].Act.Function.cost() - 2
		}
	}
	return cost
}

type chainTask struct {
	set    Set
	chain  Chain
	dst, x []float32
}

func (t *chainTask) run(_, lo, hi int) { t.chain.apply(t.set, t.dst[lo:hi], t.x[lo:hi], lo) }

// apply computes y = the chain of x, of which the first is number at of a whole.
func (c Chain) apply(s Set, y, x []float32, at int) {
	for len(y) > 0 && len(c) > 0 {
		n := min(chainBlock, len(y))
		from := x[:n]
		for i := range c {
			c[i].apply(s, y[:n], from, at)
			from = y[:n]
		}
		y, x, at = y[n:], x[n:], at+n
	}
}

func (l *Link) apply(s Set, y, x []float32, at int) {
	switch l.Operand {
	case NoOperand:
		s.unary(l.Act, y, x)
	case ScalarOperand:
		s.binaryScalar(l.Op, y, x, l.B[0], l.Swapped)
	case SameOperand:
		l.join(s, y, x, l.B[at:at+len(y)])
	case RowOperand:
		for len(y) > 0 {
			b := l.B[at%len(l.B):]
			n := min(len(b), len(y))
			l.join(s, y[:n], x[:n], b[:n])
			y, x, at = y[n:], x[n:], at+n
		}
	case ColumnOperand:
		for len(y) > 0 {
			n := min(l.Cols-at%l.Cols, len(y))
			s.binaryScalar(l.Op, y[:n], x[:n], l.B[at/l.Cols%len(l.B)], l.Swapped)
			y, x, at = y[n:], x[n:], at+n
		}
	}
}

func (l *Link) join(s Set, y, x, b []float32) {
	if l.Swapped {
		x, b = b, x
	}
	s.binary(l.Op, y, x, b)
}
