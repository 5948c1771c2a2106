package kernels

// Doubled is a convolution of planes that an upsampling by 2 has made, computed on the
// planes before it. Each pixel of these is read by several weights together, so that
// the result at even and odd rows and columns is a convolution with the sums of these:
// of 3 by 3, four of 2 by 2, which is less than half of the work. It is immutable and
// serves any number of goroutines, sets and batch sizes.
type Doubled struct {
	shape      ConvShape // of the doubled planes
	conv       *Conv     // of the planes before, four channels for one
	weave      weave
	tapH, tapW [2][]int // which row or column of the sums a weight goes to, for each phase
}

// NewDoubled prepares the convolution of a shape, whose planes are those of up. It is nil
// where that is not less work.
func NewDoubled(shape ConvShape, up UpsampleShape) *Doubled {
	c := NewConv(shape).shape
	if c.StrideH != 1 || c.StrideW != 1 || c.DilationH != 1 || c.DilationW != 1 || c.Groups != 1 ||
		up.FactorH != 2 || up.FactorW != 2 || 2*up.H != c.H || 2*up.W != c.W || up.Planes != c.C {
		return nil
	}
	oh, ow := c.Output()
	d := &Doubled{shape: c, weave: weave{channels: c.OC, h: oh, w: ow}}
	q := ConvShape{C: c.C, H: up.H, W: up.W, OC: 4 * c.OC}
	q.KH, q.PadTop, q.PadBottom = doubledAxis(c.KH, c.PadTop, up.H, oh, &d.tapH, &d.weave.atH)
	q.KW, q.PadLeft, q.PadRight = doubledAxis(c.KW, c.PadLeft, up.W, ow, &d.tapW, &d.weave.atW)
	if q.KH*q.KW >= c.KH*c.KW {
		return nil
	}
	d.conv = NewConv(q)
	return d
}

// doubledAxis settles one axis: row 2i+a of the result reads with weight k row
// ⌊(2i+a+k-pad)/2⌋ of in.
func doubledAxis(k, pad, in, out int, taps *[2][]int, at *[2]int) (size, begin, end int) {
	first := func(a int) int { return (a - pad) >> 1 } // the row that the first weight reads, from i
	begin = -first(0)
	last := 0
	for a := range 2 {
		for i := range k {
			tap := (a+i-pad)>>1 - first(a)
			taps[a] = append(taps[a], tap)
			size = max(size, tap+1)
		}
		at[a] = first(a) + begin
		if n := (out - a + 1) / 2; n > 0 {
			last = max(last, n-1+at[a])
		}
	}
	return size, begin, max(0, last+size-in-begin)
}

// each calls f with each weight's place and those of its sums.
func (d *Doubled) each(f func(weight, sum int)) {
	c, q := &d.shape, &d.conv.shape
	i := 0
	for o := range c.OC {
		for ch := range c.C {
			for y := range c.KH {
				for x := range c.KW {
					for phase := range 4 {
						f(i, (((o*4+phase)*c.C+ch)*q.KH+d.tapH[phase/2][y])*q.KW+d.tapW[phase%2][x])
					}
					i++
				}
			}
		}
	}
}

// sums writes the sums of weights w.
func (d *Doubled) sums(dst, w []float32) {
	clear(dst)
	d.each(func(weight, sum int) { dst[sum] += w[weight] })
}

// TrainingScratch is as Conv's.
func (d *Doubled) TrainingScratch(s Set, p *Pool, f ConvTraining) int {
	f.Upsample, f.weave = nil, &d.weave
	return d.conv.WeightLen() + d.conv.shape.OC + d.conv.TrainingScratch(s, p, f)
}

// ForwardTraining is as Conv's; there is no pooling.
func (d *Doubled) ForwardTraining(s Set, p *Pool, f ConvTraining) {
	if f.Pool != nil || len(f.W) != d.shape.OC*d.shape.C*d.shape.KH*d.shape.KW || f.Bias != nil && len(f.Bias) < d.shape.OC {
		panic("kernels: Doubled: slices do not fit the shape, or a pooling")
	}
	n, channels := d.conv.WeightLen(), d.conv.shape.OC
	w, bias := f.Scratch[:n], f.Scratch[n:][:channels]
	f.Scratch = f.Scratch[n+channels:]
	d.sums(w, f.W)
	if f.Bias != nil {
		for i := range bias {
			bias[i] = f.Bias[i/4]
		}
		f.Bias = bias
	}
	f.W, f.Upsample, f.weave = w, nil, &d.weave
	d.conv.ForwardTraining(s, p, f)
}

// BackwardScratch is as Conv's.
func (d *Doubled) BackwardScratch(s Set, p *Pool, n int, b ConvBackward) int {
	b.Upsample, b.weave = nil, &d.weave
	return 2*d.conv.WeightLen() + d.conv.shape.OC + d.conv.BackwardScratch(s, p, n, b)
}

// Backward is as Conv's; there is no pooling.
func (d *Doubled) Backward(s Set, p *Pool, b ConvBackward) {
	weights := d.shape.OC * d.shape.C * d.shape.KH * d.shape.KW
	if b.Pool != nil || b.W != nil && len(b.W) != weights || b.DW != nil && len(b.DW) != weights || b.DB != nil && len(b.DB) != d.shape.OC {
		panic("kernels: Doubled: slices do not fit the shape, or a pooling")
	}
	q := b
	cut := func(n int) (part []float32) {
		part, q.Scratch = q.Scratch[:n], q.Scratch[n:]
		return part
	}
	n := d.conv.WeightLen()
	if q.Upsample, q.weave = nil, &d.weave; b.W != nil {
		q.W = cut(n)
		d.sums(q.W, b.W)
	}
	if b.DW != nil {
		q.DW = cut(n)
	}
	if b.DB != nil {
		q.DB = cut(d.conv.shape.OC)
	}
	d.conv.Backward(s, p, q)
	if b.DW != nil {
		clear(b.DW)
		d.each(func(weight, sum int) { b.DW[weight] += q.DW[sum] })
	}
	for i := range b.DB {
		b.DB[i] = q.DB[4*i] // see spread
	}
}
