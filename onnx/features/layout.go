package features

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/gonyx/gonyx/onnx/rows"
)

// Layout says where a table of rows has what. In a recipe it is how the training data was laid out; who reads another table
// says so.
type Layout struct {
	TextColumn  string // header name, or number from 0; empty: 0, of JSON objects the key text
	LabelColumn string // likewise; empty: 1, of JSON objects the key label
	Header      bool   // the first row names the columns
	Delimiter   string // one character, or \t; empty: a comma, in files named .tsv and .tab a tab
	Escape      string // one ASCII character, or none
}

// IsJSON says whether a file's name is that of a table of JSON lines.
func IsJSON(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson":
		return true
	}
	return false
}

// IsTable says whether a file's name is that of a table of rows.
func IsTable(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".tsv", ".tab":
		return true
	}
	return IsJSON(path)
}

// Options gives how the table in the file is read, by its name and what the layout says.
func (l Layout) Options(path string) (rows.TableOptions, error) {
	o := rows.TableOptions{JSON: IsJSON(path), Header: l.Header}
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".tsv" || ext == ".tab" {
		o.Delimiter = '\t'
	}
	if err := l.Check(); err != nil {
		return o, err
	}
	if l.Delimiter != "" {
		o.Delimiter, _ = utf8.DecodeRuneInString(sign(l.Delimiter))
	}
	if l.Escape != "" {
		o.Escape = l.Escape[0]
	}
	if o.Escape != 0 && (rune(o.Escape) == o.Delimiter || o.Delimiter == 0 && o.Escape == ',') {
		return o, unsound("text.escape", "escape %q: it is the delimiter", l.Escape)
	}
	return o, nil
}

// Text gives the column of the texts, and Label that of the labels, in a table that is read as o says.
func (l Layout) Text(o rows.TableOptions) string { return column(l.TextColumn, o.JSON, "text", "0") }

// Label gives the column of the labels.
func (l Layout) Label(o rows.TableOptions) string { return column(l.LabelColumn, o.JSON, "label", "1") }

func column(given string, json bool, key, number string) string {
	switch {
	case given != "":
		return given
	case json:
		return key
	}
	return number
}

// sign reads a character as a person writes it on a command line.
func sign(text string) string {
	if text == `\t` {
		return "\t"
	}
	return text
}

// Check says what of the layout cannot be, whatever the table.
func (l Layout) Check() error {
	if d := sign(l.Delimiter); d != "" {
		r, size := utf8.DecodeRuneInString(d)
		if size != len(d) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r) {
			return unsound("text.delimiter", "delimiter %q: want one character that is neither a quote nor a line break", clip(l.Delimiter))
		}
	}
	if e := l.Escape; e != "" && (len(e) != 1 || e[0] >= utf8.RuneSelf || strings.Contains("\"\r\n", e) || e == sign(l.Delimiter)) {
		return unsound("text.escape", "escape %q: want one ASCII character that is not the delimiter, a quote or a line break", clip(e))
	}
	for _, c := range []struct{ key, value string }{{"text.column", l.TextColumn}, {"text.label_column", l.LabelColumn}} {
		if len(c.value) > maxColumnName {
			return unsound(c.key, "a name of %d bytes, at most %d", len(c.value), maxColumnName)
		}
	}
	return nil
}

const maxColumnName = 1 << 12

// String gives the layout as flags have it.
func (l Layout) String() string {
	return fmt.Sprintf("text column %q, label column %q, header %v, delimiter %q, escape %q", l.TextColumn, l.LabelColumn, l.Header, l.Delimiter, l.Escape)
}
