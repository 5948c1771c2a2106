package kernels

// gradientPlanes is how the images lie of which the gradient by the weights is summed:
// for each channel a stack of some images, one below the other, with zeros around
// them, and so the gradients by the result. A weight's sum is then one long product
// of the gradients and the pixels at the weight's offset.
//
// Zeros to the right of a row are those to the left of the next, and zeros below an
// image those above the next.
type gradientPlanes struct {
	unit           bool // stride 1; else one image as flat has it
	stack          int  // images
	rows, cols     int  // of an image
	plane          int  // elements of an image, rows·cols
	apartX, apartY int  // from channel to channel
	reach          int  // zeros before the first channel's gradients; 0 where they go without

	k, taps, kw          int
	dilationH, dilationW int
	f                    *flat
}

// Sizes of a stack: so many images are multiplied at once that the ends of sums do
// not weigh, and so few that they stay in the second-level cache.
const (
	stackPixels = 2048
	stackMost   = 1 << 17
)

func (c *Conv) gradientPlanes() gradientPlanes {
	f, sh := &c.forward, &c.shape
	g := gradientPlanes{stack: 1, rows: f.rows, cols: f.cols, k: f.k(), taps: f.taps, kw: sh.KW, dilationH: sh.DilationH, dilationW: sh.DilationW, f: f}
	g.unit = sh.StrideH == 1 && sh.StrideW == 1
	behind := 0
	if !g.unit {
		g.plane, g.apartX = g.rows*g.cols, f.planeLen()
		g.apartY = g.plane
		return g
	}
	lessH, lessW := min(sh.PadTop, sh.PadBottom), min(sh.PadLeft, sh.PadRight)
	if lessH <= (sh.KH-1)*sh.DilationH && lessW <= (sh.KW-1)*sh.DilationW { // else results need the room
		g.rows, g.cols = sh.H+max(sh.PadTop, sh.PadBottom), sh.W+max(sh.PadLeft, sh.PadRight)
		behind = lessH*g.cols + lessW
	}
	g.plane = g.rows * g.cols
	g.stack = max(1, min(stackPixels/g.plane, stackMost/(g.plane*(sh.C+sh.OC))))
	g.apartX, g.apartY = g.stack*g.plane+behind, g.stack*g.plane+behind
	if f.out == 1 && sh.KH > 1 { // one row of gradients alone has too few sums at a time
		g.reach = (sh.KH - 1) * sh.DilationH * g.cols
	}
	return g
}

// offsets says for weights from j on where the pixels begin that they are multiplied
// with, in bytes; for those beyond the last what that has.
func (g *gradientPlanes) offsets(offs []int, j int) {
	if !g.unit {
		for i := range offs {
			offs[i] = g.f.offs[min(j+i, g.k-1)]
		}
		return
	}
	c, y, x := j/g.taps, j%g.taps/g.kw, j%g.kw
	for i := range offs {
		offs[i] = 4 * (c*g.apartX + y*g.dilationH*g.cols + x*g.dilationW)
		if j+i >= g.k-1 {
			continue
		}
		if x++; x == g.kw {
			x, y = 0, y+1
		}
		if y*g.kw == g.taps {
			c, y = c+1, 0
		}
	}
}
