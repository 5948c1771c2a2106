package scoring

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// tokensInput gives the one input that the tokens of texts fill, string [batch, tokens] with any number of tokens, and its number.
func (s *Scorer) tokensInput() (*onnx.ValueInfo, int, error) {
	required := s.model.Required()
	if len(required) == 1 {
		v := required[0]
		if t := v.Type; t.Kind == onnx.KindTensor && t.Elem == onnx.String && t.Ranked && len(t.Dims) == 2 && !t.Dims[1].Known() {
			at := slices.IndexFunc(s.model.Inputs(), func(in *onnx.ValueInfo) bool { return in.Name == v.Name })
			return v, at, nil
		}
	}
	return nil, 0, fmt.Errorf("the model's metadata says that it takes tokens, string [batch, tokens]; %s", Describe(s.model))
}

// tokens makes a source of what text gives, one text at each call.
func (src *Source) tokens(text func() (string, error)) {
	src.ragged, src.dims = true, [][]int64{{0}}
	src.next = func(_ *Result, into []*onnx.Tensor) error {
		line, err := text()
		if err != nil {
			return err
		}
		into[0].Strings = features.Words(line)
		return nil
	}
}

// check says whether a batch may be as wide as a row of tokens.
func (b *batches) check(tokens []string) error {
	dims := []int64{int64(b.size), int64(len(tokens))}
	if need, err := onnx.ByteSize(onnx.String, dims); err != nil || need > b.limit {
		return &badRow{fmt.Errorf("%d tokens: a batch of %v takes more than the memory limit of %d bytes; lower the batch size", len(tokens), dims, b.limit)}
	}
	return nil
}

// padded makes a tensor [rows, tokens] of rows of tokens, as wide as the longest and at least one. Rows that are missing are empty.
func padded(tokens [][]string, rows int) *onnx.Tensor {
	width := 1
	for _, row := range tokens {
		width = max(width, len(row))
	}
	t := onnx.NewTensor(onnx.String, int64(rows), int64(width))
	for i, row := range tokens {
		copy(t.Strings[i*width:], row)
	}
	return t
}
