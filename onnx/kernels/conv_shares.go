package kernels

// convGradientTask is a backward pass shared out by shares of the batch.
type convGradientTask struct {
	set           Set
	c             *Conv
	b             ConvBackward
	n, shares     int
	image, result int // elements of one image of X and of DY
	room          backwardRoom
	packed        []float32
	strips        strips    // of the gradient by the input, of one group
	walk          walk      // of several
	dw, db        []float32 // for each share
	scratch       []float32 // for each worker
}

func (t *convGradientTask) run(worker, lo, hi int) {
	s := t.scratch[worker*t.room.len():][:t.room.len()]
	cut := func(n int) (part []float32) {
		part, s = s[:n:n], s[n:]
		return part
	}
	w := convGradientWorker{convGradientTask: t, f: &t.c.forward, planes: t.c.gradientPlanes(),
		x: cut(t.room.x), dy: cut(t.room.dy), padded: cut(t.room.padded), plain: cut(t.room.plain), tile: cut(t.room.tile), large: cut(t.room.large)}
	clear(w.x)
	clear(w.dy)
	clear(w.padded)
	for i := lo; i < hi; i++ {
		w.share(i)
	}
}

// convGradientWorker is who computes shares.
type convGradientWorker struct {
	*convGradientTask
	f                                 *flat
	planes                            gradientPlanes
	x, dy, padded, plain, tile, large []float32
}

// share computes share i: a stack of images after the other.
func (w *convGradientWorker) share(i int) {
	c := w.c
	var dw, db []float32
	if w.dw != nil {
		dw = w.dw[i*c.WeightLen():][:c.WeightLen()]
		clear(dw)
	}
	if w.db != nil {
		db = w.db[i*c.shape.OC:][:c.shape.OC]
		clear(db)
	}
	g := &w.planes
	dy := w.dy[g.reach:]
	end := w.n * (i + 1) / w.shares
	for first := w.n * i / w.shares; first < end; first += g.stack {
		images := min(g.stack, end-first)
		for k := range images {
			w.spread(first+k, dy[k*g.plane:], db)
			if w.b.DX != nil {
				w.input(first+k, dy[k*g.plane:])
			}
		}
		if dw != nil {
			w.weights(first, images, dw)
		}
	}
}

// input computes the gradient by image n from what spread has written to dy.
func (w *convGradientWorker) input(n int, dy []float32) {
	back := &w.c.backward
	back.place(w.set, w.padded, dy, layout{0, w.planes.cols, w.planes.apartY})
	dx := w.b.DX[n*w.image:][:w.image]
	if w.strips.pool {
		w.folded(dx)
		return
	}
	to := dx
	if w.b.Upsample != nil {
		to = w.large
	}
	if back.groups == 1 {
		w.strips.run(w.set, w.padded, to, dense(back.oh, back.ow), w.tile, 0, w.strips.units())
	} else {
		for i := range w.walk.strips {
			back.strip(w.set, w.walk, i, w.padded, w.packed, nil, Activation{}, to, w.tile, nil, 0)
		}
	}
	if w.b.Upsample != nil {
		t := upsampleTask{set: w.set, sh: *w.b.Upsample, x: dx, y: to, backward: true}
		t.run(0, 0, w.c.shape.C)
	}
}

// folded computes the gradient by an image that was upsampled by 2.
func (w *convGradientWorker) folded(dx []float32) {
	c, up := &w.strips, w.b.Upsample
	for u := range c.units() {
		row, b := u/c.f.blocks()*c.rows, u%c.f.blocks()
		rows, channels := min(c.rows, c.high-row), min(block, c.f.out-b*block)
		c.joined(w.set, w.padded[row*c.f.cols:], b, channels, rows, w.tile)
		to := layout{(b*block*up.H + row/2) * up.W, up.W, up.H * up.W}
		w.set.foldPlanes(moved{channels, rows / 2, up.W}, dx, to, w.tile, layout{0, c.f.cols, c.tilePlane()})
	}
}

// place writes planes as the kernels see them to dst, whose zeros are there.
func (f *flat) place(s Set, dst, src []float32, from layout) {
	planes := f.groups * f.in
	if f.insertH == 1 && f.insertW == 1 {
		top, left := max(f.padTop, 0), max(f.padLeft, 0)
		cutTop, cutLeft := top-f.padTop, left-f.padLeft
		rows, cols := min(f.rows-top, f.h-cutTop), min(f.cols-left, f.w-cutLeft)
		if rows > 0 && cols > 0 {
			from.at = cutTop*from.row + cutLeft
			s.copyPlanes(moved{planes, rows, cols}, dst, layout{top*f.cols + left, f.cols, f.planeLen()}, src, from)
		}
		return
	}
	for i := range planes * f.h {
		p, y := i/f.h, i%f.h
		r := y*f.insertH + f.padTop
		if r < 0 || r >= f.rows {
			continue
		}
		row := dst[p*f.planeLen()+r*f.cols:][:f.cols]
		for x := range f.w {
			if q := x*f.insertW + f.padLeft; q >= 0 && q < f.cols {
				row[q] = src[p*from.plane+y*from.row+x]
			}
		}
	}
}

// weights adds to dw what a stack of images gives.
func (w *convGradientWorker) weights(first, images int, dw []float32) {
	f, g := w.f, &w.planes
	x := w.x
	if w.room.x == 0 {
		x = w.b.X[first*w.image:][:w.image]
		raceRead(x)
	} else {
		for k := range images {
			w.load(x[k*g.plane:], w.b.X[(first+k)*w.image:][:w.image])
		}
	}
	n := (images-1)*g.plane + (f.oh-1)*g.cols + f.ow
	for i := range f.groups {
		x, dy, to := x[i*f.in*g.apartX:], w.dy[i*f.out*g.apartY:], dw[i*f.out*f.k():][:f.out*f.k()]
		if g.reach > 0 && w.set.isa != portable {
			w.set.dotsOfRows(g, dy, x, to, n)
			continue
		}
		w.set.dots(g, dy[g.reach:], g.apartY, x, to, f.out, n)
	}
}

// load brings an image to its place in a stack.
func (w *convGradientWorker) load(dst, src []float32) {
	f, g, sh, up := w.f, &w.planes, &w.c.shape, w.b.Upsample
	to := layout{sh.PadTop*g.cols + sh.PadLeft, g.cols, g.apartX}
	switch {
	case g.unit && up != nil:
		up.spread(w.set, sh.C, dst, to, src, dense(up.H, up.W))
		return
	case g.unit:
		w.set.copyPlanes(moved{sh.C, sh.H, sh.W}, dst, to, src, dense(sh.H, sh.W))
		return
	case up != nil:
		up.spread(w.set, sh.C, w.large, dense(sh.H, sh.W), src, dense(up.H, up.W))
		src = w.large
	}
	size := sh.H * sh.W
	for i := range sh.C {
		f.load(w.set, dst[i*g.apartX:], src[i*size:][:size])
	}
}
