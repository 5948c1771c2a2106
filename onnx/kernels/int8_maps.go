package kernels

import "unsafe"

// rowsOf computes rows y0..y1 of all maps of a group.
func (t *byteConvTask) rowsOf(image, work []byte, n, g, y0, y1 int) {
	c, f := t.c, &t.f
	pixels := (y1-y0-1)*c.pw + c.ow
	line := up64(4*c.pixels() + 64)
	sums := work[byteRows*line:]
	row := c.quads() * f.W.width
	b := image[4*y0*c.pw:]
	if t.terms > 0 { // the pixels of each window added up, by weights of ones
		ones := f.W.data[c.shape.OC*row:]
		t.maps(ones, row, &zeroSum, &zeroSum, b, sums, work, line, 1, pixels, 0)
	}
	for o := 0; o < c.out; o += byteRows {
		mr, first := min(byteRows, c.out-o), g*c.out+o
		t.maps(f.W.data[first*row:], row, &t.rows[first], &t.row1[first], b, work, sums, line, mr, pixels, t.terms)
		for i := range mr {
			t.store(int32s(work[i*line:], pixels), work, n*c.shape.OC+first+i, first+i, y0, y1)
		}
	}
}

// zeroSum is where sums of ones start from.
var zeroSum int32

// maps computes mr rows of int32 sums from dst on, line bytes apart; col1 holds those of pixels.
func (t *byteConvTask) maps(a []byte, rowA int, start, row1 *int32, b []byte, dst, col1 []byte, line, mr, pixels, terms int) {
	c := t.c
	if t.set.isa == portable {
		for i := range mr {
			t.mapPortable(int32s(dst[i*line:], pixels), a[i*rowA:][:rowA], b, at32(start, i), at32(row1, i), col1, terms)
		}
		return
	}
	if raceEnabled {
		raceReadBytes(a[:mr*rowA])
		raceReadBytes(b[:c.offs[len(c.offs)-1]+4*pixels])
	}
	tile := byteTile{
		a: unsafe.Pointer(&a[0]), rowA: rowA, offs: &c.offs[0], rowC: line, steps: c.quads(),
		rows: unsafe.Pointer(start), row1: unsafe.Pointer(row1), terms: terms,
	}
	for j := 0; j < pixels; {
		tile.b, tile.c, tile.col1 = unsafe.Pointer(&b[4*j]), unsafe.Pointer(&dst[4*j]), unsafe.Pointer(&col1[4*j])
		j += t.set.byteTile(true, mr, pixels-j, tile)
	}
}

func at32(p *int32, i int) int32 { return *(*int32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

func (t *byteConvTask) mapPortable(dst []int32, a, b []byte, start, row1 int32, col1 []byte, terms int) {
	for j := range dst {
		dst[j] = start
	}
	for q, off := range t.c.offs {
		a0, a1, a2, a3 := int32(int8(a[4*q])), int32(int8(a[4*q+1])), int32(int8(a[4*q+2])), int32(int8(a[4*q+3]))
		x := b[off:][:4*len(dst)]
		for j := range dst {
			dst[j] += a0*int32(x[4*j]) + a1*int32(x[4*j+1]) + a2*int32(x[4*j+2]) + a3*int32(x[4*j+3])
		}
	}
	if terms > 0 {
		for j, sum := range int32s(col1, len(dst)) {
			dst[j] += row1 * sum
		}
	}
}

// store writes rows y0..y1 of a map, of whose sums c.pw belong to a row and c.ow are results.
func (t *byteConvTask) store(sums []int32, work []byte, plane, o, y0, y1 int) {
	c, f := t.c, &t.f
	at := (plane*c.oh + y0) * c.ow
	if f.C != nil {
		for y := range y1 - y0 {
			copy(f.C[at+y*c.ow:][:c.ow], sums[y*c.pw:])
		}
		return
	}
	scale := f.Scale[0]
	if len(f.Scale) > 1 {
		scale = f.Scale[o]
	}
	if c.pw == c.ow {
		t.set.Requantize(nil, f.Quantum, f.Y[at:at+len(sums)], sums, scale)
		return
	}
	quanta := work[(byteRows+1)*up64(4*c.pixels()+64):][:len(sums)]
	t.set.Requantize(nil, f.Quantum, quanta, sums, scale)
	for y := range y1 - y0 {
		copy(f.Y[at+y*c.ow:][:c.ow], quanta[y*c.pw:])
	}
}
