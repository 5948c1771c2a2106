package wire_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/wire"
)

// external gives a model whose float[2,3] lies outside.
func external(location string, more ...[]byte) []byte {
	return initializer(number(14, 1), entry("location", location), join(more...))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder makes root/model/ with the model's files and root/secret.bin, which nothing may reach. It gives root/model.
func folder(t *testing.T) string {
	root := t.TempDir()
	dir := filepath.Join(root, "model")
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	data := make([]byte, 48)
	for i := range data {
		data[i] = byte(i)
	}
	must(t, os.WriteFile(filepath.Join(root, "secret.bin"), data, 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "w.bin"), data, 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "sub", "w.bin"), data[24:], 0o666))
	return dir
}

func TestExternalDataIsRead(t *testing.T) {
	dir := folder(t)
	cases := map[string]struct {
		model []byte
		first byte // of the 24 bytes
	}{
		"from the beginning":       {external("w.bin", entry("length", "24")), 0},
		"from an odd offset":       {external("w.bin", entry("offset", "7"), entry("length", "24")), 7},
		"up to the end":            {external("w.bin", entry("offset", "24")), 24},
		"in a folder of the model": {external("sub/w.bin"), 24},
		"by a way round":           {external("./sub/../sub/w.bin"), 24},
	}
	if os.Symlink("w.bin", filepath.Join(dir, "link")) == nil {
		cases["through a link inside"] = struct {
			model []byte
			first byte
		}{external("link", entry("length", "24")), 0}
	}
	for name, c := range cases {
		must(t, os.WriteFile(filepath.Join(dir, "model.onnx"), c.model, 0o666))
		m, err := wire.ReadFile(filepath.Join(dir, "model.onnx"), wire.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		w := m.Graph.Initializers[0]
		if len(w.Data) != 24 || w.Data[0] != c.first || w.Data[23] != c.first+23 {
			t.Errorf("%s: got %v, want 24 bytes from %d", name, w.Data, c.first)
		}
	}
}

func TestExternalDataIsRefused(t *testing.T) {
	dir := folder(t)
	outside := filepath.Join(filepath.Dir(dir), "secret.bin")
	whole := entry("length", "24")
	cases := map[string]struct {
		model []byte
		want  string
	}{
		"an absolute path":             {external(outside, whole), "the path is absolute"},
		"the folder above":             {external("../secret.bin", whole), "the path leaves the model's folder"},
		"the folder above, hidden":     {external("sub/../../secret.bin", whole), "the path leaves the model's folder"},
		"a missing file":               {external("gone.bin", whole), "the file is missing"},
		"a missing folder":             {external("gone/w.bin", whole), "the file is missing"},
		"a file taken for a folder":    {external("w.bin/x", whole), "cannot be reached"},
		"a folder":                     {external("sub", whole), "this is a folder, not a file"},
		"the model's folder":           {external(".", whole), "this is a folder, not a file"},
		"a name with a zero":           {external("w.bin\x00.txt", whole), `external data "w.bin\x00.txt"`},
		"a file too short":             {external("w.bin", entry("offset", "25"), whole), "the file has 48 bytes, the tensor needs 24 from offset 25"},
		"an offset beyond the file":    {external("w.bin", entry("offset", "9223372036854775807"), whole), "the file has 48 bytes"},
		"no length and too much":       {external("w.bin", entry("offset", "1")), "47 bytes stand from offset 1 to the end, the tensor needs 24"},
		"no length, beyond the file":   {external("w.bin", entry("offset", "49")), "the file has 48 bytes"},
		"a length of another shape":    {external("w.bin", entry("length", "23")), "has 23 bytes, float[2,3] needs 24"},
		"tensors that overlap a lot":   {overlapping(), "tensors overlap"},
		"more than the memory allowed": {tensor(number(2, 1), number(1, 1<<29+1), number(14, 1), entry("location", "w.bin")), "more than the memory limit"},
	}
	for name, c := range specialFiles(t, dir, outside) {
		cases[name] = c
	}
	for name, c := range cases {
		path := filepath.Join(dir, "model.onnx")
		must(t, os.WriteFile(path, c.model, 0o666))
		m, err := wire.ReadFile(path, wire.Options{})
		if err == nil {
			t.Errorf("%s: got %v, want it refused", name, m.Graph.Initializers[0].Data)
			continue
		}
		if got := err.Error(); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "wire: "+path+": graph: initializer ") {
			t.Errorf("%s: got %q, want %q in it", name, got, c.want)
		}
	}
}

// overlapping gives a model of many tensors that each read nearly all of one small file.
func overlapping() []byte {
	var all [][]byte
	for i := range 25 {
		all = append(all, message(5, text(8, "w"), number(1, 24), number(2, 2), number(14, 1),
			entry("location", "w.bin"), entry("offset", string(rune('0'+i/10))+string(rune('0'+i%10))), entry("length", "24")))
	}
	return graph(all...)
}

// Tensors that name the same stretch of a file share its bytes, so that naming it often costs nothing.
func TestExternalDataIsShared(t *testing.T) {
	dir := folder(t)
	same := message(5, number(1, 2), number(1, 3), number(2, 1), number(14, 1), entry("location", "w.bin"), entry("length", "24"))
	m, err := wire.Decode(graph(bytes.Repeat(same, 1000)), wire.Options{Dir: dir})
	must(t, err)
	first, last := m.Graph.Initializers[0].Data, m.Graph.Initializers[999].Data
	if &first[0] != &last[0] {
		t.Error("got bytes of its own for each tensor, want them shared")
	}
}
