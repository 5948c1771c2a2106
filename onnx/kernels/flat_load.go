package kernels

// load writes plane src as the kernels see it to dst.
func (f *flat) load(s Set, dst, src []float32) {
	if f.patches() {
		for y := range f.rows * f.phasesH {
			// A row is pixels by phases, and comes to lie as phases by pixels.
			py, r := y%f.strideH, y/f.strideH
			s.transpose(dst[(py*f.phasesW*f.rows+r)*f.cols:], f.rows*f.cols, src[y*f.w:], f.strideW, f.cols, f.phasesW)
		}
		return
	}
	clear(dst[:f.planeLen()])
	for py := range f.phasesH {
		rows := lineUp(f.rows, f.h, py-f.padTop, f.strideH, f.insertH)
		for px := range f.phasesW {
			cols := lineUp(f.cols, f.w, px-f.padLeft, f.strideW, f.insertW)
			if rows.n == 0 || cols.n == 0 {
				continue
			}
			to := dst[((py*f.phasesW+px)*f.rows+rows.to)*f.cols+cols.to:]
			ldd, from, ldx := rows.toStep*f.cols, src[rows.from*f.w+cols.from:], rows.fromStep*f.w
			s.lay(cols, rows.n, to, ldd, from, ldx)
		}
	}
}

// patches says whether the kernel takes the plane apart without overlap, padding or rest
// to the right.
func (f *flat) patches() bool {
	return f.strideW > 2 && f.phasesW == f.strideW && f.cols*f.strideW == f.w && f.padLeft == 0 &&
		f.phasesH == f.strideH && f.rows*f.strideH <= f.h && f.padTop == 0 && f.insertH == 1 && f.insertW == 1
}

// line is n numbers of one row that go to places of another.
type line struct{ to, toStep, from, fromStep, n int }

// lineUp finds which of the length numbers of a row, insert apart with zeros between
// them, stand at i·stride + shift for i < size. Of stride and insert, one is 1.
func lineUp(size, length, shift, stride, insert int) line {
	l := line{toStep: insert, fromStep: stride}
	if insert > 1 { // number j comes to i = j·insert - shift
		l.from = max(0, (shift+insert-1)/insert)
		l.to = l.from*insert - shift
		l.n = min(length-l.from, (size-l.to+insert-1)/insert)
	} else {
		if shift < 0 {
			l.to = (stride - 1 - shift) / stride
		}
		l.from = l.to*stride + shift
		l.n = min(size-l.to, (length-l.from+stride-1)/stride)
	}
	l.n = max(0, l.n)
	return l
}

// lay moves the numbers of a line in each of some rows, from where the line begins in
// both: dst[i·ldd+j·toStep] = x[i·ldx+j·fromStep].
func (s Set) lay(l line, rows int, dst []float32, ldd int, x []float32, ldx int) {
	switch {
	case l.fromStep == 1 && l.toStep == 1:
		s.copyRows(dst, ldd, x, ldx, l.n, rows)
	case l.fromStep == 2 && l.toStep == 1:
		s.evenRows(dst, ldd, x, ldx, l.n, rows)
	default:
		for i := range rows {
			d, x := dst[i*ldd:], x[i*ldx:]
			for j := range l.n {
				d[j*l.toStep] = x[j*l.fromStep]
			}
		}
	}
}

// evenRowsPortable computes dst[i·ldd+j] = x[i·ldx+2j] for i < rows, j < n.
func evenRowsPortable(dst []float32, ldd int, x []float32, ldx, n, rows int) {
	for i := range rows {
		d, from := dst[i*ldd:][:n], x[i*ldx:]
		for j := range d {
			d[j] = from[2*j]
		}
	}
}
