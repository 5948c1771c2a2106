package rows

import (
	"fmt"
	"io"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// ReadNPY reads one array of numbers in NumPy's format, versions 1 to 3, of any rank, byte order and index order; the
// tensor is row-major. The reader must end where the array ends. limit bounds the bytes of the elements, 0 stands for
// [DefaultLimit]; memory is taken as the bytes arrive. An array in Fortran order takes twice its size while it is turned.
func ReadNPY(r io.Reader, limit int64) (*onnx.Tensor, error) { return readNPY(r, -1, limit) }

// ReadNPYFile reads a .npy file, see [ReadNPY]. Errors name the path.
func ReadNPYFile(path string, limit int64) (*onnx.Tensor, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readNPY(f, size, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// WriteNPY writes a tensor as an NPY array, version 1.0, little-endian and row-major: the same bytes for the same tensor,
// and the bytes that NumPy 1.17 or later writes. It fails for element types that NumPy does not have.
func WriteNPY(w io.Writer, t *onnx.Tensor) error {
	header, err := npyHead(t)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	_, err = w.Write(t.Data)
	return err
}

// WriteNPYFile writes a tensor to a .npy file, whole or not at all.
func WriteNPYFile(path string, t *onnx.Tensor) error {
	return WriteFile(path, func(w io.Writer) error { return WriteNPY(w, t) })
}

func npyHead(t *onnx.Tensor) ([]byte, error) {
	if !t.Bound() {
		return nil, fmt.Errorf("npy: %v has %d bytes of elements", t, len(t.Data))
	}
	return appendNPYHeader(nil, t)
}

// readNPY reads an array from r, which holds size bytes; -1 where that is not known.
func readNPY(r io.Reader, size, limit int64) (*onnx.Tensor, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	h, at, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	need, err := onnx.ByteSize(h.elem, h.dims)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	t := &onnx.Tensor{Type: h.elem, Dims: h.dims}
	if need > limit {
		return nil, fmt.Errorf("npy: %v takes %d bytes, the memory limit is %d", t, need, limit)
	}
	if size >= 0 && size-at != need {
		return nil, fmt.Errorf("npy: %v takes %d bytes, the file has %d for it", t, need, max(0, size-at))
	}
	if t.Data, err = readBytes(r, need, size >= 0); err != nil {
		return nil, fmt.Errorf("npy: %v: %w", t, err)
	}
	var beyond [1]byte
	if n, err := io.ReadFull(r, beyond[:]); n > 0 {
		return nil, fmt.Errorf("npy: %v takes %d bytes, more follow", t, need)
	} else if err != io.EOF { // an archive's entry finds a wrong checksum only here
		return nil, fmt.Errorf("npy: %v: %w", t, err)
	}
	if h.bigEndian {
		swapBytes(t.Data, componentSize(h.elem))
	}
	if h.elem == onnx.Bool {
		for i, b := range t.Data {
			if b > 1 {
				return nil, fmt.Errorf("npy: %v: element %d is the byte %d, not a bool", t, i, b)
			}
		}
	}
	if h.fortran && len(h.dims) > 1 {
		t.Data = rowMajor(t.Data, h.dims, h.elem.Bits()/8)
	}
	return t, nil
}

// readBytes reads n bytes into aligned memory. Where it is not certain that they are there, memory grows with what comes.
func readBytes(r io.Reader, n int64, certain bool) ([]byte, error) {
	const first = 1 << 20
	have, take := int64(0), n
	if !certain {
		take = min(n, first)
	}
	b := onnx.AlignedBytes(int(take))
	for {
		got, err := io.ReadFull(r, b[have:])
		if have += int64(got); err != nil {
			return nil, fmt.Errorf("ends after %d of %d bytes: %w", have, n, err)
		}
		if have == n {
			return b, nil
		}
		more := onnx.AlignedBytes(int(min(n, 2*have)))
		copy(more, b)
		b = more
	}
}

// componentSize gives the bytes that keep together when the byte order is turned.
func componentSize(elem onnx.ElemType) int {
	size := elem.Bits() / 8
	if elem == onnx.Complex64 || elem == onnx.Complex128 {
		return size / 2
	}
	return size
}

func swapBytes(b []byte, size int) {
	for i := 0; i+size <= len(b); i += size {
		slices.Reverse(b[i : i+size])
	}
}

// rowMajor turns elements whose first index runs fastest into elements whose last does.
func rowMajor(data []byte, dims []int64, size int) []byte {
	out := onnx.AlignedBytes(len(data))
	if len(data) == 0 {
		return out
	}
	strides := make([]int, len(dims)) // in data, in bytes
	stride := size
	for i, d := range dims {
		strides[i] = stride
		stride *= int(d)
	}
	index := make([]int64, len(dims))
	from := 0
	for to := 0; to < len(out); to += size {
		copy(out[to:to+size], data[from:from+size])
		for axis := len(dims) - 1; axis >= 0; axis-- {
			index[axis]++
			from += strides[axis]
			if index[axis] < dims[axis] {
				break
			}
			from -= strides[axis] * int(dims[axis])
			index[axis] = 0
		}
	}
	return out
}
