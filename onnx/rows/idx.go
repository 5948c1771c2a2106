package rows

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/gonyx/gonyx/onnx"
)

// IDX is the format of the MNIST files (Y. LeCun and C. Cortes, "The MNIST database of handwritten digits"): two bytes
// of zeros, one of the element type, one with the number of dimensions, each dimension in four bytes, the elements; all
// big-endian.

// idxTypes are the element types by their code. Never written.
var idxTypes = [...]struct {
	code byte
	elem onnx.ElemType
}{{0x08, onnx.Uint8}, {0x09, onnx.Int8}, {0x0b, onnx.Int16}, {0x0c, onnx.Int32}, {0x0d, onnx.Float}, {0x0e, onnx.Double}}

// ReadIDX reads an array in IDX format, compressed by gzip or not. The reader must end where the array ends. limit bounds
// the bytes of the elements, 0 stands for [DefaultLimit]; memory is taken as the bytes arrive.
func ReadIDX(r io.Reader, limit int64) (*onnx.Tensor, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := in.Peek(2); len(mark) == 2 && mark[0] == 0x1f && mark[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("idx: %w", err)
		}
		return readIDX(z, limit)
	}
	return readIDX(in, limit)
}

// ReadIDXFile reads a file, see [ReadIDX]. Errors name the path.
func ReadIDXFile(path string, limit int64) (*onnx.Tensor, error) {
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := ReadIDX(f, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func readIDX(r io.Reader, limit int64) (*onnx.Tensor, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("idx: too short for a header: %w", err)
	}
	t := &onnx.Tensor{}
	for _, known := range idxTypes {
		if known.code == head[2] {
			t.Type = known.elem
		}
	}
	if head[0] != 0 || head[1] != 0 || t.Type == onnx.Undefined || head[3] > maxRank {
		return nil, fmt.Errorf("idx: starts with % x, which is no header; is it an IDX file?", head)
	}
	t.Dims = make([]int64, head[3])
	for i := range t.Dims {
		var d [4]byte
		if _, err := io.ReadFull(r, d[:]); err != nil {
			return nil, fmt.Errorf("idx: header cut short: %w", err)
		}
		t.Dims[i] = int64(d[0])<<24 | int64(d[1])<<16 | int64(d[2])<<8 | int64(d[3])
	}
	need, err := onnx.ByteSize(t.Type, t.Dims)
	if err != nil {
		return nil, fmt.Errorf("idx: %w", err)
	}
	if need > limit {
		return nil, fmt.Errorf("idx: %v takes %d bytes, the memory limit is %d", t, need, limit)
	}
	if t.Data, err = readBytes(r, need, false); err != nil {
		return nil, fmt.Errorf("idx: %v: %w", t, err)
	}
	if n, err := io.ReadFull(r, head[:1]); n > 0 {
		return nil, fmt.Errorf("idx: %v takes %d bytes, more follow", t, need)
	} else if err != io.EOF { // a wrong checksum shows only here
		return nil, fmt.Errorf("idx: %v: %w", t, err)
	}
	if size := t.Type.Bits() / 8; size > 1 {
		swapBytes(t.Data, size)
	}
	return t, nil
}

// WriteIDX writes a tensor in IDX format, uncompressed. It fails for element types and sizes that the format does not have.
func WriteIDX(w io.Writer, t *onnx.Tensor) error {
	head := []byte{0, 0, 0, byte(len(t.Dims))}
	for _, known := range idxTypes {
		if known.elem == t.Type {
			head[2] = known.code
		}
	}
	if head[2] == 0 || len(t.Dims) > maxRank || !t.Bound() {
		return fmt.Errorf("idx: the format does not hold %v", t)
	}
	for _, d := range t.Dims {
		if d > 1<<32-1 {
			return fmt.Errorf("idx: the format does not hold %v", t)
		}
		head = append(head, byte(d>>24), byte(d>>16), byte(d>>8), byte(d))
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	data := t.Data
	if size := t.Type.Bits() / 8; size > 1 {
		data = append([]byte(nil), data...)
		swapBytes(data, size)
	}
	_, err := w.Write(data)
	return err
}
