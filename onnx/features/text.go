package features

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

// Text says how a text becomes a float row [columns]: word by word counts, weighted by TF-IDF.
//
//	x[0] = 0
//	x[i] = float32(1 + ln(count of word i)) · IDF[i]   where the text has the word, else 0
//	IDF[i] = ln(1 + texts / (1 + texts with word i))
//
// Words are ranked by how often they appear, the most frequent first, ties by first appearance; ranks count from 1 and are
// the columns. What ranks beyond the columns is left out. 1 + ln is computed in float64 and rounded once, the product in
// float32: a graph does the same with counts cast to double for Log and Add and back to float for Mul, so that its features
// have the same bits.
type Text struct {
	Tokenizer Tokenizer
	Columns   int       // of a row, the empty column 0 among them
	Words     []string  // of columns 1, 2, …; at most Columns-1
	IDF       []float32 // beside Words

	columns map[string]int32 // of the words; made by index
}

// maxColumns bounds the width of rows far above what is useful.
const maxColumns = 1 << 24

// Text makes the features of what was counted, with so many columns: at most columns-1 words.
func (c *Counter) Text(columns int) *Text {
	order := make([]int32, len(c.words))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(c.count[b], c.count[a]) })
	order = order[:min(len(order), max(columns-1, 0))]
	t := &Text{Tokenizer: KerasTokenizer, Columns: columns, Words: make([]string, len(order)), IDF: make([]float32, len(order))}
	for i, w := range order {
		t.Words[i] = c.words[w]
		t.IDF[i] = float32(math.Log(1 + float64(c.added)/(1+float64(c.texts[w]))))
	}
	t.index()
	return t
}

// index makes the table that finds a word's column.
func (t *Text) index() {
	t.columns = make(map[string]int32, len(t.Words))
	for i, w := range t.Words {
		t.columns[w] = int32(i + 1)
	}
}

// Sparse is a row of which most elements are 0: the others, by rising column.
type Sparse struct {
	Columns []int32
	Values  []float32
}

// Row gives the features of a text. The Text must come from [Counter.Text], [Restore] or [NewText].
func (t *Text) Row(text string) Sparse {
	var row Sparse
	for _, w := range Words(text) {
		if c, ok := t.columns[w]; ok {
			row.Columns = append(row.Columns, c)
		}
	}
	slices.Sort(row.Columns)
	kept := 0
	for lo := 0; lo < len(row.Columns); {
		c, hi := row.Columns[lo], lo
		for hi < len(row.Columns) && row.Columns[hi] == c {
			hi++
		}
		row.Columns[kept] = c
		row.Values = append(row.Values, TermFrequency(hi-lo)*t.IDF[c-1])
		kept++
		lo = hi
	}
	row.Columns = slices.Clip(row.Columns[:kept])
	return row
}

// TermFrequency weighs a word that a text has so often, at least once: 1 + ln(count).
func TermFrequency(count int) float32 { return float32(1 + math.Log(float64(count))) }

// Fill writes the row to dst, which it overwrites whole. A column beyond it panics.
func (s Sparse) Fill(dst []float32) {
	clear(dst)
	for i, c := range s.Columns {
		dst[c] = s.Values[i]
	}
}

// NewText makes text features of a vocabulary and its weights, beside each other.
func NewText(columns int, words []string, idf []float32) (*Text, error) {
	t := &Text{Tokenizer: KerasTokenizer, Columns: columns, Words: words, IDF: idf}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.index()
	return t, nil
}

func (t *Text) check() error {
	if err := t.Tokenizer.check("text.tokenizer"); err != nil {
		return err
	}
	switch {
	case t.Columns < 1 || t.Columns > maxColumns:
		return unsound("text.columns", "%d is not within 1..%d", t.Columns, maxColumns)
	case len(t.Words) > t.Columns-1:
		return unsound("text.columns", "%d for %d words, and the first stays empty", t.Columns, len(t.Words))
	case len(t.IDF) != len(t.Words):
		return unsound("text.idf", "%d weights for %d words", len(t.IDF), len(t.Words))
	}
	for i, v := range t.IDF {
		if !finite(float64(v)) || v < 0 {
			return unsound("text.idf", "weight %d is %g", i, v)
		}
	}
	seen := make(map[string]bool, len(t.Words))
	for i, w := range t.Words {
		if own := Words(w); len(own) != 1 || own[0] != w || !utf8.ValidString(w) {
			return unsound("text.words", "word %d, %q, is not one that the tokenizer gives", i, clip(w))
		}
		if seen[w] {
			return unsound("text.words", "%q is there twice", clip(w))
		}
		seen[w] = true
	}
	return nil
}
