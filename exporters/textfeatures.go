package exporters

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/ops"
)

// TokensInput is the input of a model that has its text features inside: string [batch, tokens], the tokens of each text as its tokenizer
// gives them, rows padded with empty strings.
const TokensInput = "tokens"

// WithTextFeatures puts the features of texts before a graph that takes their rows, float [batch, columns], as its only input. The new
// graph, at the newest opset, takes [TokensInput] in its place and has the bits of [features.Text] where logarithms are those of the
// evaluator here:
//
//	count = TfIdfVectorizer(tokens)                            mode TF, one word a column
//	x     = count > 0 ? float(1 + log(double(count))) · IDF : 0
//
// The graph given is left alone.
func WithTextFeatures(g *onnx.Graph, text *features.Text) (*onnx.Graph, error) {
	inputs := g.RequiredInputs()
	if len(inputs) != 1 {
		return nil, fmt.Errorf("text features: the network has %d inputs, want one that takes the rows", len(inputs))
	}
	x := inputs[0]
	if d := x.Type.Dims; x.Type.Elem != onnx.Float || len(d) != 2 || !d[1].Known() || d[1].Value != int64(text.Columns) {
		return nil, fmt.Errorf("text features: input %q is %v, the features are float[batch,%d]", x.Name, x.Type, text.Columns)
	}
	if len(text.Words) == 0 {
		return nil, fmt.Errorf("text features: the vocabulary is empty")
	}
	front, err := textGraph(x, text)
	if err != nil {
		return nil, err
	}
	whole, err := ops.Convert(g, onnx.MaxOpset)
	if err != nil {
		return nil, err
	}
	taken := make(map[string]bool)
	for _, t := range whole.Initializers {
		taken[t.Name] = true
	}
	for _, n := range whole.Nodes {
		for _, name := range n.Outputs {
			taken[name] = true
		}
	}
	for _, t := range front.Initializers {
		if taken[t.Name] {
			return nil, fmt.Errorf("text features: the network has a value %q, too", t.Name)
		}
	}
	for _, n := range front.Nodes {
		for _, name := range append(slices.Clone(n.Outputs), TokensInput) {
			if taken[name] {
				return nil, fmt.Errorf("text features: the network has a value %q, too", name)
			}
		}
	}
	whole.Inputs = front.Inputs
	whole.Nodes = append(front.Nodes, whole.Nodes...)
	whole.Initializers = append(front.Initializers, whole.Initializers...)
	whole.ValueInfo = nil
	return whole, nil
}

// textGraph makes rows under the name of the input that takes them.
func textGraph(x *onnx.ValueInfo, text *features.Text) (*onnx.Graph, error) {
	pool := &onnx.Attribute{Name: "pool_strings", Type: onnx.AttributeStrings}
	var columns []int64
	width := len(text.Words) + 1
	idf := onnx.NewTensor(onnx.Float, int64(width)) // column 0 stays empty
	for i, w := range text.Words {
		pool.Strs = append(pool.Strs, []byte(w))
		columns = append(columns, int64(i+1))
		idf.Float32s()[i+1] = text.IDF[i]
	}
	b := graphs.New("text features")
	var rows graphs.Value
	b.In("features", func() {
		tokens := b.Input(TokensInput, onnx.String, x.Type.Dims[0], onnx.Symbol(TokensInput))
		count := b.Op("TfIdfVectorizer", []graphs.Value{tokens}, onnx.AttrString("mode", "TF"), onnx.AttrInt("min_gram_length", 1),
			onnx.AttrInt("max_gram_length", 1), onnx.AttrInt("max_skip_count", 0), onnx.AttrInts("ngram_counts", 0),
			onnx.AttrInts("ngram_indexes", columns...), pool) // [batch, words + 1]
		zero, one := b.Const("zero", onnx.Scalar32(0)), b.Const("one", onnx.Scalar32(1))
		there := count.Greater(zero)
		logarithm := there.Where(count, one).Cast(onnx.Double).Log()
		unit := onnx.NewTensor(onnx.Double)
		unit.Float64s()[0] = 1
		weight := logarithm.Add(b.Const("unit", unit)).Cast(onnx.Float)
		rows = there.Where(weight.Mul(b.Const("idf", idf)), zero)
		if rest := int64(text.Columns - width); rest > 0 { // columns that no word has
			rows = b.Op("Pad", []graphs.Value{rows, b.Ints("pads", 0, 0, 0, rest)}) // [batch, columns]
		}
	})
	b.Output(x.Name, rows)
	m, err := b.Model()
	if err != nil {
		return nil, err
	}
	return m.Graph, nil
}

// hasStrings says whether strings go through a graph or stand in it.
func hasStrings(g *onnx.Graph) bool {
	text := func(v *onnx.ValueInfo) bool { return v.Type.Elem == onnx.String }
	return slices.ContainsFunc(g.Inputs, text) || slices.ContainsFunc(g.Outputs, text) ||
		slices.ContainsFunc(g.Initializers, func(t *onnx.Tensor) bool { return t.Type == onnx.String })
}

// vocabulary gives words for inputs of strings: some that the graph looks for, and one that it does not.
func vocabulary(g *onnx.Graph) []string {
	words := []string{"one", "two", "three", "four"}
	for _, n := range g.Nodes {
		if pool := n.Attribute("pool_strings"); n.OpType == "TfIdfVectorizer" && pool != nil && len(pool.Strs) > 0 {
			const known = 7
			words = []string{""}
			for i := range known {
				words = append(words, string(pool.Strs[i*len(pool.Strs)/known]))
			}
		}
	}
	return words
}
