package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// gonyx carries out a command line in the current folder.
func gonyx(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return gonyxIn(t, context.Background(), args...)
}

func gonyxIn(t *testing.T, ctx context.Context, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(ctx, append([]string{"gonyx"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// must carries out a command line that has to end with a code.
func must(t *testing.T, want int, args ...string) (out, errs string) {
	t.Helper()
	code, out, errs := gonyx(t, args...)
	if code != want {
		t.Fatalf("gonyx %s: got exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out, errs
}

// tiny are settings at which a detector trains in a moment.
func tiny(more ...string) []string {
	return append([]string{"train", "yolo", "--limit", "24", "--epochs", "2", "--batch-size", "8", "--threads", "1", "--quiet",
		"--set", "size=32", "--set", "filters1=2", "--set", "filters2=3", "--set", "units=8"}, more...)
}

// trained is a run directory made once for all tests that only read it.
var trained = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gonyx-test-*")
	if err != nil {
		return "", err
	}
	var out, errs bytes.Buffer
	path := filepath.Join(dir, "run")
	if code := run(context.Background(), append([]string{"gonyx"}, tiny("--out", path)...), strings.NewReader(""), &out, &errs); code != 0 {
		return "", &codeError{code, os.ErrInvalid}
	}
	return path, nil
})

func trainedRun(t *testing.T) string {
	t.Helper()
	dir, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	runLimited() // where this is the child of a test
	code := m.Run()
	if dir, err := trained(); err == nil {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

func TestTrainLeavesARunDirectory(t *testing.T) {
	dir := trainedRun(t)
	for _, name := range []string{"args.yaml", "results.csv", "results.png", "model.onnx", "weights/best.npz", "weights/last.npz", "weights/last.state",
		"report.md", "predictions.png", "precision_recall.png", "confusion_matrix.png"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("got %v, want the file", err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := "epoch,loss,loss_class,loss_position,loss_size,loss_confidence,val_loss,val_loss_class,val_loss_position,val_loss_size,val_loss_confidence,val_map50,val_map50_95,learning_rate,seconds"
	if got := strings.Join(lines[0], ","); got != want {
		t.Errorf("got columns %s, want %s", got, want)
	}
	if len(lines) != 3 {
		t.Errorf("got %d lines of results, want a header and two epochs", len(lines))
	}
	weights, err := rows.ReadNPZFile(filepath.Join(dir, "weights/last.npz"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range weights {
		names = append(names, w.Name)
		if w.Type != onnx.Float {
			t.Errorf("weight %q: got %v, want float", w.Name, w.Type)
		}
	}
	if got, want := strings.Join(names, " "), "conv1.weight conv1.bias conv2.weight conv2.bias conv3.weight conv3.bias conv4.weight conv4.bias dense1.weight dense1.bias dense2.weight dense2.bias"; got != want {
		t.Errorf("got arrays %s, want %s", got, want)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	first := trainedRun(t)
	second := filepath.Join(t.TempDir(), "elsewhere")
	args := tiny("--out", second)
	args[slices.Index(args, "--threads")+1] = "2"
	must(t, 0, args...)
	for _, name := range []string{"model.onnx", "weights/best.npz", "weights/last.npz", "results.png", "predictions.png"} {
		a, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) && !strings.HasSuffix(name, "results.png") {
			t.Errorf("%s: got other bytes in another folder on two threads", name)
		}
	}
	third := filepath.Join(t.TempDir(), "seed")
	must(t, 0, tiny("--out", third, "--seed", "1")...)
	a, _ := os.ReadFile(filepath.Join(first, "model.onnx"))
	b, _ := os.ReadFile(filepath.Join(third, "model.onnx"))
	if bytes.Equal(a, b) {
		t.Error("got the same bytes from another seed")
	}
}

// stopWriter cancels a context when a line has been written to it.
type stopWriter struct {
	bytes.Buffer
	after int
	stop  context.CancelFunc
}

func (w *stopWriter) Write(p []byte) (int, error) {
	if w.after--; w.after <= 0 {
		w.stop()
	}
	return w.Buffer.Write(p)
}

func TestInterruptedRunGoesOnToTheSameBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// Watching a value prints at every step: the second line comes in the middle of the first epoch.
	args := append([]string{"gonyx"}, tiny("--out", dir, "--watch", "loss")...)
	errs := &stopWriter{after: 2, stop: cancel}
	if code := run(ctx, args, strings.NewReader(""), &bytes.Buffer{}, errs); code != 130 {
		t.Fatalf("got exit code %d, want 130\n%s", code, errs)
	}
	if !strings.Contains(errs.String(), "--resume") {
		t.Errorf("got %q, want it to say how to go on", errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "model.onnx")); err == nil {
		t.Error("got a model from a run that is not finished")
	}
	must(t, 0, "train", "yolo", "--resume", dir, "--quiet")
	for _, name := range []string{"model.onnx", "weights/best.npz", "weights/last.npz"} {
		a, err := os.ReadFile(filepath.Join(trainedRun(t), name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: got other bytes than an unbroken run", name)
		}
	}
	must(t, 2, "train", "yolo", "--resume", dir, "--epochs", "3")
	must(t, 2, "train", "news", "--resume", dir)
}

func TestRunFindsWords(t *testing.T) {
	dir, model := t.TempDir(), filepath.Join(trainedRun(t), "model.onnx")
	pictures := filepath.Join(dir, "pics")
	must(t, 0, "data", "yolo", "--count", "3", "--out", pictures, "--set", "size=32")
	images := filepath.Join(pictures, "Images")
	for _, name := range []string{"Images/0.PNG", "Images/2.PNG", "Labels/0.txt", "Labels/2.txt"} {
		if _, err := os.Stat(filepath.Join(pictures, name)); err != nil {
			t.Error(err)
		}
	}
	must(t, 2, "data", "yolo", "--out", pictures)

	drawn := filepath.Join(dir, "drawn")
	out, _ := must(t, 0, "run", model, images, "--draw", drawn)
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("got %d lines, want one for each of 3 pictures:\n%s", n, out)
	}
	for _, name := range []string{"0.png", "1.png", "2.png"} {
		if _, err := os.Stat(filepath.Join(drawn, name)); err != nil {
			t.Error(err)
		}
	}

	// One picture that cannot be read is named and does not stop the others.
	if err := os.WriteFile(filepath.Join(images, "1.PNG"), []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	lines := filepath.Join(dir, "found.jsonl")
	_, errs := must(t, 4, "run", model, filepath.Join(images, "*.PNG"), "-o", lines)
	if !strings.Contains(errs, "1.PNG") {
		t.Errorf("got %q, want it to name 1.PNG", errs)
	}
	text, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	records := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(records) != 3 {
		t.Fatalf("got %d records, want 3", len(records))
	}
	for i, r := range records {
		var record struct {
			Input, Error string
			Boxes        []foundBox
		}
		if err := json.Unmarshal([]byte(r), &record); err != nil {
			t.Fatal(err)
		}
		if (record.Error != "") != (i == 1) {
			t.Errorf("record %d: got error %q", i, record.Error)
		}
	}

	arrays := filepath.Join(dir, "y.npz")
	must(t, 4, "run", model, images, "-o", arrays)
	list, err := rows.ReadNPZFile(arrays, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name != "y" || list[0].String() != "float[3,4,8]" {
		t.Fatalf("got %v, want y float[3,4,8]", list)
	}
	if v := list[0].Float32s(); v[32] == v[32] || v[0] != v[0] || v[64] != v[64] {
		t.Error("want NaN in the row of the bad picture, numbers in the others")
	}
	must(t, 4, "run", model, images, "-o", filepath.Join(dir, "y.csv"))
	if table, err := os.ReadFile(filepath.Join(dir, "y.csv")); err != nil || strings.Count(string(table), "\n") != 4 {
		t.Errorf("got %q and %v, want a header and three lines", table, err)
	}
}

// picture writes a gray picture.
func picture(t *testing.T, path string, side int) {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, side, side))
	img.SetGray(1, 1, color.Gray{200})
	err := rows.WriteFile(path, func(w io.Writer) error { return png.Encode(w, img) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunTensors(t *testing.T) {
	dir, model := t.TempDir(), trainedRun(t)
	x := onnx.NewTensor(onnx.Float, 5, 3, 32, 32)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i%7) / 7
	}
	wide := onnx.NewTensor(onnx.Double, x.Dims...)
	for i, v := range x.Float32s() {
		wide.Float64s()[i] = float64(v)
	}
	bytes8 := onnx.NewTensor(onnx.Uint8, x.Dims...)
	write := func(name string, tensor *onnx.Tensor) string {
		path := filepath.Join(dir, name)
		if err := rows.WriteNPYFile(path, tensor); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in, in64, in8 := write("x.npy", x), write("x64.npy", wide), write("x8.npy", bytes8)
	small := write("small.npy", onnx.NewTensor(onnx.Float, 1, 3, 16, 16))

	one, two := filepath.Join(dir, "one.npz"), filepath.Join(dir, "two.npz")
	must(t, 0, "run", model, "--input", "x="+in, "-o", one)
	_, errs := must(t, 0, "run", model, "--input", "x="+in64, "-o", two, "--batch-size", "2")
	if !strings.Contains(errs, "float64 to float32") {
		t.Errorf("got %q, want the conversion said", errs)
	}
	a, err := rows.ReadNPZFile(one, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := rows.ReadNPZFile(two, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != 1 || a[0].Name != "y" || a[0].String() != "float[5,4,8]" || b[0].String() != a[0].String() {
		t.Fatalf("got %v and %v, want y float[5,4,8] from both", a, b)
	}
	for i, v := range a[0].Float32s() {
		if d := v - b[0].Float32s()[i]; d > 1e-5 || d < -1e-5 {
			t.Fatalf("element %d: got %g in pieces of two rows, want %g", i, b[0].Float32s()[i], v)
		}
	}
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"an unknown input":             {2, []string{"--input", "z=" + in}, `no input "z"; the model's inputs are x tensor(float)[batch,3,32,32]`},
		"no input":                     {2, nil, `input "x" is missing; the model's inputs are x tensor(float)[batch,3,32,32]`},
		"a type that does not convert": {3, []string{"--input", "x=" + in8}, `array.astype("float32")`},
		"another shape":                {3, []string{"--input", "x=" + small}, `input "x" is tensor(float)[1,3,16,16], the model wants tensor(float)[batch,3,32,32]`},
		"no such file":                 {3, []string{"--input", "x=" + filepath.Join(dir, "none.npy")}, "none.npy"},
		"no array":                     {3, []string{"--input", "x=" + filepath.Join(model, "args.yaml")}, "args.yaml"},
		"a pair that is none":          {2, []string{"--input", "x"}, "want KEY=VALUE"},
		"pictures and tensors":         {2, []string{"a.png", "--input", "x=" + in}, "not both"},
		"an output of no known kind":   {2, []string{"--input", "x=" + in, "-o", "y.txt"}, "-o y.txt"},
		"tensors as lines":             {2, []string{"--input", "x=" + in, "-o", "y.csv"}, "-o y.csv"},
		"a batch of nothing":           {2, []string{"--input", "x=" + in, "--batch-size", "0"}, "--batch-size 0"},
		"a folder that is not there":   {3, []string{"--input", "x=" + in, "-o", filepath.Join(dir, "no", "y.npz")}, "no such file"},
		"too little memory":            {3, []string{"--input", "x=" + in, "--memory-limit", "1kB"}, "memory limit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, c.code, append([]string{"run", model}, c.args...)...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}

func TestVerifyCompareInspect(t *testing.T) {
	dir, first := t.TempDir(), trainedRun(t)
	model := filepath.Join(first, "model.onnx")
	must(t, 0, "verify", first)
	out, _ := must(t, 0, "verify", model, "--json")
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(report)), []string{"checks", "digest", "opset", "path"}; !slices.Equal(got, want) {
		t.Errorf("verify --json: got keys %v, want %v", got, want)
	}

	second := filepath.Join(dir, "second")
	must(t, 0, tiny("--out", second, "--seed", "1", "--opset", "11")...)
	must(t, 0, "compare", model, model)
	out, _ = must(t, 1, "compare", model, second, "--json")
	var found map[string]any
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(found)), []string{"difference", "digests", "equal", "layer", "layers_compared", "numbers_ok", "outputs", "ran", "reason"}; !slices.Equal(got, want) {
		t.Errorf("compare --json: got keys %v, want %v", got, want)
	}
	if d, _ := found["difference"].(string); !strings.Contains(d, `"conv1"`) || !strings.Contains(d, "weight") {
		t.Errorf("got difference %q, want the first weight named", d)
	}
	must(t, 1, "compare", model, second, "--numeric")
	must(t, 0, "compare", model, second, "--numeric", "--atol", "10")
	out, _ = must(t, 1, "compare", model, second, "--layers")
	if !strings.Contains(out, `the first tensor that differs is "conv1" (Conv)`) {
		t.Errorf("got %q, want conv1 named", out)
	}
	must(t, 2, "compare", model)
	must(t, 2, "compare", model, model, model)

	x := onnx.NewTensor(onnx.Float, 2, 3, 32, 32)
	in, stored := filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npz")
	if err := rows.WriteNPYFile(in, x); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "run", model, "--input", "x="+in, "-o", stored)
	must(t, 0, "compare", model, "--reference", stored, "--input", "x="+in)
	must(t, 1, "compare", second, "--reference", stored, "--input", "x="+in)
	must(t, 2, "compare", model, "--reference", stored, "--input", "q="+in)
	must(t, 2, "compare", model, "--reference", stored, "--input", "x=")
	must(t, 2, "compare", model, model, "--reference", stored)

	dot := filepath.Join(dir, "g.dot")
	out, _ = must(t, 0, "inspect", model, "--json", "--dot", dot)
	var seen map[string]any
	if err := json.Unmarshal([]byte(out), &seen); err != nil {
		t.Fatal(err)
	}
	if got, want := slices.Sorted(maps.Keys(seen)), []string{"digest", "doc", "inputs", "ir_version", "metadata", "name", "nodes", "operators", "opsets",
		"outputs", "parameter_bytes", "parameters", "problem", "producer", "unsupported", "warnings"}; !slices.Equal(got, want) {
		t.Errorf("inspect --json: got keys %v, want %v", got, want)
	}
	if text, err := os.ReadFile(dot); err != nil || !strings.HasPrefix(string(text), "digraph {") {
		t.Errorf("got %.20q and %v, want a drawing", text, err)
	}
}

func TestMisuse(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(t.TempDir()) // runs without --out would stand here
	defer func() {
		if left, err := filepath.Glob("runs/*"); err != nil || left != nil {
			t.Errorf("got run directories left by runs that never began: %v %v", left, err)
		}
	}()
	busy := filepath.Join(dir, "busy")
	if err := os.MkdirAll(busy, 0o777); err != nil {
		t.Fatal(err)
	}
	picture(t, filepath.Join(busy, "a.png"), 8)
	for name, c := range map[string]struct {
		code int
		args []string
		want string
	}{
		"no command of that name":      {2, []string{"fly"}, `no command "fly"`},
		"an unknown flag":              {2, []string{"train", "yolo", "--speed", "9"}, "-speed"},
		"a flag behind the positional": {2, []string{"train", "yolo", "--epochs", "none"}, "epochs"},
		"no network":                   {2, []string{"train"}, "There are yolo"},
		"an unknown network":           {2, []string{"train", "gpt"}, `network "gpt" is not in the catalogue`},
		"two networks":                 {2, []string{"train", "yolo", "vae"}, `"vae" is one too many`},
		"an option nobody has":         {2, tiny("--set", "wings=2"), "--set wings=2"},
		"an option twice":              {2, tiny("--set", "grid=2", "--set", "grid=2"), `"grid" is given twice`},
		"an option of no value":        {2, tiny("--set", "grid"), "want KEY=VALUE"},
		"a size that cannot be":        {2, tiny("--set", "fresh=perhaps"), "fresh=perhaps"},
		"an unknown optimizer":         {2, tiny("--optimizer", "magic"), "magic"},
		"an unknown optimizer key":     {2, tiny("--optimizer", "adam:speed=1"), "speed"},
		"an unknown schedule":          {2, tiny("--schedule", "sometimes"), "sometimes"},
		"no epochs":                    {2, []string{"train", "yolo", "--epochs", "0"}, "--epochs 0"},
		"a rate below 0":               {2, tiny("--learning-rate", "-1"), "--learning-rate -1"},
		"all rows held out":            {2, tiny("--validation-split", "1"), "validation split 1"},
		"an opset too old":             {2, tiny("--opset", "8"), "--opset 8"},
		"an opset too new":             {2, tiny("--opset", "99"), "--opset 99"},
		"a value to watch not there":   {2, tiny("--watch", "nothing"), "--watch nothing"},
		"a folder in use":              {2, tiny("--out", busy), "is not empty"},
		"data that is not there":       {3, tiny("--data", filepath.Join(dir, "none")), "none"},
		"weights that are not there":   {3, tiny("--init", filepath.Join(dir, "none.npz")), "none.npz"},
		"a run that is not there":      {3, []string{"train", "--resume", filepath.Join(dir, "none")}, "no run directory"},
		"a file in the folder's place": {3, tiny("--out", filepath.Join(busy, "a.png")), "a.png"},
		"no model":                     {2, []string{"run"}, "run which model?"},
		"a model that is not there":    {3, []string{"run", filepath.Join(dir, "none.onnx"), "a.png"}, "none.onnx"},
		"a model that is a picture":    {3, []string{"inspect", filepath.Join(busy, "a.png")}, "a.png"},
		"a folder without a model":     {3, []string{"verify", busy}, "model.onnx"},
		"a limit that is no size":      {2, []string{"verify", busy, "--memory-limit", "lots"}, "--memory-limit lots"},
		"data of another kind":         {2, []string{"data", "cats"}, "write which data?"},
		"no rows of data":              {2, []string{"data", "yolo", "--count", "0"}, "--count 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := must(t, c.code, c.args...)
			if !strings.Contains(errs, c.want) {
				t.Errorf("got %q, want %q in it", errs, c.want)
			}
		})
	}
}

func TestNaNStopsWithStepAndLayer(t *testing.T) {
	out, errs := must(t, 3, tiny("--out", filepath.Join(t.TempDir(), "run"), "--optimizer", "sgd:learning_rate=1e38")...)
	if !strings.Contains(errs, "NaN") || !strings.Contains(errs, "epoch 1, step") || !strings.Contains(errs, `first in "`) {
		t.Errorf("got %q and %q, want epoch, step and layer named", out, errs)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512B": 512, "1kB": 1000, "1KiB": 1024, "2GiB": 2 << 30, "1.5 MiB": 3 << 19, "500MB": 500e6, "3G": 3e9, "1T": 1e12,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1GB", "0", "1XB", "1GGB", "1e30GB", "NaN", "GiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	dir := trainedRun(t)
	a, _ := must(t, 0, "verify", "--json", dir)
	b, _ := must(t, 0, "verify", dir, "--json")
	if a != b {
		t.Error("got another result with the flag behind the model")
	}
	// Behind "--" nothing is a flag.
	_, errs := must(t, 2, "verify", "--", dir, "--json")
	if !strings.Contains(errs, "2 are given") {
		t.Errorf("got %q, want two positionals counted", errs)
	}
}
