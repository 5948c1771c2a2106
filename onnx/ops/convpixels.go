package ops

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The fast way of convolutions of few pixels, whose planes would leave most lanes of the kernels empty: a product of what each pixel sees
// of the input, [pixels, K], with the weights, [K, maps], which is turned round at the end. Places of the kernel that lie in the padding
// for every pixel are left out.

const (
	fewPixels = 16 // of the result's plane, at most
	someMaps  = 16 // at least, so that rows of maps fill the lanes instead
	// pixelRows is how many pixels are multiplied at once, those of several images together.
	pixelRows = 256
)

// pixelConv is a convolution of few pixels for one shape.
type pixelConv struct {
	shape        kernels.ConvShape
	pixels, k    int
	image        int   // elements of an input image
	from         []int // for each pixel and place of the kernel, the element that it sees; below 0 where that is padding
	straight     bool  // what a pixel sees lies in a row
	first, apart int   // where that of the first pixel begins, and how far that of the next is from it
	taps         []int // places of the kernel that are used, of one channel
}

// newPixelConv settles a convolution, or says that it is none of few pixels.
func newPixelConv(s kernels.ConvShape) (*pixelConv, bool) {
	oh, ow := s.Output()
	if oh*ow > fewPixels || s.OC < someMaps || s.Groups > 1 {
		return nil, false
	}
	c := &pixelConv{shape: s, pixels: oh * ow, image: s.C * s.H * s.W}
	sees := func(pixel, tap int) int {
		y := pixel/ow*s.StrideH + tap/s.KW*s.DilationH - s.PadTop
		x := pixel%ow*s.StrideW + tap%s.KW*s.DilationW - s.PadLeft
		if y < 0 || y >= s.H || x < 0 || x >= s.W {
			return -1
		}
		return y*s.W + x
	}
	for tap := range s.KH * s.KW {
		for pixel := range c.pixels {
			if sees(pixel, tap) >= 0 {
				c.taps = append(c.taps, tap)
				break
			}
		}
	}
	c.k = s.C * len(c.taps)
	c.from = make([]int, 0, c.pixels*c.k)
	for pixel := range c.pixels {
		for channel := range s.C {
			for _, tap := range c.taps {
				at := sees(pixel, tap)
				if at >= 0 {
					at += channel * s.H * s.W
				}
				c.from = append(c.from, at)
			}
		}
	}
	c.straighten()
	return c, c.k > 0
}

// straighten finds out whether the input can be read where it lies.
func (c *pixelConv) straighten() {
	if c.k == 0 {
		return
	}
	c.first, c.apart = c.from[0], c.image
	if c.pixels > 1 {
		c.apart = c.from[c.k] - c.first
	}
	for i, at := range c.from {
		if at < 0 || at != c.first+i/c.k*c.apart+i%c.k {
			return
		}
	}
	c.straight = c.apart >= c.k
}

// pack gives the weights [maps, channels, kernel…] of the places that are used as a right side.
func (c *pixelConv) pack(w []float32) *kernels.PackedB {
	s := c.shape
	if size := s.KH * s.KW; len(c.taps) < size {
		used := make([]float32, 0, s.OC*c.k)
		for i := 0; i < len(w); i += size {
			for _, tap := range c.taps {
				used = append(used, w[i+tap])
			}
		}
		w = used
	}
	return kernels.PackB(c.k, s.OC, w, 0, true)
}

// packedPixels is the form of weights packed for some places of the kernel.
type packedPixels struct {
	k    int
	taps string
}

// specializePixels is the step of a convolution of few pixels with constant weights for a batch.
func specializePixels(c *pixelConv, act kernels.Activation, t Target, batch int, w *onnx.Tensor) Step {
	form := packedPixels{k: c.k}
	for _, tap := range c.taps {
		form.taps += string(rune(tap))
	}
	packed := shared(t, w, form, func() *kernels.PackedB { return c.pack(w.Float32s()) })
	maps := c.shape.OC
	images := min(batch, max(1, pixelRows/c.pixels))
	direct := c.straight && (c.pixels == 1 || batch == 1)
	var m memory
	carve := func(m *memory) (seen, made []float32) {
		if !direct {
			seen = m.take(images * c.pixels * c.k)
		}
		if c.pixels > 1 {
			made = m.take(images * c.pixels * maps)
		}
		return seen, made
	}
	carve(&m)
	return Step{Scratch: 4 * m.used, Run: func(f *Frame) error {
		x, y := f.In[0].Float32s(), f.Out[0].Float32s()
		product := kernels.Gemm{N: maps, K: c.k, Packed: packed, ColumnBias: input(f, 2), Act: act}
		seen, made := carve(&memory{floats: f.ScratchFloats()})
		for first := 0; first < batch; first += images {
			n := min(images, batch-first)
			product.M = n * c.pixels
			if direct {
				product.A, product.LDA = x[first*c.image+c.first:], c.apart
			} else {
				for i := range n {
					gatherFrom(seen[i*c.pixels*c.k:], x[(first+i)*c.image:][:c.image], c.from)
				}
				product.A = seen
			}
			to := y[first*maps*c.pixels:][:n*maps*c.pixels]
			if product.C = made; made == nil {
				product.C = to
			}
			t.Set.Gemm(t.Pool, product)
			for i := range n {
				if made != nil {
					t.Set.Transpose(to[i*maps*c.pixels:][:maps*c.pixels], made[i*c.pixels*maps:][:c.pixels*maps], c.pixels, maps)
				}
			}
		}
		return nil
	}}
}

// gatherFrom writes to dst the elements of x that from names, zeros where it is below 0.
func gatherFrom(dst, x []float32, from []int) {
	dst = dst[:len(from)]
	for i, at := range from {
		v := float32(0)
		if at >= 0 {
			v = x[at]
		}
		dst[i] = v
	}
}
