package rows

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// ArrayReader reads an NPY array row by row, in memory bounded by a row.
type ArrayReader struct {
	Name string // the array's key in an archive
	Elem onnx.ElemType
	Dims []int64 // of the array: [rows, …]

	in        io.Reader
	bigEndian bool
	whole     []byte // of an array in Fortran order, which does not stand row by row
	at        int64  // rows read
}

// NewArrayReader reads an array's header. A row, or an array in Fortran order, must take at most limit bytes; 0 stands for
// [DefaultLimit].
func NewArrayReader(r io.Reader, limit int64) (*ArrayReader, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	h, _, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	a := &ArrayReader{Elem: h.elem, Dims: h.dims, in: r, bigEndian: h.bigEndian}
	if len(h.dims) == 0 {
		return nil, fmt.Errorf("npy: one number, want rows of them")
	}
	row, err := onnx.ByteSize(h.elem, h.dims[1:])
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	if row > limit {
		return nil, fmt.Errorf("npy: a row of %v takes %d bytes, the memory limit is %d", h.dims, row, limit)
	}
	if row == 0 {
		return nil, fmt.Errorf("npy: %v: a row has no elements", h.dims)
	}
	if h.fortran && len(h.dims) > 1 {
		need, err := onnx.ByteSize(h.elem, h.dims)
		if err != nil {
			return nil, fmt.Errorf("npy: %w", err)
		}
		if need > limit {
			return nil, fmt.Errorf("npy: %v in Fortran order takes %d bytes, the memory limit is %d; save it in C order, which is read row by row", h.dims, need, limit)
		}
		data, err := readBytes(r, need, false)
		if err != nil {
			return nil, fmt.Errorf("npy: %w", err)
		}
		a.whole = rowMajor(data, h.dims, h.elem.Bits()/8)
	}
	return a, nil
}

// RowBytes counts the bytes of a row.
func (a *ArrayReader) RowBytes() int {
	n, err := onnx.ByteSize(a.Elem, a.Dims[1:])
	if err != nil {
		panic("rows: an array's row lost its size")
	}
	return int(n)
}

// Next reads the next row's elements, little-endian, to dst of [ArrayReader.RowBytes]; io.EOF at the end. Another error ends the
// array.
func (a *ArrayReader) Next(dst []byte) error {
	if a.at == a.Dims[0] {
		var beyond [1]byte
		if a.whole == nil {
			if n, err := io.ReadFull(a.in, beyond[:]); n > 0 {
				return fmt.Errorf("npy: more follows the %d rows", a.Dims[0])
			} else if err != io.EOF {
				return fmt.Errorf("npy: %w", err)
			}
		}
		return io.EOF
	}
	if a.whole != nil {
		copy(dst, a.whole[a.at*int64(len(dst)):])
	} else if _, err := io.ReadFull(a.in, dst); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("npy: ends in row %d of %d: %w", a.at, a.Dims[0], err)
	}
	if a.bigEndian {
		swapBytes(dst, componentSize(a.Elem))
	}
	if a.Elem == onnx.Bool {
		for _, b := range dst {
			if b > 1 {
				return fmt.Errorf("npy: row %d: the byte %d is not a bool", a.at, b)
			}
		}
	}
	a.at++
	return nil
}

// maxArrays bounds the arrays that are open at once.
const maxArrays = 256

// ArrayFile is a file of arrays that are read row by row.
type ArrayFile struct {
	Arrays []*ArrayReader // of a .npy file one, which has no name
	open   []io.Closer
}

// Close closes the file.
func (f *ArrayFile) Close() error {
	var first error
	for _, c := range slices.Backward(f.open) {
		if err := c.Close(); first == nil {
			first = err
		}
	}
	return first
}

// OpenArrays opens the arrays of a .npz file, or the one of a .npy file. limit is that of [NewArrayReader].
func OpenArrays(path string, limit int64) (*ArrayFile, error) {
	file, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	f := &ArrayFile{open: []io.Closer{file}}
	if strings.HasSuffix(strings.ToLower(path), ".npz") {
		err = f.openNPZ(file, size, limit)
	} else {
		var a *ArrayReader
		a, err = NewArrayReader(bufio.NewReaderSize(file, 1<<16), limit)
		f.Arrays = []*ArrayReader{a}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func (f *ArrayFile) openNPZ(file *os.File, size, limit int64) error {
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return fmt.Errorf("npz: %w; is it a .npz file?", err)
	}
	if len(archive.File) > maxArrays {
		return fmt.Errorf("npz: %d arrays, at most %d are read row by row", len(archive.File), maxArrays)
	}
	for _, entry := range archive.File {
		key, ok := strings.CutSuffix(entry.Name, ".npy")
		if !ok {
			return fmt.Errorf("npz: entry %.60q is not an array", entry.Name)
		}
		if slices.ContainsFunc(f.Arrays, func(a *ArrayReader) bool { return a.Name == key }) {
			return fmt.Errorf("npz: array %.60q is there twice", key)
		}
		r, err := entry.Open()
		if err != nil {
			return fmt.Errorf("npz: array %.60q: %w", key, err)
		}
		f.open = append(f.open, r)
		a, err := NewArrayReader(bufio.NewReaderSize(r, 1<<16), limit)
		if err != nil {
			return fmt.Errorf("npz: array %.60q: %w", key, err)
		}
		a.Name = key
		f.Arrays = append(f.Arrays, a)
	}
	if len(f.Arrays) == 0 {
		return fmt.Errorf("npz: there are no arrays")
	}
	return nil
}
