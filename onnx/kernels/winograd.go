package kernels

// winograd is a convolution of 3 by 3 by single steps that makes squares of 2 by 2 of
// its result from squares of 4 by 4 of its input:
//
//	y = Aᵀ((G w Gᵀ) ∘ (Bᵀ x B))A
//
// summed over the channels in between, so that sixteen products do what thirty-six do
// otherwise (Lavin and Gray, arXiv:1509.09308). A number that is not finite reaches the
// whole square this way; where there is one, the strip is computed directly instead.
type winograd struct {
	product      flat      // of one part: channels times squares
	weights      []float32 // [16, blocks, in, block]
	bias         []float32 // of whole blocks
	high, wide   int       // squares of the result
	rows         int       // of squares in a strip
	apart        int       // from part to part of a strip's input
	squares      int       // of a strip, rounded up to vectors
	rowOut, area int       // of a strip's result: from row to row, and from channel to channel
}

// Bounds of the way by squares: weights that stay in a second-level cache, and what a
// strip needs beside them.
const (
	winogradWeights = 1 << 17
	winogradStrip   = 1 << 17
)

// newWinograd prepares the way by squares for the rows and columns of a convolution
// that are wanted, or gives nil where it does not pay.
func newWinograd(s Set, f *flat, high, wide int) *winograd {
	if s.isa == portable || f.taps != 9 || f.cols != f.ow+2 || f.rows != f.oh+2 || f.strideH*f.strideW*f.groups != 1 ||
		16*f.in*f.blocks()*block > winogradWeights || f.in < 8 || f.out < 8 {
		return nil
	}
	w := &winograd{high: (high + 1) / 2, wide: (wide + 1) / 2}
	// Strips of about equal height.
	most := max(1, winogradStrip/(16*f.in)/w.wide)
	strips := (w.high + most - 1) / most
	w.rows = (w.high + strips - 1) / strips
	w.squares = (w.rows*w.wide + 15) &^ 15
	w.apart = f.in * w.squares
	w.product = flat{in: f.in, out: f.out, groups: 1, taps: 1}
	for c := range f.in {
		w.product.offs = append(w.product.offs, 4*c*w.squares)
	}
	w.rowOut = (2*w.wide + 31) &^ 31
	w.area = 2 * w.rows * w.rowOut
	// Against the direct way: products, and what the two transforms take for a channel.
	_, direct := s.joinedRows(block, high, wide, f.cols, f.k(), 1, stripPixels)
	products := 16 * strips * (300 + s.cycles(block, w.rows*w.wide, f.in))
	row := 80 * ((w.wide + s.lanes() - 1) / s.lanes())
	if s.isa == avx2 && w.wide%s.lanes() > 0 {
		row += 70 // stores with a mask
	}
	if products*f.blocks()+w.high*row*(f.in+f.blocks()*block) > direct*f.blocks()*95/100 {
		return nil
	}
	return w
}

// transform makes the weights of packed ones.
func (w *winograd) transform(f *flat, packed, bias []float32) {
	w.bias = make([]float32, f.blocks()*block)
	copy(w.bias, bias)
	w.weights = make([]float32, 16*f.blocks()*f.in*block)
	across := func(x [3]float64) [4]float64 {
		return [4]float64{x[0], (x[0] + x[1] + x[2]) / 2, (x[0] - x[1] + x[2]) / 2, x[2]}
	}
	for b := range f.blocks() {
		for c := range f.in {
			for r := range block {
				var rows [3][4]float64
				for y := range rows {
					k := b*f.k() + c*9 + y*3
					rows[y] = across([3]float64{float64(packed[k*block+r]), float64(packed[(k+1)*block+r]), float64(packed[(k+2)*block+r])})
				}
				for j := range 4 {
					for i, v := range across([3]float64{rows[0][j], rows[1][j], rows[2][j]}) {
						w.weights[(((4*i+j)*f.blocks()+b)*f.in+c)*block+r] = float32(v)
					}
				}
			}
		}
	}
}

func (w *winograd) strips() int { return (w.high + w.rows - 1) / w.rows }

// room is the length of scratch for a strip: its input in parts, a block of products,
// and a block of the result.
func (w *winograd) room() int { return 16*w.apart + 16*block*w.squares + block*w.area }

// widened is a convolution on planes with room for whole squares.
func (w *winograd) widened(f *flat) *flat {
	g := *f
	g.rows, g.cols = max(f.rows, 2*w.high+2), max(f.cols, 2*w.wide+2)
	if g.rows == f.rows && g.cols == f.cols {
		return f
	}
	g.direct, g.offs = false, nil
	for k := range f.offs {
		g.offs = append(g.offs, 4*((k/9*g.rows+k%9/3)*g.cols+k%3))
	}
	return &g
}

// parts makes the parts of strip i and says how many rows of squares it has.
func (w *winograd) parts(s Set, i int, x []float32, cols, plane int, tile []float32) int {
	rows := min(w.rows, w.high-i*w.rows)
	from := layout{2 * i * w.rows * cols, cols, plane}
	s.squaresIn(moved{w.product.in, rows, w.wide}, tile, layout{row: w.wide, plane: w.squares}, w.apart, x, from)
	return rows
}

// block makes block b of the result of a strip with its parts in a tile, or reports
// that a number is not finite.
func (w *winograd) block(s Set, b, rows int, tile []float32) (made []float32, finite bool) {
	f := &w.product
	channels := min(block, f.out-b*block)
	products := tile[16*w.apart:][:16*block*w.squares]
	made = tile[16*w.apart+len(products):][:block*w.area]
	for part := range 16 {
		s.convolve(f, tile[part*w.apart:], w.weights[(part*f.blocks()+b)*f.in*block:][:f.in*block], nil, Activation{},
			result{y: products[part*block*w.squares:], plane: w.squares, channels: channels, rows: 1, cols: rows * w.wide})
	}
	return made, s.squaresOut(moved{channels, rows, w.wide}, made, layout{row: w.rowOut, plane: w.area}, products,
		layout{row: w.wide, plane: w.squares}, block*w.squares, w.bias[b*block:])
}

func squaresInPortable(m moved, dst []float32, to layout, apart int, src []float32, from layout) {
	combine := func(d [4]float32) [4]float32 { return [4]float32{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]} }
	for p := range m.planes {
		for r := range m.rows {
			for j := range m.n {
				var rows [4][4]float32 // of each column
				for x := range 4 {
					var column [4]float32
					for y := range 4 {
						column[y] = src[from.at+p*from.plane+(2*r+y)*from.row+2*j+x]
					}
					rows[x] = combine(column)
				}
				for i := range 4 {
					for k, v := range combine([4]float32{rows[0][i], rows[1][i], rows[2][i], rows[3][i]}) {
						dst[(4*i+k)*apart+to.at+p*to.plane+r*to.row+j] = v
					}
				}
			}
		}
	}
}

func squaresOutPortable(m moved, dst []float32, to layout, src []float32, from layout, apart int, bias []float32) bool {
	var check float32
	for p := range m.planes {
		for r := range m.rows {
			for j := range m.n {
				var top, low [4]float32
				for x := range 4 {
					part := func(y int) float32 { return src[(4*y+x)*apart+from.at+p*from.plane+r*from.row+j] }
					top[x] = part(0) + part(1) + part(2)
					low[x] = part(1) - part(2) - part(3)
				}
				for i, t := range [2][4]float32{top, low} {
					left, right := t[0]+t[1]+t[2]+bias[p], t[1]-t[2]-t[3]+bias[p]
					y := dst[to.at+p*to.plane+(2*r+i)*to.row+2*j:]
					y[0], y[1] = left, right
					check += float32(0*left) + float32(0*right)
				}
			}
		}
	}
	return check == 0
}
