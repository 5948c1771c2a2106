package scoring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/backend"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// mirror is a model that gives its inputs back, so that outputs are the features that were made. Each input is named, of floats and shaped
// as given; its output is named with a y before.
func mirror(t *testing.T, recipe *features.Recipe, inputs map[string][]onnx.Dim, metadata ...onnx.Entry) *Scorer {
	t.Helper()
	b := graphs.New("mirror")
	for _, name := range []string{"x", "epsilon"} {
		if dims, ok := inputs[name]; ok {
			b.Output("y"+name, b.Op("Identity", []graphs.Value{b.Input(name, onnx.Float, dims...)}))
		}
	}
	built, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	file := &onnx.Model{IRVersion: 9, Graph: built.Graph, Metadata: metadata}
	if recipe != nil {
		entries, err := recipe.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		file.Metadata = append(file.Metadata, entries...)
	}
	m, err := backend.CompileModel(file, backend.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	s, err := New(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func batchOf(dims ...int64) []onnx.Dim {
	return append([]onnx.Dim{onnx.Symbol("batch")}, onnx.FixedDims(dims...)...)
}

func textRecipe(layout *features.Layout) *features.Recipe {
	c := features.NewCounter()
	c.Add("cat rat")
	c.Add("cat")
	return &features.Recipe{Task: features.TaskReconstruction, Text: c.Text(4), Layout: layout}
}

// lines runs a source and gives a line a row: its first output, or the error.
func lines(s *Scorer, from *Source, o Options) ([]string, error) {
	var list []string
	rows, failed, err := s.Run(context.Background(), from, o, func(r Result) error {
		if r.Index != len(list) {
			return fmt.Errorf("row %d comes at place %d", r.Index, len(list))
		}
		switch {
		case r.Err != nil:
			list = append(list, "bad: "+r.Err.Error())
		default:
			list = append(list, fmt.Sprint(r.Output[0].Float32s()))
		}
		return nil
	})
	if bad := strings.Count(strings.Join(list, "\n"), "bad: "); err == nil && (rows != len(list) || failed != bad) {
		return list, fmt.Errorf("got %d rows and %d failed, the results are %d and %d", rows, failed, len(list), bad)
	}
	return list, err
}

func TestTablesOfTexts(t *testing.T) {
	recipe := textRecipe(nil)
	row := func(text string) string {
		dense := make([]float32, recipe.Text.Columns)
		recipe.Text.Row(text).Fill(dense)
		return fmt.Sprint(dense)
	}
	trained := func(column string, header bool) *features.Layout {
		return &features.Layout{TextColumn: column, LabelColumn: "0", Header: header}
	}
	two := []string{row("cat cat"), row("rat, dog")}
	cases := map[string]struct {
		layout     *features.Layout // of the training data
		name, text string
		o          TableOptions // Layout of the model where none is set
		want       []string
	}{
		"as trained":                         {trained("1", false), "a.csv", "1,cat cat\n2,\"rat, dog\"\n", TableOptions{}, two},
		"nothing but texts":                  {trained("1", false), "a.csv", "cat cat\n\"rat, dog\"\n", TableOptions{}, two},
		"a header as trained":                {trained("words", true), "a.csv", "id,words\n1,cat cat\n2,\"rat, dog\"\n", TableOptions{}, two},
		"nothing but texts below the header": {trained("words", true), "a.csv", "words\ncat cat\n\"rat, dog\"\n", TableOptions{}, two},
		"nothing but texts, no header":       {trained("words", true), "a.csv", "cat cat\n\"rat, dog\"\n", TableOptions{}, two},
		"another column, chosen":             {trained("1", false), "a.csv", "cat cat,x\n\"rat, dog\",y\n", TableOptions{Layout: features.Layout{TextColumn: "0"}, Chosen: true}, two},
		"trained without a layout":           {nil, "a.csv", "cat cat,x\n\"rat, dog\",y\n", TableOptions{}, two},
		"JSON objects, of a table's model":   {trained("1", false), "a.jsonl", "{\"text\":\"cat cat\"}\n{\"1\":\"rat, dog\"}\n", TableOptions{}, two},
		"JSON objects":                       {trained("1", false), "a.jsonl", "{\"text\":\"cat cat\"}\n{\"text\":\"rat, dog\"}\n", TableOptions{Layout: features.Layout{}, Chosen: true}, two},
		"JSON texts":                         {nil, "a.jsonl", "\"cat cat\"\n\"rat, dog\"\n", TableOptions{}, two},
		"bad rows in between": {trained("1", false), "a.csv", "1,cat cat\nshort\n\"x\"y,2\n2,\"rat, dog\"\n3,\xff\n", TableOptions{},
			[]string{two[0], "bad: line 2: the row is short: 1 columns, column 1 is wanted", "bad: line 3: column 0: text behind the closing quote",
				two[1], "bad: line 5: column 1 is not UTF-8"}},
		"nothing at all": {nil, "a.csv", "", TableOptions{}, nil},
	}
	for name, c := range cases {
		for _, size := range []int{1, 2, 32} {
			recipe := textRecipe(c.layout)
			s := mirror(t, recipe, map[string][]onnx.Dim{"x": batchOf(4)})
			o := c.o
			if !o.Chosen && c.layout != nil {
				o.Layout = *c.layout
			}
			source, err := s.Table(strings.NewReader(c.text), c.name, o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if got, err := lines(s, source, Options{BatchSize: size}); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, batches of %d: got %q, %v, want %q", name, size, got, err, c.want)
			}
		}
	}
}

func TestTablesOfNumbers(t *testing.T) {
	image := &features.Recipe{Task: features.TaskReconstruction, Image: &features.Image{Width: 2, Height: 1, Channels: features.Gray, Scale: 0.5, Mean: []float32{1}}}
	cases := map[string]struct {
		recipe     *features.Recipe
		dims       []onnx.Dim
		name, text string
		want       []string
	}{
		"a model that says nothing": {nil, batchOf(2), "a.csv", "1,2\n3,x\n4,5,6\n-1,1e2\n", []string{"[1 2]",
			"bad: line 2: column 1: \"x\" is not a number", "bad: line 3: 3 numbers, input \"x\" takes 2 a row", "[-1 100]"}},
		"lists":                     {nil, batchOf(2, 2), "a.jsonl", "[[1,2],[3,4]]\n{\"x\":[5,6,7,8]}\n", []string{"[1 2 3 4]", "[5 6 7 8]"}},
		"a size left open":          {nil, []onnx.Dim{onnx.Symbol("batch"), onnx.Symbol("n")}, "a.tsv", "1\t2\t3\n4\t5\t6\n", []string{"[1 2 3]", "[4 5 6]"}},
		"pixels":                    {image, batchOf(1, 1, 2), "a.csv", "0,4\n", []string{"[-1 1]"}},
		"pixels for a flat network": {image, batchOf(2), "a.csv", "0,4\n", []string{"[-1 1]"}},
		"a model of three rows": {nil, onnx.FixedDims(3, 1), "a.csv", "1\n2\nx\n3\n4\n", []string{"[1]", "[2]", "bad: line 3: column 0: \"x\" is not a number",
			"[3]", "[4]"}},
	}
	for name, c := range cases {
		s := mirror(t, c.recipe, map[string][]onnx.Dim{"x": c.dims})
		source, err := s.Table(strings.NewReader(c.text), c.name, TableOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := lines(s, source, Options{}); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestArrays(t *testing.T) {
	image := &features.Recipe{Task: features.TaskReconstruction, Image: &features.Image{Width: 2, Height: 1, Channels: features.Gray, Scale: 0.5}}
	named := func(name string, x *onnx.Tensor) *onnx.Tensor { x.Name = name; return x }
	bytes := &onnx.Tensor{Type: onnx.Uint8, Dims: []int64{2, 1, 2}, Data: []byte{0, 2, 4, 255}}
	doubles := &onnx.Tensor{Type: onnx.Double, Dims: []int64{1, 2}, Data: onnx.BytesOf([]float64{0.5, 2})}
	cases := map[string]struct {
		recipe *features.Recipe
		dims   []onnx.Dim
		arrays []*onnx.Tensor // one without a name: .npy
		want   []string
		notes  int
	}{
		"floats":                   {nil, batchOf(2), []*onnx.Tensor{onnx.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2)}, []string{"[1 2]", "[3 4]"}, 0},
		"floats in another shape":  {nil, batchOf(2, 1), []*onnx.Tensor{onnx.FromFloat32s([]float32{1, 2}, 1, 1, 2)}, []string{"[1 2]"}, 0},
		"doubles":                  {nil, batchOf(2), []*onnx.Tensor{doubles}, []string{"[0.5 2]"}, 1},
		"bytes as the model's":     {image, batchOf(2), []*onnx.Tensor{bytes}, []string{"[0 1]", "[2 127.5]"}, 0},
		"bytes of a foreign model": {nil, batchOf(2), []*onnx.Tensor{bytes}, []string{fmt.Sprint([]float32{0, 2 * features.DefaultScale}), fmt.Sprint([]float32{4 * features.DefaultScale, 1})}, 0},
		"an archive with labels":   {nil, batchOf(2), []*onnx.Tensor{named("x", onnx.FromFloat32s([]float32{1, 2}, 1, 2)), named("y", onnx.FromInt64s([]int64{7}))}, []string{"[1 2]"}, 1},
		"an archive of one":        {nil, batchOf(2), []*onnx.Tensor{named("rows", onnx.FromFloat32s([]float32{1, 2}, 1, 2))}, []string{"[1 2]"}, 0},
	}
	for name, c := range cases {
		path := filepath.Join(t.TempDir(), "a.npz")
		var err error
		if c.arrays[0].Name == "" {
			path = filepath.Join(t.TempDir(), "a.npy")
			err = rows.WriteNPYFile(path, c.arrays[0])
		} else {
			err = rows.WriteNPZFile(path, c.arrays)
		}
		if err != nil {
			t.Fatal(err)
		}
		s := mirror(t, c.recipe, map[string][]onnx.Dim{"x": c.dims})
		notes := 0
		source, err := s.Open(path, nil, TableOptions{}, func(string) { notes++ })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := lines(s, source, Options{BatchSize: 2}); err != nil || !reflect.DeepEqual(got, c.want) || notes != c.notes {
			t.Errorf("%s: got %q, %v and %d notes, want %q and %d", name, got, err, notes, c.want, c.notes)
		}
	}
}

func TestArraysFillSeveralInputs(t *testing.T) {
	x, e := onnx.FromFloat32s([]float32{1, 2, 3, 4}, 2, 2), onnx.FromFloat32s([]float32{5, 6}, 2, 1)
	x.Name, e.Name = "x", "epsilon"
	inputs := map[string][]onnx.Dim{"x": batchOf(2), "epsilon": batchOf(1)}
	run := func(s *Scorer, arrays ...*onnx.Tensor) (string, error) {
		path := filepath.Join(t.TempDir(), "a.npz")
		if err := rows.WriteNPZFile(path, arrays); err != nil {
			t.Fatal(err)
		}
		source, err := s.Open(path, nil, TableOptions{}, func(string) {})
		if err != nil {
			return "", err
		}
		var got []string
		_, _, err = s.Run(context.Background(), source, Options{BatchSize: 1}, func(r Result) error {
			got = append(got, fmt.Sprint(r.Output[0].Float32s(), r.Output[1].Float32s()))
			return nil
		})
		return strings.Join(got, " "), err
	}
	if got, err := run(mirror(t, nil, inputs), e, x); err != nil || got != "[1 2] [5] [3 4] [6]" {
		t.Errorf("got %q, %v, want both arrays side by side", got, err)
	}
	wrong := new(*InputError)
	if _, err := run(mirror(t, nil, inputs), x); !errors.As(err, wrong) || !strings.Contains(err.Error(), "epsilon") {
		t.Errorf("without epsilon: got %v, want an error that names it", err)
	}
	zeros := mirror(t, nil, inputs, onnx.Entry{Key: backend.DefaultPrefix + "epsilon", Value: backend.DefaultZeros})
	if got, err := run(zeros, x); err != nil || got != "[1 2] [0] [3 4] [0]" {
		t.Errorf("with a default in the metadata: got %q, %v, want zeros", got, err)
	}
}

func TestStreams(t *testing.T) {
	var npy bytes.Buffer
	if err := rows.WriteNPY(&npy, onnx.FromFloat32s([]float32{1, 2}, 1, 2)); err != nil {
		t.Fatal(err)
	}
	s := mirror(t, nil, map[string][]onnx.Dim{"x": batchOf(2)})
	for name, text := range map[string]string{"commas": "1,2\n", "a JSON list": "[1,2]\n", "a JSON object": `{"x":[1,2]}`, "an array": npy.String()} {
		source, err := s.Open(Stdin, strings.NewReader(text), TableOptions{}, func(string) {})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := lines(s, source, Options{}); err != nil || !reflect.DeepEqual(got, []string{"[1 2]"}) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if _, err := s.Open(Stdin, strings.NewReader("PK\x03\x04xxxx"), TableOptions{}, nil); err == nil || !strings.Contains(err.Error(), ".npz") {
		t.Errorf("an archive: got %v, want an error that says what to do", err)
	}
}

func TestClassesAreTheBestOnes(t *testing.T) {
	s := mirror(t, &features.Recipe{Task: features.TaskClassification, Classes: []string{"a", "b", "c", "d"}}, map[string][]onnx.Dim{"x": batchOf(4)})
	source, err := s.Table(strings.NewReader("0.1,0.5,0.2,0.2\n"), "a.csv", TableOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []features.Scored
	if _, _, err := s.Run(context.Background(), source, Options{}, func(r Result) error { got = r.Classes; return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []features.Scored{{Class: 1, Score: 0.5}, {Class: 2, Score: 0.2}, {Class: 3, Score: 0.2}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestScoringRefuses(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var halves bytes.Buffer
	if err := rows.WriteNPY(&halves, onnx.NewTensor(onnx.Float16, 1, 2)); err != nil {
		t.Fatal(err)
	}
	two := map[string][]onnx.Dim{"x": batchOf(2)}
	cases := map[string]struct {
		inputs map[string][]onnx.Dim
		recipe *features.Recipe
		path   string
		o      Options
		want   string
	}{
		"a file that is not there":        {two, nil, "none.csv", Options{}, "none.csv"},
		"an array of another type":        {two, nil, write("a.npy", halves.String()), Options{}, "float32"},
		"an array cut short":              {two, nil, write("a.npy", halves.String()[:halves.Len()-1]), Options{}, "a.npy"},
		"two inputs for a table":          {map[string][]onnx.Dim{"x": batchOf(2), "epsilon": batchOf(2)}, nil, write("a.csv", "1,2\n"), Options{}, "2 inputs"},
		"another width than the model's":  {map[string][]onnx.Dim{"x": batchOf(5)}, textRecipe(nil), write("a.csv", "a\n"), Options{}, "5]"},
		"a batch the model does not take": {map[string][]onnx.Dim{"x": onnx.FixedDims(3, 2)}, nil, write("a.csv", "1,2\n"), Options{BatchSize: 2}, "3 rows"},
		"shapes that nothing says": {map[string][]onnx.Dim{"x": {onnx.Symbol("batch"), onnx.Symbol("h"), onnx.Symbol("w")}}, nil,
			write("a.csv", "1,2\n"), Options{}, "nothing says"},
		"a column by name": {map[string][]onnx.Dim{"x": batchOf(4)}, textRecipe(&features.Layout{TextColumn: "words"}), write("a.csv", "1,2\n"), Options{}, "--text-column"},
	}
	for name, c := range cases {
		s := mirror(t, c.recipe, c.inputs)
		o := TableOptions{}
		if c.recipe != nil && c.recipe.Layout != nil {
			o.Layout = *c.recipe.Layout
		}
		source, err := s.Open(c.path, nil, o, func(string) {})
		if err == nil {
			_, err = lines(s, source, c.o)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// Reading runs ahead of the model by no more than a few batches, however many rows there are.
func TestReadingStaysClose(t *testing.T) {
	const size, total = 4, 400
	s := mirror(t, nil, map[string][]onnx.Dim{"x": batchOf(1)})
	read := make(chan struct{}, total)
	source := &Source{inputs: []int{0}, dims: [][]int64{{1}}, close: nothing}
	made := 0
	source.next = func(_ *Result, into []*onnx.Tensor) error {
		if made == total {
			return io.EOF
		}
		into[0].Float32s()[0] = float32(made)
		made++
		read <- struct{}{}
		return nil
	}
	seen, most := 0, 0
	if _, _, err := s.Run(context.Background(), source, Options{BatchSize: size}, func(r Result) error {
		if got := r.Output[0].Float32s()[0]; got != float32(seen) {
			t.Errorf("row %d: got %v", seen, got)
		}
		seen++
		most = max(most, len(read)-seen)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen != total || most > 3*size {
		t.Errorf("got %d rows, at most %d of them read ahead, want %d and at most %d", seen, most, total, 3*size)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := mirror(t, nil, map[string][]onnx.Dim{"x": batchOf(1)})
	endless := &Source{inputs: []int{0}, dims: [][]int64{{1}}, close: nothing, next: func(*Result, []*onnx.Tensor) error { return nil }}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, _, err := s.Run(ctx, endless, Options{BatchSize: 2}, func(Result) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after %d rows, want the context's error", err, n)
	}
	broken := errors.New("the disk is full")
	if _, _, err := s.Run(context.Background(), endless, Options{}, func(Result) error { return broken }); err != broken {
		t.Errorf("got %v, want the error of who takes the results", err)
	}
}
