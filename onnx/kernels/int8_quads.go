package kernels

// quads lays one phase of one plane of an image out.
func (t *byteConvTask) quads(image, work []byte, n, g, plane, phase int) {
	c := t.c
	s := &c.shape
	size := s.H * s.W
	x := t.f.X[(n*s.C+g*c.in)*size:]
	dst := image[4*(plane*len(c.phases)+phase)*c.ph*c.pw:][:4*c.ph*c.pw]
	fy, fx := c.phases[phase][0], c.phases[phase][1]
	if c.asItLies() {
		var rows [4][]byte
		for l := range rows {
			channel, _, ok := c.tap(plane, 0, l)
			if !ok {
				channel = 4 * plane // any: its weights are 0
			}
			rows[l] = x[channel*size:][:size]
		}
		t.set.interleave(dst, rows[0], rows[1], rows[2], rows[3], t.flip)
		return
	}
	lines := work[(byteRows+1)*up64(4*c.pixels()+64)+up64(c.pixels()+16):]
	for qy := range c.ph {
		d := dst[4*qy*c.pw:][:4*c.pw]
		y := qy*s.StrideH + fy - s.PadTop
		if y < 0 || y >= s.H {
			v := byte(t.zeroX)
			for i := range d {
				d[i] = v
			}
			continue
		}
		var rows [4][]byte
		for l := range rows {
			channel, shift := plane, fx-s.PadLeft
			if c.across {
				shift += l * s.DilationW
			} else if channel = 4*plane + l; channel >= c.in {
				rows[l] = rows[0]
				continue
			}
			rows[l] = lines[l*up64(c.pw):][:c.pw]
			t.line(rows[l], x[channel*size+y*s.W:][:s.W], shift)
		}
		t.set.interleave(d, rows[0], rows[1], rows[2], rows[3], t.flip)
	}
}

// asItLies says whether a plane of quads is the channels' planes as they are.
func (c *ByteConv) asItLies() bool {
	s := &c.shape
	return !c.across && s.KH == 1 && s.KW == 1 && s.StrideH == 1 && s.StrideW == 1 && c.ph == s.H && c.pw == s.W && s.PadTop == 0 && s.PadLeft == 0
}

// line computes dst[i] = x[i·stride + shift], the zero point beyond its ends.
func (t *byteConvTask) line(dst, x []byte, shift int) {
	zero, stride := byte(t.f.ZeroX), t.c.shape.StrideW
	lo := min(len(dst), max(0, (-shift+stride-1)/stride))
	hi := max(lo, min(len(dst), (len(x)-shift+stride-1)/stride))
	if len(x) <= shift {
		hi = lo
	}
	for i := range lo {
		dst[i] = zero
	}
	inner := dst[lo:hi]
	switch {
	case len(inner) == 0:
	case stride == 1:
		copy(inner, x[lo+shift:])
	default:
		from := x[lo*stride+shift:]
		for i := range inner {
			inner[i] = from[i*stride]
		}
	}
	for i := hi; i < len(dst); i++ {
		dst[i] = zero
	}
}
