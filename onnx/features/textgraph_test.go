package features_test

import (
	"context"
	"math"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// The arithmetic that the doc of features.Text states for a graph gives the bits that features.Text gives, on every set of kernels.
func TestTextWeightsOfAGraphHaveTheSameBits(t *testing.T) {
	const words, most = 40, 60
	counter := features.NewCounter()
	var texts []string
	for i := range words { // word i is in i+1 texts
		for n := range i + 1 {
			for len(texts) <= n {
				texts = append(texts, "")
			}
			texts[n] += " " + word(i)
		}
	}
	for _, text := range texts {
		counter.Add(text)
	}
	text := counter.Text(words + 1)

	b := graphs.New("weights")
	cast := func(v graphs.Value, to onnx.ElemType) graphs.Value {
		return b.Op("Cast", []graphs.Value{v}, onnx.AttrInt("to", int64(to)))
	}
	one := &onnx.Tensor{Type: onnx.Double, Dims: []int64{}, Data: onnx.BytesOf([]float64{1})}
	counts := b.Input("counts", onnx.Float, onnx.Symbol("batch"), onnx.FixedDims(words + 1)[0])
	log := b.Op("Log", []graphs.Value{b.Op("Max", []graphs.Value{cast(counts, onnx.Double), b.Const("one", one)})})
	frequency := cast(b.Op("Add", []graphs.Value{log, b.Const("one", one)}), onnx.Float)
	there := b.Op("Min", []graphs.Value{counts, b.Scalar(1)})
	idf := onnx.NewTensor(onnx.Float, words+1)
	copy(idf.Float32s()[1:], text.IDF)
	b.Output("y", b.Op("Mul", []graphs.Value{b.Op("Mul", []graphs.Value{frequency, there}), b.Const("idf", idf)}))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}

	in, want := onnx.NewTensor(onnx.Float, most, words+1), onnx.NewTensor(onnx.Float, most, words+1)
	for n := range most { // row n has word i n+i times, and of every third none
		line := ""
		for i, w := range text.Words {
			if (n+i)%3 == 0 {
				continue
			}
			in.Float32s()[n*(words+1)+1+i] = float32(n + i)
			for range n + i {
				line += w + " "
			}
		}
		text.Row(line).Fill(want.Float32s()[n*(words+1) : (n+1)*(words+1)])
	}
	for _, set := range kernels.Supported() {
		compiled, err := backend.Compile(m.Graph, backend.Options{Threads: 1, Kernels: set.String()})
		if err != nil {
			t.Fatal(err)
		}
		out, err := compiled.Run(context.Background(), []onnx.Value{in})
		compiled.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range out[0].(*onnx.Tensor).Float32s() {
			if w := want.Float32s()[i]; math.Float32bits(got) != math.Float32bits(w) {
				t.Fatalf("%v: count %v of column %d: got %v, want %v", set, in.Float32s()[i], i%(words+1), got, w)
			}
		}
	}
}

// word is a word for a number.
func word(i int) string { return string([]rune{'a' + rune(i/26), 'a' + rune(i%26)}) }
