package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// Prefix of the metadata keys that hold a recipe. Every key below it belongs to the recipe: one that is not known is
// an error when the recipe is restored.
const Prefix = "gonyx.features."

// Task says what a model does with its input, and so how its output is read.
type Task string

// The tasks.
const (
	TaskDetection      Task = "detection"      // an image in, boxes of objects out
	TaskClassification Task = "classification" // one row in, a score for each class out
	TaskReconstruction Task = "reconstruction" // a row in, the same row out
)

// Recipe says how raw rows become the tensors that a model takes, and what its output means. A fitted recipe is
// complete: together with the model it needs no other knowledge. Parts that do not apply are left out.
type Recipe struct {
	Task      Task
	Classes   []string   // names, in the order of the scores; without the "none" of a detection
	Image     *Image     // where the input is an image
	Text      *Text      // where the input is a text
	Tokens    Tokenizer  // where the input is the tokens of a text, string [batch, tokens] padded with ""; then Text is in the graph
	Layout    *Layout    // of the tables that hold the texts
	Detection *Detection // where the output is boxes
}

// entry ties one metadata key to its place in the recipe: get gives "" where the recipe has no such part.
type entry struct {
	key string
	get func(*Recipe) string
	set func(*Recipe, string) error
}

// entries lists the keys in the order in which they are written.
func entries() []entry {
	return []entry{
		{"task", func(r *Recipe) string { return string(r.Task) },
			func(r *Recipe, v string) error { r.Task = Task(v); return nil }},
		{"classes", func(r *Recipe) string {
			if r.Classes == nil {
				return ""
			}
			return jsonText(r.Classes)
		}, func(r *Recipe, v string) error { return fromJSON(v, "a list of names", &r.Classes) }},
		imageEntry("image.width", func(m *Image) string { return strconv.Itoa(m.Width) },
			func(m *Image, v string) error { return fromInt(v, &m.Width) }),
		imageEntry("image.height", func(m *Image) string { return strconv.Itoa(m.Height) },
			func(m *Image, v string) error { return fromInt(v, &m.Height) }),
		imageEntry("image.channels", func(m *Image) string { return string(m.Channels) },
			func(m *Image, v string) error { m.Channels = Channels(v); return nil }),
		imageEntry("image.scale", func(m *Image) string { return strconv.FormatFloat(float64(m.Scale), 'g', -1, 32) },
			func(m *Image, v string) error {
				f, err := strconv.ParseFloat(v, 32)
				m.Scale = float32(f)
				return wrapNumber(v, err)
			}),
		imageEntry("image.mean", func(m *Image) string { return jsonList(m.Mean) },
			func(m *Image, v string) error { return fromJSON(v, "a list of numbers", &m.Mean) }),
		imageEntry("image.deviation", func(m *Image) string { return jsonList(m.Deviation) },
			func(m *Image, v string) error { return fromJSON(v, "a list of numbers", &m.Deviation) }),
		textEntry("text.tokenizer", func(t *Text) string { return string(t.Tokenizer) },
			func(t *Text, v string) error { t.Tokenizer = Tokenizer(v); return nil }),
		textEntry("text.columns", func(t *Text) string { return strconv.Itoa(t.Columns) },
			func(t *Text, v string) error { return fromInt(v, &t.Columns) }),
		textEntry("text.words", func(t *Text) string { return jsonText(orEmpty(t.Words)) },
			func(t *Text, v string) error { return fromJSON(v, "a list of words", &t.Words) }),
		textEntry("text.idf", func(t *Text) string { return jsonText(orEmpty(t.IDF)) },
			func(t *Text, v string) error { return fromJSON(v, "a list of numbers", &t.IDF) }),
		{"tokens", func(r *Recipe) string { return string(r.Tokens) },
			func(r *Recipe, v string) error { r.Tokens = Tokenizer(v); return r.Tokens.check("tokens") }},
		layoutEntry("text.column", func(l *Layout) *string { return &l.TextColumn }),
		layoutEntry("text.label_column", func(l *Layout) *string { return &l.LabelColumn }),
		layoutEntry("text.delimiter", func(l *Layout) *string { return &l.Delimiter }),
		layoutEntry("text.escape", func(l *Layout) *string { return &l.Escape }),
		{"text.header", func(r *Recipe) string {
			if r.Layout == nil || !r.Layout.Header {
				return ""
			}
			return "true"
		}, func(r *Recipe, v string) error {
			if v != "true" && v != "false" {
				return fmt.Errorf("%q is not true or false", clip(v))
			}
			r.layout().Header = v == "true"
			return nil
		}},
		detectionEntry("grid", func(d *Detection) string { return jsonText([]int{d.Columns, d.Rows}) },
			func(d *Detection, v string) error {
				var grid []int
				if err := fromJSON(v, "[columns, rows]", &grid); err != nil {
					return err
				}
				if len(grid) != 2 {
					return fmt.Errorf("%d numbers in %s, want [columns, rows]", len(grid), clip(v))
				}
				d.Columns, d.Rows = grid[0], grid[1]
				return nil
			}),
		detectionEntry("boxes_per_cell", func(d *Detection) string { return strconv.Itoa(d.BoxesPerCell) },
			func(d *Detection, v string) error { return fromInt(v, &d.BoxesPerCell) }),
		detectionEntry("box_sizes", func(d *Detection) string { return jsonList(d.BoxSizes) },
			func(d *Detection, v string) error {
				return fromJSON(v, "a list of [width, height]", &d.BoxSizes)
			}),
		detectionEntry("score_threshold", func(d *Detection) string { return formatFloat(d.ScoreThreshold) },
			func(d *Detection, v string) error { return fromFloat(v, &d.ScoreThreshold) }),
		detectionEntry("iou_threshold", func(d *Detection) string { return formatFloat(d.IOUThreshold) },
			func(d *Detection, v string) error { return fromFloat(v, &d.IOUThreshold) }),
	}
}

func imageEntry(key string, get func(*Image) string, set func(*Image, string) error) entry {
	return entry{key, func(r *Recipe) string {
		if r.Image == nil {
			return ""
		}
		return get(r.Image)
	}, func(r *Recipe, v string) error {
		if r.Image == nil {
			r.Image = &Image{}
		}
		return set(r.Image, v)
	}}
}

func textEntry(key string, get func(*Text) string, set func(*Text, string) error) entry {
	return entry{key, func(r *Recipe) string {
		if r.Text == nil {
			return ""
		}
		return get(r.Text)
	}, func(r *Recipe, v string) error {
		if r.Text == nil {
			r.Text = &Text{}
		}
		return set(r.Text, v)
	}}
}

func layoutEntry(key string, field func(*Layout) *string) entry {
	return entry{key, func(r *Recipe) string {
		if r.Layout == nil {
			return ""
		}
		return *field(r.Layout)
	}, func(r *Recipe, v string) error {
		*field(r.layout()) = v
		return nil
	}}
}

func (r *Recipe) layout() *Layout {
	if r.Layout == nil {
		r.Layout = &Layout{}
	}
	return r.Layout
}

func detectionEntry(key string, get func(*Detection) string, set func(*Detection, string) error) entry {
	return entry{key, func(r *Recipe) string {
		if r.Detection == nil {
			return ""
		}
		return get(r.Detection)
	}, func(r *Recipe, v string) error {
		if r.Detection == nil {
			r.Detection = &Detection{ScoreThreshold: DefaultScoreThreshold, IOUThreshold: DefaultIOUThreshold}
		}
		return set(r.Detection, v)
	}}
}

// Metadata gives the recipe as metadata entries, always in the same order. It fails where the recipe is not sound,
// for what is written must be restorable.
func (r *Recipe) Metadata() ([]onnx.Entry, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	var list []onnx.Entry
	for _, e := range entries() {
		if v := e.get(r); v != "" {
			list = append(list, onnx.Entry{Key: Prefix + e.key, Value: v})
		}
	}
	return list, nil
}

// Restore reads a recipe from a model's metadata. Without any key below [Prefix] there is none: false. A key that is
// unknown or there twice, a value that cannot be read, a part that is missing or out of range is an error that names the
// key.
func Restore(metadata []onnx.Entry) (*Recipe, bool, error) {
	known := make(map[string]entry)
	for _, e := range entries() {
		known[e.key] = e
	}
	r, seen := &Recipe{}, make(map[string]bool)
	for _, m := range metadata {
		key, ours := strings.CutPrefix(m.Key, Prefix)
		if !ours {
			continue
		}
		e, ok := known[key]
		if !ok {
			return nil, false, fmt.Errorf("metadata %q: not a key this version knows", clip(m.Key))
		}
		if seen[key] {
			return nil, false, fmt.Errorf("metadata %q: given twice", m.Key)
		}
		seen[key] = true
		if err := e.set(r, m.Value); err != nil {
			return nil, false, fmt.Errorf("metadata %q: %w", m.Key, err)
		}
	}
	if len(seen) == 0 {
		return nil, false, nil
	}
	if err := r.Check(); err != nil {
		return nil, false, fmt.Errorf("metadata %q: %w", Prefix+err.(*partError).key, err)
	}
	if r.Text != nil {
		r.Text.index()
	}
	return r, true, nil
}

// partError is a part of a recipe that is not sound, by its key.
type partError struct{ key, fact string }

func (e *partError) Error() string { return e.fact }

func unsound(key, format string, args ...any) error {
	return &partError{key, fmt.Sprintf(format, args...)}
}

// maxSide bounds image sides, and maxGrid grids and boxes, far above what is useful and far below what overflows.
const (
	maxSide    = 1 << 15
	maxGrid    = 1 << 10
	maxClasses = 1 << 20
)

// Check says what is missing or out of range.
func (r *Recipe) Check() error {
	if tasks := []Task{TaskDetection, TaskClassification, TaskReconstruction}; !slices.Contains(tasks, r.Task) {
		return unsound("task", "%q is none of %q", clip(string(r.Task)), tasks)
	}
	if len(r.Classes) > maxClasses {
		return unsound("classes", "%d names, at most %d", len(r.Classes), maxClasses)
	}
	if r.Task == TaskDetection {
		switch {
		case r.Image == nil:
			return unsound("image.width", "missing, but the task is detection")
		case r.Detection == nil:
			return unsound("grid", "missing, but the task is detection")
		case len(r.Classes) == 0:
			return unsound("classes", "missing, but the task is detection")
		}
	}
	if r.Image != nil {
		if err := r.Image.check(); err != nil {
			return err
		}
	}
	if r.Text != nil {
		if err := r.Text.check(); err != nil {
			return err
		}
	}
	if r.Tokens != "" {
		if err := r.Tokens.check("tokens"); err != nil {
			return err
		}
		if r.Text != nil || r.Image != nil {
			return unsound("tokens", "the input is tokens, and a text or an image, too")
		}
	}
	if r.Layout != nil {
		if err := r.Layout.Check(); err != nil {
			return err
		}
	}
	if d := r.Detection; d != nil {
		if err := d.check(len(r.Classes)); err != nil {
			return err
		}
	}
	return nil
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("features: a recipe of plain values is not JSON: " + err.Error())
	}
	return string(text)
}

// orEmpty keeps JSON from writing null for an empty list.
func orEmpty[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func jsonList[T any](v []T) string {
	if len(v) == 0 {
		return ""
	}
	return jsonText(v)
}

func fromJSON[T any](text, want string, into *[]T) error {
	dec := json.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(into); err != nil || *into == nil {
		return fmt.Errorf("%s is not %s in JSON", clip(text), want)
	}
	if dec.More() {
		return fmt.Errorf("%s holds more than %s", clip(text), want)
	}
	return nil
}

func fromInt(text string, into *int) error {
	n, err := strconv.ParseInt(text, 10, 32)
	*into = int(n)
	return wrapNumber(text, err)
}

func fromFloat(text string, into *float64) error {
	f, err := strconv.ParseFloat(text, 64)
	*into = f
	return wrapNumber(text, err)
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func wrapNumber(text string, err error) error {
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is out of range", clip(text))
	case err != nil:
		return fmt.Errorf("%q is not a number of the kind wanted", clip(text))
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// clip shortens a text from a file to what an error message can carry.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
