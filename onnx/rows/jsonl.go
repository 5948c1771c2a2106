package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseJSON reads a row of a table of JSON lines: an object has its values by key, an array by number, anything else is a row of one
// value. Texts stand for themselves; numbers, truth values, lists and objects for the JSON they were written as; null is no value.
func (t *Table) parseJSON(line []byte) (Record, error) {
	r := Record{Line: t.start}
	if !utf8.Valid(line) {
		return r, t.rowError("the row is not UTF-8")
	}
	line = bytes.TrimSpace(line)
	var err error
	switch line[0] {
	case '{':
		var object map[string]json.RawMessage
		if err = json.Unmarshal(line, &object); err == nil {
			r.object = make(map[string]string, len(object))
			for key, raw := range object {
				if text, ok := jsonText(raw); ok {
					r.object[key] = text
				}
			}
		}
	case '[':
		var list []json.RawMessage
		if err = json.Unmarshal(line, &list); err == nil {
			r.Fields = make([]string, len(list))
			for i, raw := range list {
				r.Fields[i], _ = jsonText(raw)
			}
		}
	default:
		var raw json.RawMessage
		if err = json.Unmarshal(line, &raw); err == nil {
			text, _ := jsonText(raw)
			r.Fields = []string{text}
		}
	}
	if err != nil {
		return Record{}, t.rowError("not a JSON value: %v", err)
	}
	return r, nil
}

func jsonText(raw json.RawMessage) (text string, ok bool) {
	switch {
	case string(raw) == "null":
		return "", false
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", false
		}
		return text, true
	}
	return string(raw), true
}

// Numbers gives the numbers of a row of which every field is one, and lists of numbers in it one behind the other. Of an object it takes
// the key. Infinite numbers and NaN are refused.
func (r Record) Numbers(key string) ([]float32, error) {
	fields := r.Fields
	if r.object != nil {
		text, err := r.Get(Column{key, -1})
		if err != nil {
			return nil, err
		}
		fields = []string{text}
	}
	numbers := make([]float32, 0, len(fields))
	for i, f := range fields {
		words := []string{f}
		if strings.HasPrefix(f, "[") {
			words = strings.FieldsFunc(f, func(r rune) bool { return strings.ContainsRune("[], \t", r) })
		}
		for _, w := range words {
			v, err := strconv.ParseFloat(strings.TrimSpace(w), 32)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, &RowError{r.Line, fmt.Sprintf("column %d: %.40q is not a number", i, w)}
			}
			numbers = append(numbers, float32(v))
		}
	}
	return numbers, nil
}
