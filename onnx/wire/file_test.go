package wire_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// sample is a model with a large and a small initializer, and a large one in a subgraph.
func sample(first float32) *onnx.Model {
	large := onnx.NewTensor(onnx.Float, 10, 30)
	large.Name, large.Float32s()[0] = "large", first
	odd := onnx.NewTensor(onnx.Uint8, 1025)
	odd.Name = "odd"
	small := onnx.NewTensor(onnx.Float, 255)
	small.Name = "small"
	inner := onnx.NewTensor(onnx.Int64, 128)
	inner.Name, inner.Storage = "inner", onnx.StorageTyped
	sub := &onnx.Graph{Name: "sub", Initializers: []*onnx.Tensor{inner}}
	return &onnx.Model{IRVersion: 8, Graph: &onnx.Graph{Name: "g", Initializers: []*onnx.Tensor{odd, large, small},
		Nodes: []*onnx.Node{{OpType: "If", Attributes: []*onnx.Attribute{onnx.AttrGraph("then_branch", sub)}}}}}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	want := sample(7)
	before, err := wire.Encode(want)
	must(t, err)
	must(t, wire.WriteFile(path, want, wire.WriteOptions{}))
	written, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(written, before) {
		t.Error("got other bytes in the file than Encode gives")
	}
	if got := names(t, dir); !slices.Equal(got, []string{"model.onnx"}) {
		t.Errorf("got files %v, want the model alone", got)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	must(t, os.WriteFile(plain, nil, 0o666))
	if got, want := mode(t, path), mode(t, plain); got != want {
		t.Errorf("got mode %v, want %v as of any new file", got, want)
	}
}

// What is written in pieces, with large tensors passed by, is what Encode gives at once.
func TestWriteFileOfLargeTensors(t *testing.T) {
	k := newMaker(6)
	m := &onnx.Model{Graph: &onnx.Graph{}}
	for _, n := range []int64{1, 1000, 65535, 65536, 65537, 200000, 3} {
		m.Graph.Initializers = append(m.Graph.Initializers, k.tensorOf(onnx.Uint8, onnx.StorageRaw, n), k.tensorOf(onnx.Int16, onnx.StorageTyped, n))
	}
	want, err := wire.Encode(m)
	must(t, err)
	path := filepath.Join(t.TempDir(), "large.onnx")
	must(t, wire.WriteFile(path, m, wire.WriteOptions{}))
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want the %d that Encode gives", len(got), len(want))
	}
}

func mode(t *testing.T, path string) os.FileMode {
	info, err := os.Stat(path)
	must(t, err)
	return info.Mode()
}

func TestWriteFileWithExternalData(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	m := sample(7)
	before, err := wire.Encode(m)
	must(t, err)
	for range 2 { // the second time over the first
		must(t, wire.WriteFile(path, m, wire.WriteOptions{ExternalData: true}))
		if got := names(t, dir); !slices.Equal(got, []string{"model.onnx", "model.onnx.data"}) {
			t.Fatalf("got files %v, want the model and its data", got)
		}
	}
	if after, err := wire.Encode(m); err != nil || !bytes.Equal(before, after) {
		t.Error("the model was changed by writing it")
	}
	got, err := wire.ReadFile(path, wire.Options{})
	must(t, err)
	places := map[string]int64{}
	g := got.Graph
	for _, w := range append(g.Initializers, g.Nodes[0].Attributes[0].Graph.Initializers...) {
		if w.Storage == onnx.StorageExternal {
			places[w.Name] = w.External.Offset
		}
	}
	// 1,025 bytes, then 1,200, each from a multiple of 64; 255 floats are 4 bytes short of being large.
	if want := map[string]int64{"odd": 0, "large": 1088, "inner": 2304}; !reflect.DeepEqual(places, want) {
		t.Errorf("got %v outside, want %v", places, want)
	}
	if got := g.Initializers[1].Float32s()[0]; got != 7 {
		t.Errorf("got %v as first element of large, want 7", got)
	}

	// Written again without external data, it is whole by itself.
	alone := filepath.Join(t.TempDir(), "alone.onnx")
	must(t, wire.WriteFile(alone, got, wire.WriteOptions{}))
	whole, err := wire.ReadFile(alone, wire.Options{})
	must(t, err)
	if w := whole.Graph.Initializers[1]; w.Storage != onnx.StorageRaw || w.External != nil || w.Float32s()[0] != 7 {
		t.Errorf("got %v in storage %d, want it inside", w, w.Storage)
	}

	// Without the folder the tensors stay outside, and writing them as a file is refused.
	data, err := os.ReadFile(path)
	must(t, err)
	unbound, err := wire.Decode(data, wire.Options{})
	must(t, err)
	err = wire.WriteFile(alone, unbound, wire.WriteOptions{})
	if err == nil || !strings.Contains(err.Error(), `"inner": int64[128] has no data`) {
		t.Errorf("got %v, want the tensor named that has no data", err)
	}
}

// On failure there are no new files, and the old ones are as they were.
func TestWriteFileFails(t *testing.T) {
	unbound := sample(8)
	unbound.Graph.Initializers[2].Data = nil
	cases := map[string]struct {
		model   *onnx.Model
		prepare func(dir string) (path string)
		want    string
	}{
		"a tensor without data":      {unbound, func(dir string) string { return filepath.Join(dir, "model.onnx") }, `"small": float[255] has no data`},
		"a folder that is not there": {sample(8), func(dir string) string { return filepath.Join(dir, "gone", "model.onnx") }, "no such file"},
		"a folder at the model's place": {sample(8), func(dir string) string {
			path := filepath.Join(dir, "other.onnx")
			os.Mkdir(path, 0o777)
			return path
		}, "this is a folder"},
		"a folder at the data's place": {sample(8), func(dir string) string {
			path := filepath.Join(dir, "other.onnx")
			os.Mkdir(path+".data", 0o777)
			return path
		}, `external data "other.onnx.data": this is a folder`},
		"a name too long": {sample(8), func(dir string) string { return filepath.Join(dir, strings.Repeat("x", 254)) }, "name too long"},
	}
	for name, c := range cases {
		dir := t.TempDir()
		must(t, wire.WriteFile(filepath.Join(dir, "model.onnx"), sample(7), wire.WriteOptions{ExternalData: true}))
		path := c.prepare(dir)
		before := names(t, dir)
		err := wire.WriteFile(path, c.model, wire.WriteOptions{ExternalData: true})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "wire: "+path+": ") {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		if after := names(t, dir); !slices.Equal(after, before) {
			t.Errorf("%s: got files %v, want %v", name, after, before)
		}
		old, err := wire.ReadFile(filepath.Join(dir, "model.onnx"), wire.Options{})
		if err != nil || old.Graph.Initializers[1].Float32s()[0] != 7 {
			t.Errorf("%s: the old model is damaged: %v", name, err)
		}
	}
}
