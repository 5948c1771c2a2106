package ops

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// StringNormalizer: words without stopwords, in upper or lower case (case_change_action, NONE by default). Stopwords are compared regardless
// of case unless is_case_sensitive. Where no word is left there is one empty one. X string [words] or [1, words] → the same rank.
// The locale is not looked at: Unicode's own case mapping holds.
// 10: first.
// https://onnx.ai/onnx/operators/onnx__StringNormalizer.html
//
// TfIdfVectorizer: how often each n-gram of a pool occurs in a row of words, or whether it does, times its weight.
// An n-gram's words may stand up to max_skip_count words apart, all at the same distance. pool_strings or pool_int64s hold the 1-grams,
// then the 2-grams, …, from the places in ngram_counts on; ngram_indexes says where in the result each is counted.
// mode TF: the count · IDF: the weight where it occurs · TFIDF: the count times the weight.
// X string, int32 or int64 [words] or [rows, words] → Y float [max(ngram_indexes)+1] or [rows, …].
// 9: first.
// https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html

func textFamily() []Meaning {
	return []Meaning{
		{Name: "StringNormalizer", Class: Exact, New: newStringNormalizer},
		{Name: "TfIdfVectorizer", Class: Rounds, New: newTfIdf},
	}
}

type stringNormalizer struct {
	change    func(string) string // nil: none
	sensitive bool
	stop      map[string]bool
}

func newStringNormalizer(a *Attrs) Op {
	s := stringNormalizer{sensitive: a.Bool("is_case_sensitive"), stop: make(map[string]bool)}
	if a.Has("locale") {
		a.Str("locale")
	}
	switch a.OneOf("case_change_action", "NONE", "LOWER", "UPPER") {
	case "LOWER":
		s.change = strings.ToLower
	case "UPPER":
		s.change = strings.ToUpper
	}
	for _, w := range a.Strs("stopwords") {
		s.stop[s.key(w)] = true
	}
	return s
}

func (s stringNormalizer) key(w string) string {
	if s.sensitive {
		return w
	}
	return strings.ToLower(w)
}

func (s stringNormalizer) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if !x.Ranked() {
		return []Fact{Unranked(onnx.String)}, nil
	}
	d := x.Dims()
	if len(d) != 1 && len(d) != 2 || len(d) == 2 && d[0].Known() && d[0].Value != 1 {
		return nil, fmt.Errorf("the words are %s, want [words] or [1, words]", onnx.ShapeString(d))
	}
	dims := unknownDims(len(d))
	if len(d) == 2 {
		dims[0] = onnx.Fixed(1)
	}
	if last := d[len(d)-1]; len(s.stop) == 0 && last.Known() {
		dims[len(d)-1] = onnx.Fixed(max(last.Value, 1))
	}
	return []Fact{Tensor(onnx.String, dims...)}, nil
}

func (s stringNormalizer) Eval(_ *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	words := []string{}
	for _, w := range x.Strings {
		if s.stop[s.key(w)] {
			continue
		}
		if s.change != nil {
			w = s.change(w)
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		words = append(words, "")
	}
	dims := []int64{int64(len(words))}
	if len(x.Dims) == 2 {
		dims = []int64{1, dims[0]}
	}
	return []onnx.Value{onnx.FromStrings(words, dims...)}, nil
}

type tfIdf struct {
	mode        string
	least, most int64 // words of an n-gram
	skips       int64
	grams       map[string]int // an n-gram to its place in at and weights
	at          []int64
	weights     []float32
	size        int64
	words       bool // the pool holds words, else numbers
}

func newTfIdf(a *Attrs) Op {
	t := tfIdf{
		mode: a.OneOf("mode", "TF", "IDF", "TFIDF"), least: a.Int("min_gram_length"), most: a.Int("max_gram_length"),
		skips: a.Int("max_skip_count"), at: a.Ints("ngram_indexes"), weights: a.Floats("weights"), grams: make(map[string]int),
	}
	counts, numbers, words := a.Ints("ngram_counts"), a.Ints("pool_int64s"), a.Strs("pool_strings")
	if (numbers == nil) == (words == nil) {
		a.Fail("one of the attributes \"pool_int64s\" and \"pool_strings\" must be given, and not both")
	}
	t.words = words != nil
	if t.least < 1 || t.most < t.least || t.skips < 0 {
		a.Fail("n-grams of %d to %d words with %d skipped cannot be", t.least, t.most, t.skips)
	}
	if t.weights != nil && len(t.weights) != len(t.at) {
		a.Fail("attribute \"weights\" has %d numbers, want %d", len(t.weights), len(t.at))
	}
	for _, i := range t.at {
		if i < 0 || i > 1<<40 {
			a.Fail("attribute \"ngram_indexes\": %d cannot be", i)
			return t
		}
		t.size = max(t.size, i+1)
	}
	pool := max(len(numbers), len(words))
	for i, start := range counts {
		end, n := int64(pool), int64(i+1)
		if i+1 < len(counts) {
			end = counts[i+1]
		}
		if start < 0 || end < start || end > int64(pool) || (end-start)%n != 0 {
			a.Fail("attribute \"ngram_counts\": %d to %d of %d are no %d-grams", start, end, pool, n)
			return t
		}
		for k := start; k < end; k += n {
			key := ""
			for j := k; j < k+n; j++ {
				if t.words {
					key += wordKey(words[j])
				} else {
					key += numberKey(numbers[j])
				}
			}
			if _, twice := t.grams[key]; twice {
				a.Fail("the pool holds an n-gram twice")
			}
			t.grams[key] = len(t.grams)
		}
	}
	if len(t.grams) != len(t.at) {
		a.Fail("the pool holds %d n-grams, attribute \"ngram_indexes\" has %d numbers", len(t.grams), len(t.at))
	}
	return t
}

func wordKey(w string) string {
	return string(binary.AppendUvarint(nil, uint64(len(w)))) + w
}

func numberKey(n int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

func (t tfIdf) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if e := x.Elem(); e != onnx.Undefined && (e == onnx.String) != t.words {
		return nil, fmt.Errorf("the input is %v, the pool holds the other kind", e)
	}
	if !x.Ranked() {
		return []Fact{Unranked(onnx.Float)}, nil
	}
	if x.Rank() != 1 && x.Rank() != 2 {
		return nil, fmt.Errorf("the input has %d axes, want [words] or [rows, words]", x.Rank())
	}
	return []Fact{Tensor(onnx.Float, append(slices.Clone(x.Dims()[:x.Rank()-1]), onnx.Fixed(t.size))...)}, nil
}

func (t tfIdf) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	x := in[0].(*onnx.Tensor)
	last := len(x.Dims) - 1
	y, err := env.New(onnx.Float, append(slices.Clone(x.Dims[:last]), t.size)...)
	if err != nil {
		return nil, err
	}
	keys := make([]string, x.Len())
	if x.Type == onnx.String {
		for i, w := range x.Strings {
			keys[i] = wordKey(w)
		}
	} else {
		numbers, err := IntsOf(x)
		if err != nil {
			return nil, err
		}
		for i, n := range numbers {
			keys[i] = numberKey(n)
		}
	}
	n := int(x.Dims[last])
	for r := range count(x.Dims[:last]) {
		t.count(y.Float32s()[r*int(t.size):(r+1)*int(t.size)], keys[r*n:(r+1)*n])
	}
	return []onnx.Value{y}, nil
}

// count adds up one row.
func (t tfIdf) count(y []float32, row []string) {
	found := make([]int, len(t.at))
	for step := int64(1); step <= t.skips+1 && step <= int64(len(row)); step++ {
		for start := range row {
			key := ""
			for n, at := int64(1), int64(start); n <= t.most && at < int64(len(row)); n, at = n+1, at+step {
				key += row[at]
				if n < t.least || n == 1 && step > 1 { // one word has nothing between
					continue
				}
				if id, ok := t.grams[key]; ok {
					found[id]++
				}
			}
		}
	}
	for id, n := range found {
		w := float32(1)
		if t.weights != nil {
			w = t.weights[id]
		}
		switch {
		case n == 0:
		case t.mode == "TF":
			y[t.at[id]] += float32(n)
		case t.mode == "IDF":
			y[t.at[id]] += w
		default:
			y[t.at[id]] += float32(n) * w
		}
	}
}
