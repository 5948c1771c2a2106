package kernels

// strips is a convolution of one image, cut in strips of rows that are computed with
// what lies between them into a tile, or straight into the result where that wastes
// no more, block after block of output channels.
type strips struct {
	f                   *flat
	weights, bias       []float32
	act                 Activation
	high, wide          int // of the result that is computed
	rows                int // of a strip
	direct              bool
	pool                bool        // the result is pooled by 2 by 2
	edgeRow, edgeColumn bool        // the last window reaches beyond it
	weave               *Transposed // four channels each are the phases of one
	square              *winograd   // the way by squares, nil where it does not pay
}

// stripPixels is how many pixels a strip with several rows may have.
const stripPixels = 768

func newStrips(c *Conv, g Stage) strips {
	if len(g.Packed) < c.PackedLen() || g.Bias != nil && len(g.Bias) < c.shape.OC {
		panic("kernels: NewRegion: weights or bias are too short")
	}
	oh, ow := c.Output()
	return strips{f: &c.forward, weights: g.Packed, bias: g.Bias, act: g.Act, high: oh, wide: ow}
}

// pixels is how many pixels a strip of rows computes, those between the rows included.
func (c *strips) pixels(rows int) int { return (rows-1)*c.f.cols + c.wide }

// trySquares takes the way by squares where it pays; before plan.
func (c *strips) trySquares(s Set) {
	if c.weave != nil {
		return
	}
	if c.square = newWinograd(s, c.f, c.high, c.wide); c.square != nil {
		c.f = c.square.widened(c.f)
	}
}

// plan chooses the rows of a strip: as many as waste the fewest lanes and calls.
func (c *strips) plan(s Set) {
	step := 1
	if c.pool {
		step = 2
	}
	mr := min(block, c.f.out)
	rows, joined := s.joinedRows(mr, c.high, c.wide, c.f.cols, c.f.k(), step, stripPixels)
	c.rows = rows
	if c.pool || c.weave != nil {
		return
	}
	// Rows by themselves need no copy, about eight pixels a cycle and some cycles a row.
	apart := c.high * (20 + s.cycles(mr, c.wide, c.f.k()))
	if c.f.cols == c.wide || apart <= joined+c.high*mr*(8+c.wide/8) {
		c.direct, c.rows = true, min(c.high, max(1, stripPixels/c.wide))
	}
}

func (c *strips) units() int {
	if c.square != nil {
		return c.square.strips()
	}
	return (c.high + c.rows - 1) / c.rows * c.f.blocks()
}

// tilePlane is the distance between channels in a tile.
func (c *strips) tilePlane() int { return ((c.rows+1)*c.f.cols + 15) &^ 15 }

func (c *strips) tileLen() int {
	n := block * c.tilePlane()
	if c.direct {
		n = 0
	}
	if c.square != nil {
		n = max(n, c.square.room())
	}
	return n
}

// run computes units lo to hi: of each strip, one block of channels after the other.
func (c *strips) run(s Set, src, dst []float32, to layout, tile []float32, lo, hi int) {
	for u := lo; u < hi; u++ {
		c.unit(s, src, dst, to, tile, u)
	}
}

// unit computes one of them and says what it makes of the result and where that is.
func (c *strips) unit(s Set, src, dst []float32, to layout, tile []float32, u int) (made moved, at int) {
	if c.square != nil {
		return c.squares(s, src, dst, to, tile, u)
	}
	row, b := u/c.f.blocks()*c.rows, u%c.f.blocks()
	return c.part(s, src, dst, to, tile, row, min(c.rows, c.high-row), b)
}

// squares is a unit by squares, of all channels.
func (c *strips) squares(s Set, src, dst []float32, to layout, tile []float32, u int) (made moved, at int) {
	w := c.square
	row := 2 * u * w.rows
	rows := min(2*w.parts(s, u, src, c.f.cols, c.f.planeLen(), tile), c.high-row)
	for b := range c.f.blocks() {
		channels := min(block, c.f.out-b*block)
		result, finite := w.block(s, b, (rows+1)/2, tile)
		if !finite { // of the whole strip: the same whatever was computed before
			for b := range c.f.blocks() {
				for r := 0; r < rows; r += c.rows {
					c.part(s, src, dst, to, tile, row+r, min(c.rows, rows-r), b)
				}
			}
			break
		}
		for i := 0; c.act.Function != Identity && i < channels; i++ {
			y := result[i*w.area:][:rows*w.rowOut]
			s.unary(c.act, y, y)
		}
		l := to
		l.at += b * block * to.plane
		c.put(s, dst, l, row, rows, channels, result, layout{0, w.rowOut, w.area})
	}
	if c.pool {
		return moved{c.f.out, (rows + 1) / 2, (c.wide + 1) / 2}, to.at + row/2*to.row
	}
	return moved{c.f.out, rows, c.wide}, to.at + row*to.row
}

// put writes rows that lie in a tile, pooled or as they are, to where a block of
// channels begins.
func (c *strips) put(s Set, dst []float32, to layout, row, rows, channels int, tile []float32, tiled layout) (made moved, at int) {
	if c.pool {
		to.at += row / 2 * to.row
		c.repeat(channels, rows, row+rows == c.high, tile, tiled)
		made = moved{channels, (rows + 1) / 2, (c.wide + 1) / 2}
		s.poolPlanes(made, dst, to, tile, tiled)
		return made, to.at
	}
	to.at += row * to.row
	made = moved{channels, rows, c.wide}
	s.copyPlanes(made, dst, to, tile, tiled)
	return made, to.at
}

// part computes rows of a block of channels.
func (c *strips) part(s Set, src, dst []float32, to layout, tile []float32, row, rows, b int) (made moved, at int) {
	channels := min(block, c.f.out-b*block)
	x, tiled := src[row*c.f.cols:], layout{0, c.f.cols, c.tilePlane()}
	to.at += b * block * to.plane
	switch {
	case c.direct:
		to.at += row * to.row
		r := result{y: dst[to.at:], plane: to.plane, channels: channels, rows: rows, cols: c.wide, nextX: c.f.cols, nextY: to.row}
		if to.row == c.wide && c.f.cols == c.wide {
			r.rows, r.cols = 1, rows*c.wide
		}
		c.block(s, x, b, r)
		return moved{channels, rows, c.wide}, to.at
	case c.weave != nil:
		c.joined(s, x, b, channels, rows, tile)
		to.at -= b * (block - block/4) * to.plane // four channels are one of the result
		return c.phases(s, dst, to, channels/4, row, rows, tile)
	}
	c.joined(s, x, b, channels, rows, tile)
	return c.put(s, dst, to, row, rows, channels, tile, tiled)
}

// joined computes rows of a block and what lies between them into a tile.
func (c *strips) joined(s Set, x []float32, b, channels, rows int, tile []float32) {
	c.block(s, x, b, result{y: tile, plane: c.tilePlane(), channels: channels, rows: 1, cols: c.pixels(rows)})
}

// block computes one block of channels to r.
func (c *strips) block(s Set, x []float32, b int, r result) {
	size := c.f.k() * block
	var bias []float32
	if c.bias != nil {
		bias = c.bias[b*block:][:r.channels]
	}
	if s.convolve(c.f, x, c.weights[b*size:][:size], bias, c.act, r) {
		return
	}
	for i := range r.channels {
		for k := range r.rows {
			y := r.y[i*r.plane+k*r.nextY:][:r.cols]
			s.unary(c.act, y, y)
		}
	}
}

// repeat writes the last column and row of a tile once more, where windows of a
// pooling reach beyond them.
func (c *strips) repeat(channels, rows int, last bool, tile []float32, l layout) {
	for i := range channels {
		t := tile[i*l.plane:]
		for r := 0; c.edgeColumn && r < rows; r++ {
			t[r*l.row+c.wide] = t[r*l.row+c.wide-1]
		}
		if c.edgeRow && last {
			copy(t[rows*l.row:][:c.wide+1], t[(rows-1)*l.row:])
		}
	}
}

// phases puts the phases of some channels, which lie in a tile from a row of their
// planes on, between each other, and says what that makes and where.
func (c *strips) phases(s Set, dst []float32, to layout, channels, row, rows int, tile []float32) (made moved, at int) {
	t := c.weave
	from := layout{row: c.f.cols, plane: 4 * c.tilePlane()}
	for phase := range 2 {
		y, start := 2*row+phase-t.beginH, 0 // of the result and of the tile
		if y < 0 {
			y, start = y+2, 1
		}
		n := min(rows-start, (t.shape.H-y+1)/2)
		if n < 1 {
			continue
		}
		even, odd := tile[2*phase*c.tilePlane()+start*c.f.cols:], tile[(2*phase+1)*c.tilePlane()+start*c.f.cols:]
		if t.beginW == 1 {
			even, odd = odd, even[1:]
		}
		s.zipPlanes(moved{channels, n, t.shape.W}, dst, layout{to.at + y*to.row, 2 * to.row, to.plane}, even, odd, from)
	}
	begin, end := max(0, 2*row-t.beginH), min(t.shape.H, 2*(row+rows)-t.beginH)
	return moved{channels, max(0, end-begin), t.shape.W}, to.at + begin*to.row
}
