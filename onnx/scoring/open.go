package scoring

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Stdin is the path that stands for the standard input.
const Stdin = "-"

// IsRows says whether a path names a file of rows, by its ending, or the standard input.
func IsRows(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy":
		return true
	}
	return path == Stdin || features.IsTable(path)
}

// Open opens a file of rows for the model: a table, see [Scorer.Table], or arrays, see [Scorer.Arrays]. [Stdin] is read from in: an NPY array
// and JSON lines are known by how they begin, anything else is a delimited table. note is told what is converted or left.
func (s *Scorer) Open(path string, in io.Reader, o TableOptions, note func(string)) (*Source, error) {
	if path == Stdin {
		source, err := s.openStream(in, o, note)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		source.blocks = true
		return source, nil
	}
	if !features.IsTable(path) {
		arrays, err := rows.OpenArrays(path, s.limit)
		if err != nil {
			return nil, err
		}
		source, err := s.Arrays(arrays, note)
		if err != nil {
			arrays.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return source, nil
	}
	f, _, err := rows.Open(path)
	if err != nil {
		return nil, err
	}
	source, err := s.Table(f, path, o)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	source.close = f.Close
	return source, nil
}

func (s *Scorer) openStream(in io.Reader, o TableOptions, note func(string)) (*Source, error) {
	r := bufio.NewReaderSize(in, 1<<16)
	start, err := r.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("an archive cannot be read from a stream; give the .npz file by its name")
	case bytes.HasPrefix(start, []byte("\x93NUMPY")):
		a, err := rows.NewArrayReader(r, s.limit)
		if err != nil {
			return nil, err
		}
		return s.Arrays(&rows.ArrayFile{Arrays: []*rows.ArrayReader{a}}, note)
	case beginsJSON(r):
		return s.Table(r, "stream.jsonl", o)
	}
	return s.Table(r, "stream.csv", o)
}

// beginsJSON says whether the first line is a JSON object or list. No more is waited for than that line.
func beginsJSON(r *bufio.Reader) bool {
	first, err := r.Peek(1)
	if err != nil || first[0] != '{' && first[0] != '[' {
		return false
	}
	for n := 1; ; {
		line, err := r.Peek(n)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return json.Valid(line[:end])
		}
		if err == bufio.ErrBufferFull {
			return true // a long line that begins so
		}
		if err != nil {
			return json.Valid(line)
		}
		n = max(n+1, r.Buffered())
	}
}
