package rows

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// ReadNPZ reads the arrays of an NPZ archive in the order in which they stand there; a tensor's name is the array's key.
// limit bounds the bytes of all elements together, 0 stands for [DefaultLimit]. An entry that is no array and a key that
// is there twice are errors.
func ReadNPZ(r io.ReaderAt, size, limit int64) ([]*onnx.Tensor, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w; is it a .npz file?", err)
	}
	tensors := make([]*onnx.Tensor, 0, len(archive.File))
	seen := make(map[string]bool, len(archive.File))
	left := limit
	for _, f := range archive.File {
		key, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("npz: entry %.60q is not an array", f.Name)
		}
		if seen[key] {
			return nil, fmt.Errorf("npz: array %.60q is there twice", key)
		}
		seen[key] = true
		t, err := readNPZEntry(f, uint64(size), left)
		if err != nil {
			return nil, fmt.Errorf("npz: array %.60q: %w", key, err)
		}
		t.Name = key
		left -= int64(len(t.Data))
		tensors = append(tensors, t)
	}
	return tensors, nil
}

func readNPZEntry(f *zip.File, archiveSize uint64, left int64) (*onnx.Tensor, error) {
	if left <= 0 {
		return nil, fmt.Errorf("the arrays before it reached the memory limit")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if stored := f.UncompressedSize64; f.Method == zip.Store && stored == f.CompressedSize64 && stored <= archiveSize {
		return readNPY(r, int64(stored), left)
	}
	// What is said of the size before compression is only a claim: memory grows with what comes.
	return readNPY(r, -1, left)
}

// ReadNPZFile reads a .npz file, see [ReadNPZ]. Errors name the path.
func ReadNPZFile(path string, limit int64) ([]*onnx.Tensor, error) {
	f, size, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tensors, err := ReadNPZ(f, size, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tensors, nil
}

// WriteNPZ writes tensors as an NPZ archive, each under its name, in their order and uncompressed as numpy.savez does.
// The same tensors give the same bytes.
func WriteNPZ(w io.Writer, tensors []*onnx.Tensor) error {
	archive := zip.NewWriter(w)
	seen := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		if seen[t.Name] {
			return fmt.Errorf("npz: two arrays are named %q", t.Name)
		}
		seen[t.Name] = true
		if err := writeNPZEntry(archive, t); err != nil {
			return fmt.Errorf("npz: array %q: %w", t.Name, err)
		}
	}
	return archive.Close()
}

// writeNPZEntry states size and checksum before the data, which readers that do not look at the archive's end need.
func writeNPZEntry(archive *zip.Writer, t *onnx.Tensor) error {
	head, err := npyHead(t)
	if err != nil {
		return err
	}
	sum := crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, t.Data)
	w, err := archive.CreateRaw(npzEntry(t.Name, sum, uint64(len(head)+len(t.Data))))
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = w.Write(t.Data)
	return err
}

// npzEntry describes an array's entry: without a time, so that the same arrays give the same bytes.
func npzEntry(name string, sum uint32, size uint64) *zip.FileHeader {
	header := &zip.FileHeader{Name: name + ".npy", Method: zip.Store, CRC32: sum, CompressedSize64: size, UncompressedSize64: size}
	if strings.ContainsFunc(name, func(r rune) bool { return r > 126 }) {
		header.Flags |= 1 << 11 // the name is UTF-8
	}
	return header
}

// WriteNPZFile writes tensors to a .npz file, whole or not at all, see [WriteNPZ].
func WriteNPZFile(path string, tensors []*onnx.Tensor) error {
	return WriteFile(path, func(w io.Writer) error { return WriteNPZ(w, tensors) })
}
