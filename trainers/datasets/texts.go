package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// DefaultWords is how many columns the features of texts have where nothing else is set.
const DefaultWords = 10000

// Texts are labelled texts as TF-IDF rows, see [features.Text]. Rows are kept sparse, and laid out when they are read. The
// vocabulary and its weights are learnt from the rows that are not held out for validation, the class names from all.
//
// Fields are x, float [words], and y, float [classes], one-hot.
type Texts struct {
	info   Info
	rows   []features.Sparse
	texts  []string // beside rows
	labels []int    // class numbers, beside rows
	digest string
}

// labelledText is a row as it was read.
type labelledText struct{ text, label string }

func wordsOption() Option {
	return Option{"words", strconv.Itoa(DefaultWords), "columns of the bag of words: one more than the words it knows"}
}

func textsSource() Source {
	return Source{
		Name:    "labelled texts",
		Summary: "a .csv, .tsv or .jsonl file with a column of texts and one of labels, as a bag of words",
		Options: []Option{wordsOption(),
			{"vocabulary", "training", "rows that the words are learnt from: training, or all"},
			{"bad-rows", "fail", "what a row that cannot be read does: fail, or skip"},
		},
		Tables:  true,
		Accepts: func(path string, info fs.FileInfo) bool { return info.Mode().IsRegular() && features.IsTable(path) },
		Open:    func(c Config) (Dataset, error) { return OpenTexts(c) },
	}
}

// textSettings say what is learnt from texts.
type textSettings struct {
	words   int
	all     bool     // learn from all rows
	classes []string // nil: those that there are
}

func readWords(s *settings) int {
	words, _ := s.pair("words", "-", 2, 1<<20, DefaultWords)
	return words
}

// OpenTexts reads the table at Config.Path, laid out as Config.Layout says.
func OpenTexts(c Config) (*Texts, error) {
	s := newSettings(filepath.Base(c.Path), c.Set)
	settings := textSettings{words: readWords(s), all: s.oneOf("vocabulary", "training", "all") == "all"}
	skip := s.oneOf("bad-rows", "fail", "skip") == "skip"
	if err := s.done(); err != nil {
		return nil, err
	}
	o, err := c.Layout.Options(c.Path)
	if err != nil {
		return nil, &OptionError{err.Error()}
	}
	list, err := readTexts(c, o, skip)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	layout := c.Layout
	if !o.JSON {
		layout.TextColumn, layout.LabelColumn = layout.Text(o), layout.Label(o)
	}
	t, err := newTexts(filepath.Base(c.Path), list, settings, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	t.info.Recipe.Layout = &layout
	return t, nil
}

// readTexts reads the rows of a table up to the limit.
func readTexts(c Config, o rows.TableOptions, skip bool) ([]labelledText, error) {
	f, _, err := rows.Open(c.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := rows.NewTable(f, o)
	if err != nil {
		return nil, err
	}
	text, err := table.Column(c.Layout.Text(o))
	if err != nil {
		return nil, &OptionError{"--text-column: " + err.Error()}
	}
	label, err := table.Column(c.Layout.Label(o))
	if err != nil {
		return nil, &OptionError{"--label-column: " + err.Error()}
	}
	limit := c.MemoryLimit
	if limit <= 0 {
		limit = rows.DefaultLimit
	}
	var list []labelledText
	taken, skipped := int64(0), 0
	for c.Limit <= 0 || len(list) < c.Limit {
		row, err := readText(table, text, label)
		var bad *rows.RowError
		switch {
		case err == io.EOF:
			if len(list) == 0 {
				return nil, fmt.Errorf("there are no rows")
			}
			if skipped > 0 {
				c.warn("%s: %d of %d rows passed over", c.Path, skipped, skipped+len(list))
			}
			return list, nil
		case errors.As(err, &bad) && skip:
			skipped++
			if skipped <= maxWarnings {
				c.warn("%s: %v", c.Path, err)
			}
			continue
		case errors.As(err, &bad):
			return nil, fmt.Errorf("%w; pass over such rows by --set bad-rows=skip", err)
		case err != nil:
			return nil, err
		}
		if taken += int64(len(row.text)+len(row.label)) + 64; taken > limit {
			return nil, fmt.Errorf("the rows take more than the memory limit of %d bytes; take fewer by --limit", limit)
		}
		list = append(list, row)
	}
	return list, nil
}

// maxWarnings is how many bad rows are named one by one.
const maxWarnings = 20

func readText(table *rows.Table, text, label rows.Column) (labelledText, error) {
	r, err := table.Next()
	if err != nil {
		return labelledText{}, err
	}
	var row labelledText
	if row.text, err = r.Get(text); err != nil {
		return row, err
	}
	if row.label, err = r.Get(label); err != nil {
		return row, err
	}
	if row.label == "" {
		return row, &rows.RowError{Line: r.Line, Fact: "the label is empty"}
	}
	return row, nil
}

// newTexts turns rows into features.
func newTexts(name string, list []labelledText, s textSettings, c Config) (*Texts, error) {
	t := &Texts{info: Info{Name: name, Rows: len(list)}, rows: make([]features.Sparse, len(list)), texts: make([]string, len(list)),
		labels: make([]int, len(list))}
	r := &features.Recipe{Task: features.TaskClassification}
	if c.Features != nil {
		if c.Features.Text == nil || len(c.Features.Classes) == 0 {
			return nil, fmt.Errorf("the model's features are not those of texts with classes")
		}
		r.Text, r.Classes = c.Features.Text, c.Features.Classes
	} else {
		labels := make([]string, len(list))
		for i, row := range list {
			labels[i] = row.label
		}
		if r.Classes = s.classes; r.Classes == nil {
			r.Classes = features.ClassNames(labels)
		}
		if len(r.Classes) > maxCategories {
			return nil, fmt.Errorf("%d different labels, at most %d; is --label-column right?", len(r.Classes), maxCategories)
		}
		if len(r.Classes) == 1 {
			return nil, fmt.Errorf("all %d rows have the label %q, and there is nothing to tell apart; is --label-column right?", len(list), clip(r.Classes[0]))
		}
		fraction := c.ValidationSplit
		if s.all {
			fraction = 0
		}
		in, _ := parted(len(list), fraction, c.Seed)
		counter := features.NewCounter()
		for _, i := range in {
			counter.Add(list[i].text)
		}
		r.Text = counter.Text(s.words)
	}
	number := make(map[string]int, len(r.Classes))
	for i, class := range r.Classes {
		number[class] = i
	}
	h := sha256.New()
	fmt.Fprintf(h, "texts 1 columns %d words %q weights %x classes %q\n", r.Text.Columns, r.Text.Words, onnx.BytesOf(r.Text.IDF), r.Classes)
	for i, row := range list {
		class, ok := number[row.label]
		if !ok {
			return nil, fmt.Errorf("row %d: label %q is none of the model's classes %.200q", i, clip(row.label), r.Classes)
		}
		t.rows[i], t.texts[i], t.labels[i] = r.Text.Row(row.text), row.text, class
		fmt.Fprintf(h, "%q %q\n", row.text, row.label)
	}
	t.digest = hex.EncodeToString(h.Sum(nil))
	t.info.Recipe = r
	t.info.Fields = []Field{
		{FieldX, onnx.Float, []int64{int64(r.Text.Columns)}},
		{FieldY, onnx.Float, []int64{int64(len(r.Classes))}},
	}
	return t, nil
}

// maxCategories bounds the classes that labels may make: a column of texts taken for labels would make as many as rows.
const maxCategories = 10000

// Info describes the texts.
func (t *Texts) Info() Info { return t.info }

// Text gives a row as it was read.
func (t *Texts) Text(row int) string { return t.texts[row] }

// Read lays sparse rows out.
func (t *Texts) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(t.info, rows, into)
	x, y := into[0].Float32s(), into[1].Float32s()
	nx, ny := t.info.Fields[0].Len(), t.info.Fields[1].Len()
	for i, row := range rows {
		t.rows[row].Fill(x[i*nx : (i+1)*nx])
		features.OneHot(y[i*ny:(i+1)*ny], t.labels[row])
	}
	return nil
}

// Digest hashes texts, labels, and what was learnt from them.
func (t *Texts) Digest() (string, error) { return t.digest, nil }
