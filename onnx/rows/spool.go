package rows

import (
	"archive/zip"
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/gonyx/gonyx/onnx"
)

// Spool gathers rows of an array whose number is not known before the last, in a temporary file, so that memory does not grow with them.
type Spool struct {
	like *onnx.Tensor // name, type and dims; Dims[0] counts the rows
	file *os.File
	out  *bufio.Writer // to file
	size int64
}

// NewSpool makes a spool for rows of this type and shape [1, …]. [Spool.Close] removes it.
func NewSpool(name string, elem onnx.ElemType, row []int64) (*Spool, error) {
	f, err := os.CreateTemp("", "gonyx-rows-*")
	if err != nil {
		return nil, err
	}
	return &Spool{like: &onnx.Tensor{Name: name, Type: elem, Dims: append([]int64{0}, row...)}, file: f, out: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Add appends a row: elements of the spool's type and shape, [1, …].
func (s *Spool) Add(row *onnx.Tensor) error {
	want, err := onnx.ByteSize(s.like.Type, s.like.Dims[1:])
	if err != nil {
		return err
	}
	if row.Type != s.like.Type || int64(len(row.Data)) != want {
		return fmt.Errorf("array %q: a row of %v behind rows of %v%v", s.like.Name, row, s.like.Type, s.like.Dims[1:])
	}
	if _, err := s.out.Write(row.Data); err != nil {
		return err
	}
	s.like.Dims[0]++
	s.size += want
	return nil
}

// AddEmpty appends a row without a result: NaN, or zeros where numbers are whole.
func (s *Spool) AddEmpty() error {
	row := onnx.NewTensor(s.like.Type, append([]int64{1}, s.like.Dims[1:]...)...)
	switch s.like.Type {
	case onnx.Float:
		for i := range row.Float32s() {
			row.Float32s()[i] = float32(math.NaN())
		}
	case onnx.Double:
		for i := range row.Float64s() {
			row.Float64s()[i] = math.NaN()
		}
	}
	return s.Add(row)
}

// Close removes what the spool holds.
func (s *Spool) Close() error {
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); err == nil {
		err = gone
	}
	return err
}

func (s *Spool) header() ([]byte, error) { return appendNPYHeader(nil, s.like) }

func (s *Spool) rewind() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

// writeTo writes the array in NPY format.
func (s *Spool) writeTo(w io.Writer) error {
	head, err := s.header()
	if err != nil {
		return err
	}
	if err := s.rewind(); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = io.Copy(w, s.file)
	return err
}

// WriteSpooledNPY writes the array to a .npy file, whole or not at all.
func WriteSpooledNPY(path string, s *Spool) error { return WriteFile(path, s.writeTo) }

// WriteSpooledNPZ writes arrays to a .npz file, whole or not at all, with the bytes that [WriteNPZ] gives.
func WriteSpooledNPZ(path string, spools []*Spool) error {
	return WriteFile(path, func(w io.Writer) error {
		archive := zip.NewWriter(w)
		for _, s := range spools {
			if err := s.writeEntry(archive); err != nil {
				return fmt.Errorf("npz: array %q: %w", s.like.Name, err)
			}
		}
		return archive.Close()
	})
}

func (s *Spool) writeEntry(archive *zip.Writer) error {
	sum := crc32.NewIEEE()
	if err := s.writeTo(sum); err != nil {
		return err
	}
	head, err := s.header()
	if err != nil {
		return err
	}
	w, err := archive.CreateRaw(npzEntry(s.like.Name, sum.Sum32(), uint64(len(head))+uint64(s.size)))
	if err != nil {
		return err
	}
	return s.writeTo(w)
}
