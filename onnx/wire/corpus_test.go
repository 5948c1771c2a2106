package wire_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/gonyx/gonyx/fixtures/conformance"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/wire"
)

// brokenVectors are files of the suite that are no tensors: the writer of that release put the addresses of Python
// strings where the strings belong, a row of them for each. They must be refused.
var brokenVectors = map[string]bool{
	"v1.4.1/node/test_cast_STRING_to_FLOAT/input_0":  true,
	"v1.4.1/node/test_cast_FLOAT_to_STRING/output_0": true,
}

// Every model and every test vector of the official suite goes round.
func TestCorpusGoesRound(t *testing.T) {
	archive := conformance.Archive(t)
	var models, vectors, sameModels, sameVectors, broken int
	vector := func(name string, file []byte, declared onnx.Type) {
		v, err := wire.DecodeValue(file, declared, wire.Options{})
		if brokenVectors[name] {
			broken++
			if err == nil {
				t.Errorf("%s: got %v, want it refused", name, v)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		vectors++
		b, err := wire.EncodeValue(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if bytes.Equal(b, file) {
			sameVectors++
		}
		w, err := wire.DecodeValue(b, declared, wire.Options{})
		if err != nil || !reflect.DeepEqual(v, w) {
			t.Errorf("%s: got %v, %v after a round, want %v", name, w, err, v)
		}
	}
	err := conformance.Walk(archive, nil, func(c conformance.Case) error {
		m, err := wire.Decode(c.Model, wire.Options{})
		if err != nil {
			t.Errorf("%v: %v", c, err)
			return nil
		}
		models++
		if again(t, c.String(), m, c.Model) {
			sameModels++
		}
		required := m.Graph.RequiredInputs()
		if len(c.DataSets) > 0 && len(c.DataSets[0].Inputs) > len(required) {
			required = m.Graph.Inputs
		}
		for _, d := range c.DataSets {
			for k, file := range d.Inputs {
				vector(fmt.Sprintf("%v/input_%d", c, k), file, required[k].Type)
			}
			for k, file := range d.Outputs {
				vector(fmt.Sprintf("%v/output_%d", c, k), file, m.Graph.Outputs[k].Type)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if broken != len(brokenVectors) {
		t.Errorf("got %d of the broken vectors, want %d", broken, len(brokenVectors))
	}
	if models < 24000 || vectors < 73000 {
		t.Errorf("got %d models and %d vectors, want the whole suite", models, vectors)
	}
	t.Logf("%d models, %d of them byte for byte; %d vectors, %d of them byte for byte", models, sameModels, vectors, sameVectors)
}

// again says whether a model's bytes are those it came from.
func again(t *testing.T, name string, m *onnx.Model, original []byte) bool {
	t.Helper()
	b, err := wire.Encode(m)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return false
	}
	n, err := wire.Decode(b, wire.Options{})
	if err != nil {
		t.Errorf("%s: after a round: %v", name, err)
		return false
	}
	if d := difference(reflect.ValueOf(n), reflect.ValueOf(m), "model"); d != "" {
		t.Errorf("%s: after a round: %s", name, d)
	}
	return bytes.Equal(b, original)
}
