package wire

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// ReadFile reads a model from a file, with its external data from the file's folder. Anything but a regular file of
// at most 2 GiB is refused.
func ReadFile(path string, opts Options) (*onnx.Model, error) {
	m, err := readFile(path, opts)
	if err != nil {
		return nil, fmt.Errorf("wire: %s: %w", path, err)
	}
	return m, nil
}

func readFile(path string, opts Options) (*onnx.Model, error) {
	info, err := os.Stat(path) // before opening: a pipe would block
	if err == nil {
		err = plainFile(info)
	}
	if err != nil {
		return nil, bare(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err == nil {
		err = plainFile(info)
	}
	if err != nil {
		return nil, bare(err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes, more than the %d that the format can hold in one file", info.Size(), maxFile)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, bare(err)
	}
	if opts.Dir == "" {
		opts.Dir = filepath.Dir(path)
	}
	d := newDecoder(data, opts)
	defer d.close()
	return d.model(data)
}

// WriteOptions say how to write a model's file. The zero value writes one file with everything in it.
type WriteOptions struct {
	// ExternalData puts the elements of large initializers into a second file beside the model's, named after it
	// with ".data" added. Tensors in attributes, sparse ones and strings stay inside.
	ExternalData bool
	// MinSize is the size from which an initializer is large, in bytes; 0 means 1024.
	MinSize int64
}

// dataAlignment is what the offsets of external tensors are multiples of, in bytes.
const dataAlignment = onnx.Alignment

// WriteFile writes a model to a file, whole or not at all: it is written under another name in the same folder, brought
// to the disk and renamed; on failure nothing new is left and what was there is unharmed. With external data the two
// files are renamed one after the other; a crash of the machine between them can leave the new data beside the old model.
//
// The file holds every tensor, external ones that were loaded too; one without data is an error. m is not changed.
func WriteFile(path string, m *onnx.Model, opts WriteOptions) error {
	if err := writeFile(path, m, opts); err != nil {
		return fmt.Errorf("wire: %s: %w", path, err)
	}
	return nil
}

func writeFile(path string, m *onnx.Model, opts WriteOptions) error {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return plainFile(info)
	}
	w := &writer{inline: true}
	var large []*onnx.Tensor
	if opts.ExternalData && m.Graph != nil {
		if opts.MinSize <= 0 {
			opts.MinSize = 1024
		}
		large, w.moved = plan(m.Graph, filepath.Base(path)+".data", opts.MinSize)
	}
	model := func() { w.model(m) }
	if len(large) == 0 {
		temp, err := writeTemp(path, func(out io.Writer) error { return w.encodeTo(out, model) })
		if err != nil {
			return err
		}
		return replace([]rename{{temp, path}})
	}
	// The model first: what is wrong with it shows before the large file is written.
	temp, err := writeTemp(path, func(out io.Writer) error { return w.encodeTo(out, model) })
	if err != nil {
		return err
	}
	tempData, err := writeTemp(path, func(out io.Writer) error { return writeData(out, large, w.moved) })
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("external data: %w", err)
	}
	return replace([]rename{{tempData, path + ".data"}, {temp, path}})
}

// plan lays the large initializers of a graph and its subgraphs out in a data file, in the order they are found.
func plan(g *onnx.Graph, location string, minSize int64) (large []*onnx.Tensor, moved map[*onnx.Tensor]*onnx.External) {
	moved = map[*onnx.Tensor]*onnx.External{}
	end := int64(0)
	var visit func(nodes []*onnx.Node, depth int)
	graph := func(g *onnx.Graph, depth int) {
		for _, t := range g.Initializers {
			size := int64(len(t.Data))
			if t.Type == onnx.String || size < minSize || moved[t] != nil {
				continue
			}
			offset := (end + dataAlignment - 1) / dataAlignment * dataAlignment
			moved[t] = &onnx.External{Location: location, Offset: offset, Length: size, HasOffset: true, HasLength: true}
			large = append(large, t)
			end = offset + size
		}
		visit(g.Nodes, depth)
	}
	visit = func(nodes []*onnx.Node, depth int) {
		if depth > maxDepth { // encoding says so
			return
		}
		for _, n := range nodes {
			for _, a := range n.Attributes {
				for _, sub := range a.Subgraphs() {
					if sub != nil {
						graph(sub, depth+1)
					}
				}
			}
		}
	}
	graph(g, 1)
	for _, f := range g.Functions {
		visit(f.Nodes, 1)
	}
	return large, moved
}

func writeData(out io.Writer, large []*onnx.Tensor, moved map[*onnx.Tensor]*onnx.External) error {
	var padding [dataAlignment]byte
	end := int64(0)
	for _, t := range large {
		if _, err := out.Write(padding[:moved[t].Offset-end]); err != nil {
			return err
		}
		if _, err := out.Write(t.Data); err != nil {
			return err
		}
		end = moved[t].Offset + moved[t].Length
	}
	return nil
}

// tempName gives a name in the folder of path that nobody has. It does not grow with the file's own name, which may
// be as long as the file system allows.
func tempName(path string) string {
	return filepath.Join(filepath.Dir(path), ".gonyx-"+strings.ToLower(rand.Text()[:16])+".tmp")
}

// writeTemp writes a new file beside path, to the disk, and gives its name. On failure there is no file.
func writeTemp(path string, write func(io.Writer) error) (name string, err error) {
	name = tempName(path)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return "", bare(err)
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(name)
		return "", bare(err)
	}
	return name, nil
}

type rename struct{ from, to string }

// replace renames all files or none: where a later one fails, those before are put back. What cannot be renamed is
// removed.
func replace(files []rename) error {
	kept := make([]string, len(files)) // the old files, under another name
	var err error
	done := 0
	for i, f := range files {
		if i < len(files)-1 {
			if kept[i], err = keep(f.to); err != nil {
				break
			}
		}
		if err = os.Rename(f.from, f.to); err != nil {
			break
		}
		done++
	}
	for i, f := range files {
		if i >= done {
			os.Remove(f.from)
		}
		switch {
		case err == nil && kept[i] != "":
			os.Remove(kept[i])
		case kept[i] != "":
			os.Rename(kept[i], f.to)
			os.Remove(kept[i]) // a rename of a link onto itself leaves both names
		case err != nil && i < done:
			os.Remove(f.to)
		}
	}
	if err != nil {
		return bare(err)
	}
	// Not every system can bring a folder to the disk, and the files are whole either way.
	if dir, err := os.Open(filepath.Dir(files[0].to)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}

// keep gives the file at path a second name, where there is one, and returns that.
func keep(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", nil
	}
	if info.IsDir() {
		return "", fmt.Errorf("external data %s: %w", quote(filepath.Base(path)), plainFile(info))
	}
	name := tempName(path)
	if err := os.Link(path, name); err == nil {
		return name, nil
	}
	// No links on this file system: the old file is away for a moment.
	if err := os.Rename(path, name); err != nil {
		return "", err
	}
	return name, nil
}
