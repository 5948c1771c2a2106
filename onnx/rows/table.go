package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TableOptions says how a table is written. The zero value reads commas, quotes and no header.
type TableOptions struct {
	JSON      bool // a JSON value a line in place of delimited fields; nothing below but MaxRow applies
	Delimiter rune // between fields; 0: a comma
	Escape    byte // takes the special meaning of the character behind it, as a backslash does; 0: none
	Header    bool // the first row names the columns
	MaxRow    int  // bytes that a row may have; 0: [DefaultMaxRow]
}

// DefaultMaxRow bounds a row of a table where the caller gives no bound: 16 MiB.
const DefaultMaxRow = 16 << 20

// RowError is what is wrong with one row of a table. The rows behind it can still be read.
type RowError struct {
	Line int // at which the row begins, from 1
	Fact string
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Fact) }

func (t *Table) rowError(format string, args ...any) error {
	return &RowError{t.start, fmt.Sprintf(format, args...)}
}

// Record is one row of a table.
type Record struct {
	Line   int      // at which it begins, from 1
	Fields []string // of a delimited row; of a JSON array its values; of an object nothing
	object map[string]string
}

// Table reads rows one by one, in memory bounded by the longest. Delimited rows are as RFC 4180 has them and package encoding/csv reads
// them: fields may stand in double quotes, a quote in them is doubled, blank lines are passed over, lines end in LF or CRLF. Beyond that,
// any delimiter and an escape character; and a bad row is no end: it is an error that names the line, and the next row
// begins at the line behind its first. Text is UTF-8, with or without a byte order mark.
type Table struct {
	in        *bufio.Reader
	o         TableOptions
	delimiter []byte
	header    []string
	line      int        // read last, from 1
	start     int        // first line of the row in hand
	lines     []textLine // of the row in hand, and behind them those that a bad row gave back
	at        int        // of the line in lines to take next
	size      int        // bytes of the row in hand
	buf       []byte     // the row's fields one behind the other
	ends      []int      // of the fields in buf
	peeked    *peeked
}

type peeked struct {
	record Record
	err    error
}

type textLine struct {
	text    []byte
	number  int
	ended   bool // by a line break, not by the end of the file
	toolong bool
}

// NewTable starts reading; with a header it reads that.
func NewTable(r io.Reader, o TableOptions) (*Table, error) {
	if o.Delimiter == 0 {
		o.Delimiter = ','
	}
	if o.MaxRow <= 0 {
		o.MaxRow = DefaultMaxRow
	}
	if err := checkSigns(o); err != nil {
		return nil, err
	}
	t := &Table{in: bufio.NewReaderSize(r, 1<<16), o: o, delimiter: []byte(string(o.Delimiter))}
	mark, _ := t.in.Peek(3)
	switch {
	case string(mark) == "\ufeff":
		t.in.Discard(3)
	case bytes.HasPrefix(mark, []byte("\xff\xfe")) || bytes.HasPrefix(mark, []byte("\xfe\xff")):
		return nil, fmt.Errorf("the table is written in UTF-16; save it as UTF-8")
	}
	if o.Header && !o.JSON {
		if err := t.TakeHeader(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// TakeHeader reads the next row as the names of the columns.
func (t *Table) TakeHeader() error {
	first, err := t.Next()
	if err == io.EOF {
		return fmt.Errorf("the table is empty: there is no header")
	}
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	t.header = first.Fields
	return nil
}

// Peek gives what [Table.Next] will give.
func (t *Table) Peek() (Record, error) {
	if t.peeked == nil {
		r, err := t.next()
		t.peeked = &peeked{r, err}
	}
	return t.peeked.record, t.peeked.err
}

func checkSigns(o TableOptions) error {
	switch d := o.Delimiter; {
	case d == '"' || d == '\n' || d == '\r' || !utf8.ValidRune(d) || d == utf8.RuneError:
		return fmt.Errorf("delimiter %q: want one character that is neither a quote nor a line break", d)
	case o.Escape != 0 && (o.Escape == '"' || o.Escape == '\n' || o.Escape == '\r' || o.Escape >= utf8.RuneSelf || rune(o.Escape) == d):
		return fmt.Errorf("escape %q: want one ASCII character that is not the delimiter, a quote or a line break", rune(o.Escape))
	}
	return nil
}

// Header gives the names of the columns; nil without.
func (t *Table) Header() []string { return t.header }

// Next gives the next row, io.EOF at the end, a *[RowError] for a row that cannot be read; any other error ends the table.
func (t *Table) Next() (Record, error) {
	if p := t.peeked; p != nil {
		t.peeked = nil
		return p.record, p.err
	}
	return t.next()
}

func (t *Table) next() (Record, error) {
	for {
		t.forget()
		row := t.at
		first, err := t.nextLine()
		if err != nil {
			return Record{}, err
		}
		t.start = first.number
		if first.toolong {
			return Record{}, t.rowError("the row is longer than %d bytes", t.o.MaxRow)
		}
		if len(first.text) == 0 || t.o.JSON && len(bytes.TrimSpace(first.text)) == 0 {
			continue
		}
		if t.o.JSON {
			return t.parseJSON(first.text)
		}
		t.buf, t.ends = t.buf[:0], t.ends[:0]
		if err := t.parse(first); err != nil {
			var bad *RowError
			if errors.As(err, &bad) { // what was taken for the row's further lines may be good rows
				t.at = row + 1
			}
			return Record{}, err
		}
		if !utf8.Valid(t.buf) {
			return Record{}, t.rowError("%s", t.badText())
		}
		return t.record(), nil
	}
}

func (t *Table) record() Record {
	all := string(t.buf)
	r := Record{Line: t.start, Fields: make([]string, len(t.ends))}
	at := 0
	for i, end := range t.ends {
		r.Fields[i], at = all[at:end], end
	}
	return r
}

// badText says which field is not UTF-8.
func (t *Table) badText() string {
	at := 0
	for i, end := range t.ends {
		if !utf8.Valid(t.buf[at:end]) {
			return fmt.Sprintf("column %d is not UTF-8", i)
		}
		at = end
	}
	return "the row is not UTF-8"
}

// nextLine gives the next line without its break, which the row in hand takes.
func (t *Table) nextLine() (textLine, error) {
	if t.at == len(t.lines) {
		l, err := t.readLine()
		if err != nil {
			return l, err
		}
		t.lines = append(t.lines, l)
	}
	l := t.lines[t.at]
	t.at++
	t.size += len(l.text) + 1
	return l, nil
}

// forget drops the lines of the row before. Lines given back are moved up only when half of the list is done with, so that a file
// of bad rows costs no more than a good one.
func (t *Table) forget() {
	t.size = 0
	if t.at < len(t.lines) && 2*t.at < len(t.lines) {
		return
	}
	left := copy(t.lines, t.lines[t.at:])
	clear(t.lines[left:])
	t.lines, t.at = t.lines[:left], 0
}

func (t *Table) readLine() (textLine, error) {
	l := textLine{number: t.line + 1}
	found := false
	for {
		part, err := t.in.ReadSlice('\n')
		found = found || len(part) > 0
		if len(l.text)+len(part) > t.o.MaxRow+2 {
			l.toolong, l.text = true, nil
		}
		if !l.toolong {
			l.text = append(l.text, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && !found:
			return l, io.EOF
		case err != nil && err != io.EOF:
			return l, fmt.Errorf("line %d: %w", l.number, err)
		}
		l.ended = err == nil
		break
	}
	t.line++
	l.text = bytes.TrimSuffix(l.text, []byte("\n"))
	l.text = bytes.TrimSuffix(l.text, []byte("\r"))
	if len(l.text) > t.o.MaxRow {
		l.toolong, l.text = true, nil
	}
	return l, nil
}

// parse takes a row's fields apart, which may need more lines.
func (t *Table) parse(l textLine) error {
	at := 0
	for {
		if at < len(l.text) && l.text[at] == '"' {
			var err error
			if l, at, err = t.quoted(l, at+1); err != nil {
				return err
			}
			if at < len(l.text) && !bytes.HasPrefix(l.text[at:], t.delimiter) {
				return t.rowError("column %d: text behind the closing quote", len(t.ends))
			}
		} else {
			for at < len(l.text) && !bytes.HasPrefix(l.text[at:], t.delimiter) {
				switch c := l.text[at]; {
				case c == '"':
					return t.rowError("column %d: a quote in a field that does not begin with one", len(t.ends))
				case c == t.o.Escape && c != 0 && at+1 == len(l.text):
					next, err := t.goOn(l)
					if err != nil {
						return err
					}
					t.buf = append(t.buf, '\n')
					l, at = next, 0
				case c == t.o.Escape && c != 0:
					t.buf = append(t.buf, l.text[at+1])
					at += 2
				default:
					t.buf = append(t.buf, c)
					at++
				}
			}
		}
		t.ends = append(t.ends, len(t.buf))
		if at == len(l.text) {
			return nil
		}
		at += len(t.delimiter)
	}
}

// quoted reads a field up to its closing quote and gives the place behind it.
func (t *Table) quoted(l textLine, at int) (textLine, int, error) {
	for {
		if at >= len(l.text) {
			next, err := t.goOn(l)
			if err != nil {
				return l, at, err
			}
			t.buf = append(t.buf, '\n')
			l, at = next, 0
			continue
		}
		switch c := l.text[at]; {
		case c == t.o.Escape && c != 0 && at+1 < len(l.text):
			t.buf = append(t.buf, l.text[at+1])
			at += 2
		case c == t.o.Escape && c != 0:
			at++ // the line break behind it stays what it is
		case c == '"' && at+1 < len(l.text) && l.text[at+1] == '"':
			t.buf = append(t.buf, '"')
			at += 2
		case c == '"':
			return l, at + 1, nil
		default:
			t.buf = append(t.buf, c)
			at++
		}
	}
}

// goOn gives the next line of a row that does not end with this one.
func (t *Table) goOn(l textLine) (textLine, error) {
	if !l.ended {
		return l, t.rowError("column %d: the file ends within the field: its quote is never closed", len(t.ends))
	}
	next, err := t.nextLine()
	switch {
	case err == io.EOF:
		return l, t.rowError("column %d: the file ends within the field: its quote is never closed", len(t.ends))
	case err != nil:
		return l, err
	case next.toolong || t.size > t.o.MaxRow:
		return l, t.rowError("column %d: the row is longer than %d bytes; is its quote never closed?", len(t.ends), t.o.MaxRow)
	}
	return next, nil
}

// Column is a place in a row: a name, a number, or a name with the number that the header gives it.
type Column struct {
	spec   string
	number int // -1: by name alone
}

// Column finds a column by its header name or its number from 0.
func (t *Table) Column(spec string) (Column, error) {
	number, err := strconv.Atoi(spec)
	if err != nil || number < 0 {
		number = -1
	}
	if t.o.JSON {
		return Column{spec, number}, nil
	}
	found := -1
	for i, name := range t.header {
		if name == spec {
			if found >= 0 {
				return Column{}, fmt.Errorf("column %.60q: the header has the name twice; give its number", spec)
			}
			found = i
		}
	}
	switch {
	case found >= 0:
		return Column{spec, found}, nil
	case number < 0 && t.header == nil:
		return Column{}, fmt.Errorf("column %.60q: without a header columns are numbers from 0", spec)
	case number < 0:
		return Column{}, fmt.Errorf("column %.60q: the header has %s", spec, clipText(strings.Join(t.header, ", ")))
	case t.header != nil && number >= len(t.header):
		return Column{}, fmt.Errorf("column %d: the header has %d, numbered from 0", number, len(t.header))
	}
	return Column{spec, number}, nil
}

// Get gives a field; a row without it is a *[RowError].
func (r Record) Get(c Column) (string, error) {
	if r.object != nil {
		if v, ok := r.object[c.spec]; ok {
			return v, nil
		}
		return "", &RowError{r.Line, fmt.Sprintf("the object has no key %.60q", c.spec)}
	}
	if c.number < 0 {
		return "", &RowError{r.Line, fmt.Sprintf("the row is no object with a key %.60q", c.spec)}
	}
	if c.number >= len(r.Fields) {
		return "", &RowError{r.Line, fmt.Sprintf("the row is short: %d columns, column %d is wanted", len(r.Fields), c.number)}
	}
	return r.Fields[c.number], nil
}

func clipText(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
