package rows

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

// readAll gives the rows of a table, and what was wrong with the others.
func readAll(text string, o TableOptions) (all [][]string, bad []string, err error) {
	t, err := NewTable(strings.NewReader(text), o)
	if err != nil {
		return nil, nil, err
	}
	for {
		r, err := t.Next()
		var row *RowError
		switch {
		case err == io.EOF:
			return all, bad, nil
		case errors.As(err, &row):
			bad = append(bad, row.Error())
		case err != nil:
			return all, bad, err
		default:
			all = append(all, r.Fields)
		}
	}
}

func TestTableReadsRows(t *testing.T) {
	cases := map[string]struct {
		text string
		o    TableOptions
		want [][]string
	}{
		"commas, quotes, line breaks":          {"a,\"b, \"\"c\"\"\nd\"\r\n\n,\n", TableOptions{}, [][]string{{"a", "b, \"c\"\nd"}, {"", ""}}},
		"no break at the end":                  {"a,b", TableOptions{}, [][]string{{"a", "b"}}},
		"a byte order mark":                    {"\ufeff\"a\",b", TableOptions{}, [][]string{{"a", "b"}}},
		"tabs":                                 {"a b\tc,d\n", TableOptions{Delimiter: '\t'}, [][]string{{"a b", "c,d"}}},
		"a delimiter beyond ASCII":             {"a¦b¦\n", TableOptions{Delimiter: '¦'}, [][]string{{"a", "b", ""}}},
		"a backslash before quotes":            {`"he said \"no\"",1` + "\n", TableOptions{Escape: '\\'}, [][]string{{`he said "no"`, "1"}}},
		"a backslash before delimiter, itself": {`a\,b,c\\` + "\n", TableOptions{Escape: '\\'}, [][]string{{"a,b", `c\`}}},
		"a backslash before a letter":          {`a\nb` + "\n", TableOptions{Escape: '\\'}, [][]string{{"anb"}}},
		"a backslash before a line break":      {"a\\\nb,\"c\\\nd\"\n", TableOptions{Escape: '\\'}, [][]string{{"a\nb", "c\nd"}}},
		"a backslash that is only a letter":    {`a\,b` + "\n", TableOptions{}, [][]string{{`a\`, "b"}}},
		"JSON lists and single values":         {"[\"a\",1.50,null]\n\n \"b\"\n7\n", TableOptions{JSON: true}, [][]string{{"a", "1.50", ""}, {"b"}, {"7"}}},
	}
	for name, c := range cases {
		got, bad, err := readAll(c.text, c.o)
		if err != nil || bad != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, %q, %v, want %q", name, got, bad, err, c.want)
		}
	}
}

func TestTableGoesOnBehindABadRow(t *testing.T) {
	cases := map[string]struct {
		text string
		o    TableOptions
		line int
		want string // in the message
		rest []string
	}{
		"a quote within a field":           {"a\nb\"c\nd\n", TableOptions{}, 2, "a quote in a field", []string{"a", "d"}},
		"text behind a quote":              {"a\n\"b\"c\nd\n", TableOptions{}, 2, "behind the closing quote", []string{"a", "d"}},
		"a quote that stays open":          {"a\n\"b\nc\nd", TableOptions{}, 2, "never closed", []string{"a", "c", "d"}},
		"an open quote closed by the next": {"a\n\"b\n\"c\"\nd", TableOptions{}, 2, "behind the closing quote", []string{"a", "c", "d"}},
		"bad UTF-8":                        {"a\nb\xff\nd\n", TableOptions{}, 2, "column 0 is not UTF-8", []string{"a", "d"}},
		"a long row":                       {"a\n" + strings.Repeat("b", 99) + "\nd\n", TableOptions{MaxRow: 50}, 2, "longer than 50", []string{"a", "d"}},
		"a row of long parts": {"a\n\"" + strings.Repeat("b\n", 99) + "d\n", TableOptions{MaxRow: 50}, 2, "longer than 50",
			append(append([]string{"a"}, strings.Fields(strings.Repeat("b ", 98))...), "d")},
		"JSON cut short":      {"\"a\"\n{\"b\":\n\"d\"\n", TableOptions{JSON: true}, 2, "not a JSON value", []string{"a", "d"}},
		"JSON with bad UTF-8": {"\"a\"\n\"\xff\"\n\"d\"\n", TableOptions{JSON: true}, 2, "not UTF-8", []string{"a", "d"}},
	}
	for name, c := range cases {
		got, bad, err := readAll(c.text, c.o)
		var flat []string
		for _, r := range got {
			flat = append(flat, r[0])
		}
		line := fmt.Sprintf("line %d: ", c.line)
		if err != nil || len(bad) != 1 || !strings.HasPrefix(bad[0], line) || !strings.Contains(bad[0], c.want) {
			t.Errorf("%s: got %q, %v, want one error at %swith %q", name, bad, err, line, c.want)
		}
		if !reflect.DeepEqual(flat, c.rest) {
			t.Errorf("%s: got rows %q, want %q", name, flat, c.rest)
		}
	}
}

func TestColumns(t *testing.T) {
	cases := map[string]struct {
		text, column string
		o            TableOptions
		want, wrong  string // of the first row; in the message
	}{
		"a number":                     {"a,b\n", "1", TableOptions{}, "b", ""},
		"a header's name":              {"label,text\na,b\n", "text", TableOptions{Header: true}, "b", ""},
		"a number beside a header":     {"label,text\na,b\n", "0", TableOptions{Header: true}, "a", ""},
		"a header that is a number":    {"1,0\na,b\n", "0", TableOptions{Header: true}, "b", ""},
		"a name without a header":      {"a,b\n", "text", TableOptions{}, "", "without a header"},
		"a name the header has not":    {"a,b\n", "text", TableOptions{Header: true}, "", "the header has a, b"},
		"a name the header has twice":  {"a,a\n", "a", TableOptions{Header: true}, "", "twice"},
		"a number beyond the header":   {"a,b\n", "2", TableOptions{Header: true}, "", "the header has 2"},
		"a header of an empty table":   {"\n\n", "0", TableOptions{Header: true}, "", "no header"},
		"a short row":                  {"a,b\n", "2", TableOptions{}, "", "line 1: the row is short: 2 columns, column 2"},
		"a key":                        {`{"text":"b","n":1}`, "text", TableOptions{JSON: true}, "b", ""},
		"a key that is missing":        {`{"text":"b"}`, "label", TableOptions{JSON: true}, "", `line 1: the object has no key "label"`},
		"a key that is null":           {`{"text":null}`, "text", TableOptions{JSON: true}, "", "no key"},
		"a number of a JSON list":      {`["a","b"]`, "1", TableOptions{JSON: true}, "b", ""},
		"a key where a JSON list is":   {`["a","b"]`, "text", TableOptions{JSON: true}, "", "no object"},
		"UTF-16":                       {"\xff\xfea\x00,\x00b\x00\n\x00", "0", TableOptions{}, "", "save it as UTF-8"},
		"a delimiter that is a quote":  {"a", "0", TableOptions{Delimiter: '"'}, "", "delimiter"},
		"an escape that is a quote":    {"a", "0", TableOptions{Escape: '"'}, "", "escape"},
		"an escape that is a delimite": {"a", "0", TableOptions{Escape: ','}, "", "escape"},
	}
	for name, c := range cases {
		got, err := func() (string, error) {
			table, err := NewTable(strings.NewReader(c.text), c.o)
			if err != nil {
				return "", err
			}
			column, err := table.Column(c.column)
			if err != nil {
				return "", err
			}
			r, err := table.Next()
			if err != nil {
				return "", err
			}
			return r.Get(column)
		}()
		if c.wrong == "" && (err != nil || got != c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: got %q, %v, want an error with %q", name, got, err, c.wrong)
		}
	}
}

func TestNumbers(t *testing.T) {
	cases := map[string]struct {
		text string
		o    TableOptions
		want []float32 // nil: an error
	}{
		"a row":                 {"1, -2.5,3e1\n", TableOptions{}, []float32{1, -2.5, 30}},
		"a list":                {"[1,[2,3],4]\n", TableOptions{JSON: true}, []float32{1, 2, 3, 4}},
		"an object's x":         {`{"x":[[1,2],[3,4]]}`, TableOptions{JSON: true}, []float32{1, 2, 3, 4}},
		"an object without x":   {`{"z":[1]}`, TableOptions{JSON: true}, nil},
		"a word":                {"1,b\n", TableOptions{}, nil},
		"NaN":                   {"1,NaN\n", TableOptions{}, nil},
		"more than floats hold": {"1,1e99\n", TableOptions{}, nil},
		"an empty field":        {"1,,2\n", TableOptions{}, nil},
	}
	for name, c := range cases {
		table, err := NewTable(strings.NewReader(c.text), c.o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := table.Next()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := r.Numbers("x")
		if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
}

// FuzzTable holds the reader against encoding/csv wherever that reads the whole table.
func FuzzTable(f *testing.F) {
	f.Add("a,\"b\"\"\r\nc\"\n\n\"d\"e\n", byte(0))
	f.Add("a\\,b\n\"c\\\"\"\n", byte('\\'))
	f.Fuzz(func(t *testing.T, text string, escape byte) {
		got, bad, err := readAll(text, TableOptions{Escape: escape, MaxRow: 1 << 10})
		if err != nil || escape != 0 || bad != nil {
			return // it must only end, and break nothing
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			t.Fatalf("%q: got %q, want the error %v", text, got, err)
		}
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}
