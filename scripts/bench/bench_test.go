package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Our contestant loads a model, takes a turn, gives its output and tells its memory; what it cannot do is an answer, not an end.
func TestServe(t *testing.T) {
	folder := t.TempDir()
	list, err := duels(folder)
	if err != nil {
		t.Fatal(err)
	}
	var run, train *duel
	for i := range list {
		switch list[i].Name {
		case "vae, batch 1":
			run = &list[i]
		case "vae, training step, batch 100":
			train = &list[i]
		}
	}
	if run == nil || train == nil {
		t.Fatal("the vae is not among the duels")
	}
	output := filepath.Join(folder, "output")
	var in, out bytes.Buffer
	for _, r := range []request{
		{Do: "turn", Ms: 1}, {Do: "load", Kind: "run", Model: run.Model, Threads: 1, Inputs: run.In}, {Do: "turn", Ms: 1}, {Do: "output", Path: output},
		{Do: "memory"}, {Do: "dance"}, {Do: "load", Kind: "run", Model: folder, Threads: 1}, {Do: "load", Kind: "train", Model: train.Model, Threads: 1, Inputs: train.In, Rows: train.Rows},
		{Do: "turn", Ms: 1, Least: 5}, {Do: "profile"}, {Do: "load", Kind: "run", Model: run.Model, Threads: 1, Inputs: run.In}, {Do: "profile"},
	} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	if err := serve(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for line := range strings.Lines(out.String()) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	for i, wrong := range []bool{true, false, false, false, false, true, true, false, false, true, false, false} {
		if i >= len(answers) || (answers[i].Error != "") != wrong {
			t.Fatalf("answer %d: got %+v, want an error: %v", i, answers, wrong)
		}
	}
	if a := answers[11]; len(a.Steps) == 0 || a.Steps[0].What == "" || !(a.Steps[0].Seconds > 0) {
		t.Errorf("a profile: got %+v", a)
	}
	if a := answers[2]; a.Runs < 1 || !(a.Seconds > 0) {
		t.Errorf("a turn: got %+v", a)
	}
	if data, err := os.ReadFile(output); err != nil || len(data) != 4*784 {
		t.Errorf("output: got %d bytes and error %v, want %d", len(data), err, 4*784)
	}
}

// A ratio is held against those of the same kernel set, more loosely on another kind of processor.
func TestBaseline(t *testing.T) {
	path := filepath.Join(t.TempDir(), baselineFile)
	results := func(theirs string, ratio float64) []*result {
		return []*result{{Duel: "a, batch 1", Threads: 1, Theirs: theirs, Ratio: ratio}}
	}
	m := machine{Kind: "X, family 1", Set: "avx2"}
	if err := keep(path, m, append(results(onnxRuntime, 3), results(gorgonia, 30)...)); err != nil {
		t.Fatal(err)
	}
	if err := keep(path, machine{Kind: "Y", Set: "avx512"}, results(onnxRuntime, 4)); err != nil {
		t.Fatal(err)
	}
	if err := keep(path, m, results(onnxRuntime, 5)); err != nil { // the lesser stays
		t.Fatal(err)
	}
	if err := keep(path, machine{Kind: "Y", Set: "avx512"}, results(onnxRuntime, 2)); err != nil {
		t.Fatal(err)
	}
	all, err := readBaseline(path)
	if err != nil {
		t.Fatal(err)
	}
	key := results(onnxRuntime, 0)[0].key()
	for phrase, c := range map[string]struct {
		m      machine
		ratio  float64
		factor float64
	}{
		"the same processor":             {m, 3, worse},
		"another one of the same set":    {machine{Kind: "Z", Set: "avx2"}, 3, worseForeign},
		"the other set":                  {machine{Kind: "Y", Set: "avx512"}, 2, worse},
		"a set of which nothing is kept": {machine{Kind: "Y", Set: "portable"}, 2, worseForeign},
	} {
		k, factor, ok := held(all, c.m)
		if !ok || len(k.Ratios) != 1 || k.Ratios[key] != c.ratio || factor != c.factor {
			t.Errorf("%s: got %v by %g, want %g by %g", phrase, k, factor, c.ratio, c.factor)
		}
	}
	if _, _, ok := held(nil, m); ok {
		t.Error("an empty baseline: got something")
	}
}

// The short form plays a case again before it calls it worse, and fails by what could not be played.
func TestShortForm(t *testing.T) {
	here := t.TempDir()
	m := thisMachine()
	if err := keep(filepath.Join(here, baselineFile), m, []*result{{Duel: "vae, batch 1", Threads: 1, Theirs: onnxRuntime, Ratio: 1e-9}, {Duel: "slow", Threads: 1, Theirs: onnxRuntime, Ratio: 6}}); err != nil {
		t.Fatal(err)
	}
	played := func(name string, ratio float64) *result {
		return &result{Duel: name, Threads: 1, Theirs: onnxRuntime, Ratio: ratio}
	}
	for phrase, c := range map[string]struct {
		results []*result
		skipped []skip
		want    string
	}{
		"as it was":         {[]*result{played("vae, batch 1", 1), played("slow", 6)}, nil, ""},
		"a little worse":    {[]*result{played("slow", 4.01)}, nil, ""},
		"much worse":        {[]*result{played("slow", 3.99)}, nil, "slow: nobody plays it"},
		"not played":        {[]*result{played("slow", 6)}, []skip{{From: "b", Theirs: "X", Why: "broken"}}, "b against X: broken"},
		"nothing in common": {[]*result{played("new", 6)}, nil, "holds none of the cases"},
	} {
		b := &bout{options: options{here: here}, out: &strings.Builder{}, draw: newDraw(), results: c.results}
		b.draw.skipped = c.skipped
		err := b.hold(nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", phrase, err, c.want)
		}
	}
}

// Nobody is asked again for what it could not do, on whatever threads and for however many rows, nor for more rows than it does in time.
func TestDraw(t *testing.T) {
	one, hundred, other := duel{Name: "m, batch 1", Model: "m", Rows: 1}, duel{Name: "m, batch 100", Model: "m", Rows: 100}, duel{Name: "n", Model: "n", Rows: 1}
	a, b, c := corner{name: "A"}, corner{name: "B"}, corner{name: "C"}
	begun := func() *draw {
		w := newDraw()
		w.played(one, a, nil, &mistake{"A", errors.New("no such operator\nand more")})
		w.played(one, b, &result{TheirSeconds: 1}, nil)
		w.played(one, c, nil, &mistake{"ours", errors.New("broken")})
		return w
	}
	for phrase, x := range map[string]struct {
		d    duel
		c    corner
		want bool
	}{
		"what it cannot do":           {hundred, a, false},
		"what it may be able to do":   {other, a, true},
		"again":                       {one, b, true},
		"what would take too long":    {hundred, b, false},
		"another model":               {other, b, true},
		"what we were not able to do": {hundred, c, false},
	} {
		if got := begun().asks(x.d, x.c); got != x.want {
			t.Errorf("%s: got %v, want %v", phrase, got, x.want)
		}
	}
	want := []skip{{"A", "", "", "m, batch 1", "no such operator", false}, {"C", "", "", "m, batch 1", "ours: broken", true}}
	if got := begun().skipped; !slices.Equal(got, want) {
		t.Errorf("skipped: got %+v, want %+v", got, want)
	}
}

// A contestant that hangs is ended, and one that dies is quoted.
func TestContestantsThatFail(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh")
	}
	for phrase, c := range map[string]struct{ script, want string }{
		"it hangs":         {"read line; exec sleep 60", "no answer within"},
		"it dies":          {"read line; echo first >&2; echo out of luck >&2; exit 3", "it ended: out of luck"},
		"it cannot":        {`read line; echo '{"error": "no"}'; cat >/dev/null`, "X: no"},
		"it talks rubbish": {"read line; echo hello; cat >/dev/null", "invalid character"},
	} {
		p, err := corner{"X", []string{"sh", "-c", c.script}, nil, time.Second}.start()
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.ask(request{Do: "load"})
		p.stop()
		if m := (*mistake)(nil); !errors.As(err, &m) || m.who != "X" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a mistake of X with %q", phrase, err, c.want)
		}
	}
}

// One core is always there; more than the machine has never work at once, and waiting for them ends.
func TestAwaitCores(t *testing.T) {
	one := coreWait{time.Minute}
	if waited := one.await(1); waited > 10*time.Second || one.left != time.Minute-waited {
		t.Errorf("one core: waited %v, %v are left of a minute", waited, one.left)
	}
	const most = 300 * time.Millisecond
	many := coreWait{most}
	if waited := many.await(8 * runtime.NumCPU()); waited < most {
		t.Errorf("eight times as many as there are: waited %v, want %v", waited, most)
	}
	if waited := many.await(8 * runtime.NumCPU()); waited > most {
		t.Errorf("with no time left: waited %v", waited)
	}
}

// What is required stands on the page with what was reached.
func TestPage(t *testing.T) {
	results := []*result{
		{Duel: "yolo, batch 1", Subject: "yolo", Kind: "run", Threads: 1, Theirs: onnxRuntime, Ratio: 2.5, Least: 2, Greatest: 3, OurStart: 1, TheirStart: 2, OurMemory: 2, TheirMemory: 1},
		{Duel: "vae, batch 1", Subject: "vae", Kind: "run", Threads: 2, Theirs: onnxRuntime, Ratio: 0.9, OurSeconds: 2e-5, TheirSeconds: 1.8e-5, OurStart: 1, TheirStart: 2, OurMemory: 1,
			TheirMemory: 1, Steps: []timed{{"a MatMul", 9e-6, 450000, 36000}, {"b Exp", 3e-7, 0, 0}, {"c Add", 7e-7, 0, 0}}},
		{Duel: "yolo, training step, batch 16", Subject: "yolo", Kind: "train", Threads: 1, Theirs: pyTorch, OurSeconds: 0.5, TheirSeconds: 4},
		{Duel: "yolo, training step, batch 16", Subject: "yolo", Kind: "train", Threads: 2, Theirs: pyTorch, OurSeconds: 1, TheirSeconds: 1},
		{Duel: "a", Subject: realModels, Kind: "run", Threads: 1, Theirs: onnxRuntime, Ratio: 4, OurStart: 1, TheirStart: 3, OurMemory: 1, TheirMemory: 1},
		{Duel: "b", Subject: realModels, Kind: "run", Threads: 1, Theirs: onnxRuntime, Ratio: 0.25, OurStart: 1, TheirStart: 1, OurMemory: 1, TheirMemory: 1},
		{Duel: "yolo, batch 1", Subject: "yolo", Kind: "run", Threads: 1, Theirs: "GoMLX", Ratio: 30},
		{Duel: "yolo, batch 32", Subject: "yolo", Kind: "run", Threads: 2, Theirs: "GoMLX", Ratio: 9, Least: 8, Greatest: 10},
	}
	got := page{Results: results, Skipped: []skip{{Theirs: "gonnx", From: "vae, batch 1", Why: "a|b"}}, Shares: []share{{"avx2", 1e11, 2e11, 50}}}.String()
	for _, want := range []string{
		"| yolo | 2.50 ≥ 2 | – | – | – | – | – |",
		"| yolo | **2.00 < 2.2**, 500ms on 1 against 1s on 2 | – |",
		"| three real models, geometric mean | 1.00 ≥ 1, of 2 | – |",
		"| yolo | – | – | **9.00 < 10**, yolo, batch 32, 2 threads |",
		"2 of 5 required ratios were reached.",
		"- vae, batch 1, 2 threads, against ONNX Runtime: 20µs, 10µs required, 2.25µs at the peak.",
		"- yolo, batch 32, 2 threads, against GoMLX: 0s, 0s required.",
		"| vae, batch 1, 2 threads | a MatMul | 9µs | 90 % | 25 % | 4.0 |",
		"| vae, batch 1, 2 threads | c Add | 700ns | 7 % | – | – |",
		"| vae, batch 1, 2 threads | the rest | 300ns | 3 % | – | – |",
		"Start, against ONNX Runtime: no more in 4 of 4 cases; theirs divided by ours is 2.00 at the median, 1.00 to 3.00.",
		"Memory, against ONNX Runtime: no more in 3 of 4 cases; theirs divided by ours is 1.00 at the median, 0.50 to 1.00. More: yolo, batch 1, 1 thread (0.50).",
		"| avx2 | **50 %** | 100.0 | 200.0 |",
		"| gonnx | vae, batch 1 | a\\|b |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page has no line %q:\n%s", want, got)
		}
	}
}

func TestApart(t *testing.T) {
	inf := float32(math.Inf(1))
	for phrase, c := range map[string]struct {
		a, b []float32
		ok   bool
	}{
		"equal":          {[]float32{1, 2}, []float32{1, 2}, true},
		"within":         {[]float32{1000}, []float32{1000.5}, true},
		"too far":        {[]float32{1}, []float32{1.01}, false},
		"another length": {[]float32{1}, []float32{1, 2}, false},
		"not a number":   {[]float32{float32(math.NaN())}, []float32{1}, false},
		"infinite":       {[]float32{inf}, []float32{1}, false},
	} {
		if d, err := apart(c.a, c.b); (err == nil) != c.ok {
			t.Errorf("%s: got %g and error %v", phrase, d, err)
		}
	}
}
