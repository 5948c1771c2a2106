package kernels

// spread writes the gradients of image n by the convolution's result to its places in
// the planes: past the activation, past the pooling, and with the zeros that are there
// between rows left alone. What they add up to is added to db.
func (w *convGradientWorker) spread(n int, dst, db []float32) {
	f, s, apart, cols := w.f, w.set, w.planes.apartY, w.planes.cols
	dy := w.b.DY[n*w.result:][:w.result]
	if w.b.Act.Function != Identity {
		to := w.plain[:w.result]
		s.derivative(w.b.Act, to, dy, w.b.Y[n*w.result:][:w.result])
		dy = to
	}
	if v := w.b.weave; v != nil {
		for o := 0; o < len(db); o += 4 { // a sum of the four, in place of the first
			db[o] += float32(s.Sum(dy[o/4*v.h*v.w:][:v.h*v.w]))
		}
		v.unzip(s, dst, layout{0, cols, apart}, dy)
		return
	}
	if w.b.Pool == nil {
		for o := range db {
			db[o] += float32(s.Sum(dy[o*f.oh*f.ow:][:f.oh*f.ow]))
		}
		s.copyPlanes(moved{w.c.shape.OC, f.oh, f.ow}, dst, layout{0, cols, apart}, dy, dense(f.oh, f.ow))
		return
	}
	pool := w.b.Pool
	inPlace := w.c.unpoolsInPlace(pool)
	size := pool.OH * pool.OW
	argmax := w.b.Argmax[n*w.result:][:w.result]
	for o := range w.c.shape.OC {
		dy, at := dy[o*size:][:size], argmax[o*size:][:size]
		if inPlace {
			if db != nil {
				db[o] += float32(s.Sum(dy))
			}
			s.unpool(dst[o*apart:], cols, dy, at, pool.OW, f.ow)
			continue
		}
		plain := w.plain[w.c.shape.OC*size:][:f.oh*f.ow]
		clear(plain)
		for i, a := range at {
			if a >= 0 {
				plain[a] += dy[i]
			}
		}
		if db != nil {
			db[o] += float32(s.Sum(plain))
		}
		s.copyRows(dst[o*apart:], cols, plain, f.ow, f.ow, f.oh)
	}
}

// unpoolsInPlace is where windows of 2 by 2 can be undone where the result goes: the
// zeros that are written behind the last row meet zeros of the plane.
func (c *Conv) unpoolsInPlace(pool *PoolShape) bool {
	sh, f, g := *pool, &c.forward, c.gradientPlanes()
	sh.defaults()
	return sh.pairs() && g.plane-(f.oh-1)*g.cols-f.ow >= unpoolSlack
}
