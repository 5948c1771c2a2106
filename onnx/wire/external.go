package wire

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/gonyx/gonyx/onnx"
)

// external reads the entries that say where a tensor's bytes stand. Of a key given twice the last counts. The checksum
// is kept and not verified, as it is one of a whole file and no reader of the format holds to it.
func external(entries []onnx.Entry) (*onnx.External, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	x := &onnx.External{}
	for _, e := range entries {
		var err error
		switch e.Key {
		case "location":
			x.Location = e.Value
		case "offset":
			x.HasOffset = true
			x.Offset, err = position(e)
		case "length":
			x.HasLength = true
			x.Length, err = position(e)
		case "checksum":
			x.Checksum = e.Value
		default:
			x.Other = append(x.Other, e)
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(e.Unknown) > 0 { // they have no place of their own
			x.Other = append(x.Other, onnx.Entry{Unknown: e.Unknown})
		}
	}
	return x, nil
}

func position(e onnx.Entry) (int64, error) {
	n, err := strconv.ParseInt(e.Value, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("external data: %s is %s, it must be a number of bytes", e.Key, quote(e.Value))
	}
	return n, nil
}

// folder reads external data. Every file is opened through [os.Root], which follows no path or link out of it.
type folder struct {
	path string
	root *os.Root

	// One file is open at a time: models with a file for each tensor have more files than a process may open.
	file     *os.File
	location string
	size     int64

	loaded map[string]int64 // bytes read of each file
	shared map[stretch][]byte
}

// stretch is a part of an external file. Tensors that name the same one share its bytes.
type stretch struct {
	location     string
	offset, size int64
}

// maxReads is how many times a file's size its tensors may read from it. Tensors that overlap without being the same
// are odd and legal; thousands of them are a way to take memory.
const maxReads = 4

func (f *folder) close() {
	if f.file != nil {
		f.file.Close()
	}
	if f.root != nil {
		f.root.Close()
	}
}

// read gives the size bytes of a tensor.
func (f *folder) read(x *onnx.External, size int64) ([]byte, error) {
	if err := f.open(x.Location); err != nil {
		return nil, err
	}
	if !x.HasLength && x.Offset <= f.size && f.size-x.Offset != size {
		return nil, fmt.Errorf("%d bytes stand from offset %d to the end, the tensor needs %d", f.size-x.Offset, x.Offset, size)
	}
	if x.Offset > f.size || size > f.size-x.Offset {
		return nil, fmt.Errorf("the file has %d bytes, the tensor needs %d from offset %d", f.size, size, x.Offset)
	}
	if size == 0 {
		return []byte{}, nil
	}
	s := stretch{x.Location, x.Offset, size}
	if data, ok := f.shared[s]; ok {
		return data, nil
	}
	if f.loaded[x.Location] += size; f.loaded[x.Location]/maxReads > f.size {
		return nil, fmt.Errorf("tensors overlap: together they read the file more than %d times", maxReads)
	}
	data := newData(int(size))
	if _, err := io.ReadFull(io.NewSectionReader(f.file, x.Offset, size), data); err != nil {
		return nil, bare(err)
	}
	f.shared[s] = data
	return data, nil
}

// open makes the file of that location the open one.
func (f *folder) open(location string) error {
	if f.file != nil && location == f.location {
		return nil
	}
	if f.root == nil {
		root, err := os.OpenRoot(f.path)
		if err != nil {
			return bare(err)
		}
		f.root, f.loaded, f.shared = root, map[string]int64{}, map[stretch][]byte{}
	}
	name := filepath.FromSlash(location)
	if path.IsAbs(location) || filepath.IsAbs(name) {
		return errors.New("the path is absolute; it must be relative to the model's folder")
	}
	if !filepath.IsLocal(name) {
		return errors.New("the path leaves the model's folder")
	}
	// A pipe would block when it is opened, so look before.
	info, err := f.root.Stat(name)
	if err == nil {
		err = plainFile(info)
	}
	if err != nil {
		return unreachable(err)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return unreachable(err)
	}
	if info, err = file.Stat(); err == nil {
		err = plainFile(info)
	}
	if err != nil {
		file.Close()
		return bare(err)
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.location, f.size = file, location, info.Size()
	return nil
}

func plainFile(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("this is a folder, not a file")
	case mode&fs.ModeDevice != 0:
		return errors.New("this is a device, not a file")
	}
	return errors.New("this is not a regular file")
}

// unreachable says why a file cannot be reached from the model's folder.
func unreachable(err error) error {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the file is missing: %w", bare(err))
	case errors.As(err, &p):
		return fmt.Errorf("it cannot be reached inside the model's folder: %w", p.Err)
	}
	return err
}

// bare takes the path from an error of the file system, which the message names already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
