package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/scoring"
	"github.com/gonyx/gonyx/trainers"
)

// presenter says how the results of a model are shown: boxes of a detector, the best classes of a classifier, else the outputs.
type presenter struct {
	scorer *scoring.Scorer
	top    int // classes shown
}

func (p presenter) outputs() []string { return p.scorer.Outputs() }

// foundBox is a box as results show it: centre and size in pixels of the picture.
type foundBox struct {
	Class  string  `json:"class"`
	Score  float64 `json:"score"`
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

func (b foundBox) String() string {
	return fmt.Sprintf("%s %g at %g,%g size %g×%g", b.Class, b.Score, b.X, b.Y, b.Width, b.Height)
}

// foundClass is a class as results show it.
type foundClass struct {
	Class       string `json:"class"`
	Probability number `json:"probability"`
}

// number is a float32 in its shortest form; what JSON has no number for is null.
type number float32

// MarshalJSON writes the number.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return []byte(n.String()), nil
}

func (n number) String() string { return strconv.FormatFloat(float64(n), 'g', -1, 32) }

func (p presenter) boxes(r scoring.Result) []foundBox {
	found := make([]foundBox, 0, len(r.Boxes))
	for _, b := range r.Boxes {
		found = append(found, foundBox{p.scorer.Recipe.Classes[b.Class], rounded(b.Score, 4), rounded(b.CX, 2), rounded(b.CY, 2), rounded(b.W, 2), rounded(b.H, 2)})
	}
	return found
}

func (p presenter) classes(r scoring.Result) []foundClass {
	found := make([]foundClass, 0, len(r.Classes))
	for _, c := range r.Classes {
		found = append(found, foundClass{p.scorer.Recipe.Classes[c.Class], number(c.Score)})
	}
	return found
}

func rounded(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// text is a good result in a line.
func (p presenter) text(r scoring.Result) string {
	var parts []string
	switch p.scorer.Reads() {
	case scoring.Boxes:
		for _, b := range p.boxes(r) {
			parts = append(parts, b.String())
		}
		if len(parts) == 0 {
			return "nothing"
		}
	case scoring.Classes:
		for _, c := range r.Classes {
			parts = append(parts, fmt.Sprintf("%s %.4f", p.scorer.Recipe.Classes[c.Class], c.Score))
		}
	default:
		for i, t := range r.Output {
			parts = append(parts, p.outputs()[i]+" "+trainers.Describe(t))
		}
	}
	return strings.Join(parts, "; ")
}

// object is a result as one JSON value.
func (p presenter) object(r scoring.Result) any {
	type head struct {
		Row   *int   `json:"row,omitempty"`
		Input string `json:"input,omitempty"`
	}
	h := head{Input: r.Name}
	if r.Name == "" {
		h.Row = &r.Index
	}
	fault := ""
	if r.Err != nil {
		fault = r.Err.Error()
	}
	switch p.scorer.Reads() {
	case scoring.Boxes:
		line := struct {
			head
			Boxes []foundBox `json:"boxes"`
			Error string     `json:"error,omitempty"`
		}{head: h, Error: fault}
		if r.Err == nil {
			line.Boxes = p.boxes(r)
		}
		return line
	case scoring.Classes:
		line := struct {
			head
			Classes []foundClass `json:"classes"`
			Error   string       `json:"error,omitempty"`
		}{head: h, Error: fault}
		if r.Err == nil {
			line.Classes = p.classes(r)
		}
		return line
	}
	line := struct {
		head
		Outputs map[string]json.RawMessage `json:"outputs"`
		Error   string                     `json:"error,omitempty"`
	}{head: h, Error: fault}
	if r.Err == nil {
		line.Outputs = make(map[string]json.RawMessage)
		for i, t := range r.Output {
			line.Outputs[p.outputs()[i]] = json.RawMessage("[" + strings.Join(elements(t, "null"), ",") + "]")
		}
	}
	return line
}

// elements gives the elements of a tensor, each in its shortest form.
func elements(t *onnx.Tensor, notFinite string) []string {
	list := make([]string, 0, t.Len())
	float := func(v float64, bits int) {
		if notFinite != "" && (math.IsNaN(v) || math.IsInf(v, 0)) {
			list = append(list, notFinite)
			return
		}
		list = append(list, strconv.FormatFloat(v, 'g', -1, bits))
	}
	switch t.Type {
	case onnx.Float:
		for _, v := range t.Float32s() {
			float(float64(v), 32)
		}
	case onnx.Double:
		for _, v := range t.Float64s() {
			float(v, 64)
		}
	case onnx.Int64:
		for _, v := range t.Int64s() {
			list = append(list, strconv.FormatInt(v, 10))
		}
	case onnx.Int32:
		for _, v := range t.Int32s() {
			list = append(list, strconv.FormatInt(int64(v), 10))
		}
	case onnx.Bool:
		for _, v := range t.Bools() {
			list = append(list, strconv.FormatBool(v))
		}
	default: // types that no row of numbers has: their bytes
		for _, b := range t.Data {
			list = append(list, strconv.Itoa(int(b)))
		}
	}
	return list
}

// knowsColumns says whether the columns of a table are known before any result.
func (p presenter) knowsColumns() bool {
	return p.scorer.Reads() != scoring.Numbers || !slices.Contains(p.scorer.OutputLens(), -1)
}

// columns names what fields gives. r is a good result where the columns are not known without.
func (p presenter) columns(r scoring.Result) []string {
	switch p.scorer.Reads() {
	case scoring.Boxes:
		return []string{"boxes"}
	case scoring.Classes:
		var names []string
		for i := range min(p.top, len(p.scorer.Recipe.Classes)) {
			names = append(names, fmt.Sprintf("class%d", i+1), fmt.Sprintf("probability%d", i+1))
		}
		return names
	}
	var names []string
	for i, n := range p.scorer.OutputLens() {
		if r.Err == nil {
			n = r.Output[i].Len()
		}
		for k := range n {
			names = append(names, fmt.Sprintf("%s[%d]", p.outputs()[i], k))
		}
	}
	return names
}

// fields is a good result as fields of a table.
func (p presenter) fields(r scoring.Result) []string {
	switch p.scorer.Reads() {
	case scoring.Boxes:
		parts := make([]string, 0, len(r.Boxes))
		for _, b := range p.boxes(r) {
			parts = append(parts, fmt.Sprintf("%s %g %g %g %g %g", b.Class, b.Score, b.X, b.Y, b.Width, b.Height))
		}
		return []string{strings.Join(parts, "; ")}
	case scoring.Classes:
		var list []string
		for _, c := range p.classes(r) {
			list = append(list, c.Class, c.Probability.String())
		}
		return list
	}
	var list []string
	for _, t := range r.Output {
		list = append(list, elements(t, "")...)
	}
	return list
}
