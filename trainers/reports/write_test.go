package reports

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/metrics"
)

// written writes a report and gives its files' bytes by name.
func written(t *testing.T, dir string, job *trainers.Job, result *trainers.Result, verification string) map[string][]byte {
	t.Helper()
	names, err := Write(context.Background(), dir, job, result, verification)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// epochs makes a history of so many epochs whose figures all scale.
func epochs(job *trainers.Job, n int, scale float64, held bool) []trainers.Epoch {
	var history []trainers.Epoch
	for i := range n {
		e := trainers.Epoch{Number: i + 1, LearningRate: 0.001, Seconds: 1.5}
		for k := range 1 + len(job.Network.Terms) {
			e.Train = append(e.Train, scale*float64(k+1)/float64(i+1))
			if held {
				e.Validation = append(e.Validation, scale*float64(k+2)/float64(i+1))
			}
		}
		if held {
			e.Metrics = []trainers.Metric{{Name: "map50", Value: float64(i) / float64(n)}, {Name: "map50_95", Value: 0.1}}
		}
		history = append(history, e)
	}
	return history
}

func TestReportOfATrainedDetector(t *testing.T) {
	job := prepare(t, tiny(24, 0.5))
	result := trained(t, job)
	dir := save(t, job, result.Best)
	files := written(t, dir, job, result, "structure   equal")
	for name, least := range map[string][2]int{
		CurvesFile: {1200, 500}, PredictionsFile: {1400, 500}, PrecisionRecallFile: {600, 400}, ConfusionFile: {300, 300},
	} {
		img, err := png.Decode(bytes.NewReader(files[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if size := img.Bounds().Size(); size.X < least[0] || size.Y < least[1] || size.X > 3000 || size.Y > 3000 {
			t.Errorf("%s: got %v pixels, want at least %v and at most 3000", name, size, least)
		}
	}
	text := string(files[trainers.ReportFile])
	for what, want := range map[string]string{
		"the model's layers":    "conv1     float[batch,2,64,64]",
		"the data's digest":     result.DataDigest,
		"the optimizer":         "| optimizer | adam |",
		"its own rate":          "| learning rate | 0.001 |",
		"held-out rows":         "| – held-out rows | 12 |",
		"the verification":      "```text\nstructure   equal\n```",
		"how the model is used": "gonyx run " + filepath.ToSlash(dir) + "/model.onnx IMAGES --draw out/",
		"a picture":             "](predictions.png)",
		"a class":               "| rat | ",
		"a term's name":         `| loss\_confidence | `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: report.md has no %q:\n%s", what, want, text)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(files)+1 {
		t.Errorf("got %v in the run directory, want the model and the files named: %v", entries, err)
	}
	for name, again := range written(t, dir, job, result, "structure   equal") {
		if !bytes.Equal(again, files[name]) {
			t.Errorf("%s differs when it is written again", name)
		}
	}
}

// The figures in the report are the file's: they agree with those that training took with the same weights.
func TestFiguresAreThoseOfTheFile(t *testing.T) {
	job := prepare(t, tiny(40, 0.5))
	result := trained(t, job)
	r := &run{dir: save(t, job, result.Best), job: job, result: result, data: result.Validation}
	found, err := r.detection(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := result.History[result.BestEpoch-1].Metrics
	for _, cell := range []string{part(want[0].Value), part(want[1].Value)} {
		if !strings.Contains(found.text, "| "+cell+" |") {
			t.Errorf("got %s\nwant %s in it", found.text, cell)
		}
	}
}

func TestPicturesFollowWhatTheyShow(t *testing.T) {
	job := prepare(t, tiny(8, 0.5))
	first := untrained(t, job, epochs(job, 3, 1, true))
	a := written(t, save(t, job, first.Best), job, first, "")

	other := untrained(t, job, epochs(job, 3, 2, true))
	b := written(t, save(t, job, first.Best), job, other, "")
	if bytes.Equal(a[CurvesFile], b[CurvesFile]) {
		t.Error("two histories have the same curves, want others")
	}
	for _, name := range []string{PredictionsFile, PrecisionRecallFile, ConfusionFile} {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s: two histories of one file differ, want the same", name)
		}
	}

	// A file that is sure of everything: confidences and class scores near 1.
	sure := make(map[string]*onnx.Tensor)
	for name, w := range first.Best {
		c := *w
		if name == "dense2.bias" {
			c.Data = onnx.NewTensor(onnx.Float, w.Dims...).Data
			for i := range c.Float32s() {
				c.Float32s()[i] = 6
			}
		}
		sure[name] = &c
	}
	c := written(t, save(t, job, sure), job, first, "")
	for _, name := range []string{PredictionsFile, ConfusionFile} {
		if bytes.Equal(a[name], c[name]) {
			t.Errorf("%s: two files have the same picture, want others: it is to show model.onnx", name)
		}
	}
}

func TestWithoutHeldOutRowsTheReportSaysSo(t *testing.T) {
	job := prepare(t, tiny(8, 0))
	result := untrained(t, job, epochs(job, 2, 1, false))
	files := written(t, save(t, job, result.Best), job, result, "")
	text := string(files[trainers.ReportFile])
	for _, want := range []string{"No rows were held out", "training rows (none held out)", "| – held-out rows | none |", "(the last one)"} {
		if !strings.Contains(text, want) {
			t.Errorf("report.md has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "## Verification") || strings.Contains(text, "| validation |") {
		t.Errorf("got a part that there is nothing for:\n%s", text)
	}
	r := &run{job: job, result: result}
	if got, want := r.curvesTitle(), "yolo on words: training rows only, none held out"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// Rows of the best epoch are shown, which are fresh ones: another epoch has others.
	result.BestEpoch = 1
	if other := written(t, save(t, job, result.Best), job, result, ""); bytes.Equal(other[PredictionsFile], files[PredictionsFile]) {
		t.Error("pictures of epoch 1 are those of epoch 2, want others")
	}
}

func TestAFileThatDoesNotFitIsAnError(t *testing.T) {
	job := prepare(t, tiny(8, 0.5))
	result := untrained(t, job, epochs(job, 1, 1, true))
	spec := tiny(8, 0.5)
	spec.Set["grid"] = "4"
	finer := prepare(t, spec)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	good := save(t, job, result.Best)
	cases := map[string]struct {
		ctx  context.Context
		dir  string
		want string
	}{
		"no model":                {context.Background(), t.TempDir(), trainers.ModelFile},
		"a model of another grid": {context.Background(), save(t, finer, untrained(t, finer, nil).Best), "numbers"},
		"stopped":                 {stopped, good, "canceled"},
	}
	for name, c := range cases {
		_, err := Write(c.ctx, c.dir, job, result, "")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "report: ") {
			t.Errorf("%s: got error %v, want one of the report with %q", name, err, c.want)
		}
	}
}

func TestCurvesTakeAnyHistory(t *testing.T) {
	job := prepare(t, tiny(8, 0.5))
	huge := epochs(job, 2, 1e38, true)
	holes := epochs(job, 4, 1, true)
	holes[1].Metrics[0].Value = math.NaN()
	holes[2].Train[0] = math.Inf(1)
	holes[3].Validation = nil
	flat := epochs(job, 3, 0, true)
	for name, history := range map[string][]trainers.Epoch{
		"one epoch": epochs(job, 1, 1, true), "many epochs": epochs(job, 2000, 1, true), "huge figures": huge, "holes": holes,
		"nothing but 0": flat, "no epoch": nil,
	} {
		r := &run{job: job, result: untrained(t, job, history)}
		if p := r.curves(); p.image.Bounds().Empty() {
			t.Errorf("%s: the picture is empty", name)
		}
	}
}

func TestMarkdownTakesAnyName(t *testing.T) {
	tab := table{head: []string{"class", "objects"}}
	tab.add("a|b\nc<d>", "`*_1")
	want := "| class | objects |\n| --- | --- |\n| a\\|b c&lt;d> | \\`\\*\\_1 |\n"
	if got := tab.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := block("text", "a\n```\nb"), "````text\na\n```\nb\n````\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := plain("tab\tand something that is far too long"), "tab and something that …"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTicksAreRoundNumbers(t *testing.T) {
	cases := map[string]struct {
		low, high float64
		most      int
		least     float64
		want      []string
	}{
		"parts of one":        {0, 1, 6, 0, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		"epochs are whole":    {1, 3, 8, 1, []string{"1", "2", "3"}},
		"many epochs":         {1, 60, 8, 1, []string{"10", "20", "30", "40", "50", "60"}},
		"a small rate":        {0, 0.001, 6, 0, []string{"0", "0.0002", "0.0004", "0.0006", "0.0008", "0.001"}},
		"below zero":          {-1, 1, 4, 0, []string{"-1.0", "-0.5", "0.0", "0.5", "1.0"}},
		"huge":                {0, 2e30, 4, 0, []string{"0", "5e+29", "1e+30", "1.5e+30", "2e+30"}},
		"nothing in between":  {1, 1, 6, 0, nil},
		"more than a float64": {-math.MaxFloat64, math.MaxFloat64, 6, 0, nil},
	}
	for name, c := range cases {
		var got []string
		for _, tick := range ticks(c.low, c.high, c.most, c.least) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestSheetsStayOfOneSize(t *testing.T) {
	for what, c := range map[string]struct {
		width, height int
		want          scale
	}{
		"the article's":  {64, 64, scale{1, 3, 4}},
		"tiny":           {8, 8, scale{1, 24, 4}},
		"middling":       {416, 416, scale{1, 1, 2}},
		"large":          {900, 600, scale{3, 1, 3}},
		"the largest":    {32768, 32768, scale{74, 1, 2}},
		"wide and flat":  {4096, 16, scale{10, 1, 2}},
		"high and small": {10, 192, scale{1, 1, 4}},
	} {
		if got := newScale(&features.Image{Width: c.width, Height: c.height}); got != c.want {
			t.Errorf("%s: got %+v, want %+v", what, got, c.want)
		}
	}
}

func TestTooManyClassesForAMatrixIsSaid(t *testing.T) {
	job := prepare(t, tiny(8, 0.5))
	r := &run{job: job, result: untrained(t, job, nil)}
	got := r.detectionText(metrics.NewDetections(make([]string, 500)), nil)
	if !strings.Contains(got, "no confusion matrix: 500 classes") || strings.Contains(got, "recall") {
		t.Errorf("got %s, want a sentence on what is left out and no recall", got)
	}
}

func TestShrinkTakesTheMean(t *testing.T) {
	src := image.NewRGBA(image.Rect(0, 0, 5, 4))
	for i := range src.Pix {
		src.Pix[i] = byte(i)
	}
	out := shrink(src, 2)
	if got, want := out.Bounds(), image.Rect(0, 0, 2, 2); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	// Pixels 2 and 3 of the first two rows, 20 bytes a row: red 8, 12, 28, 32.
	if got, want := out.RGBAAt(1, 0), (color.RGBA{20, 21, 22, 255}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
