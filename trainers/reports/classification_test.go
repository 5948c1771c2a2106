package reports

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

func TestReportOfAClassifier(t *testing.T) {
	spec := small("news", 160, map[string]string{"units": "8", "words": "60"})
	spec.Data = filepath.Join(t.TempDir(), "news.csv")
	if err := datasets.WriteNews(context.Background(), spec.Data, 3, 160); err != nil {
		t.Fatal(err)
	}
	job := prepare(t, spec)
	result := trained(t, job)
	dir := save(t, job, result.Best)
	files := written(t, dir, job, result, "")
	text := string(files[trainers.ReportFile])

	// The file is as good as validation found the weights to be.
	right, names := 0, job.Network.Features.Classes
	best := result.History[result.BestEpoch-1]
	at := slices.IndexFunc(best.Metrics, func(m trainers.Metric) bool { return m.Name == "accuracy" })
	if at < 0 {
		t.Fatal("training measured no accuracy")
	}
	if want := "an accuracy of " + part(best.Metrics[at].Value); !strings.Contains(text, want) {
		t.Errorf("report.md has no %q:\n%s", want, text)
	}
	right = int(math.Round(best.Metrics[at].Value * float64(result.Validation.Info().Rows)))

	lines, err := csv.NewReader(bytes.NewReader(files[MistakesFile])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(lines[0], ","), "row,truth,predicted,probability,probability_of_truth,text"; got != want {
		t.Errorf("got head %q, want %q", got, want)
	}
	lines = lines[1:]
	if got, want := len(lines), result.Validation.Info().Rows-right; got != want || want == 0 {
		t.Fatalf("got %d mistakes, want %d: those of validation, and some", got, want)
	}
	last := 1.0
	batch := datasets.NewBatch(job.Data.Info(), 1)
	for _, l := range lines {
		row, err := strconv.Atoi(l[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := job.Data.Read(0, []int{row}, batch); err != nil {
			t.Fatal(err)
		}
		if got, want := l[1], names[highest(batch[1].Float32s())]; got != want || l[2] == want {
			t.Errorf("row %d: got truth %q taken for %q, want %q taken for another", row, got, l[2], want)
		}
		if got, want := l[5], datasets.Text(job.Data, row); got != want {
			t.Errorf("row %d: got text %q, want %q", row, got, want)
		}
		sure, err := strconv.ParseFloat(l[3], 64)
		if err != nil || sure > last || sure < 1/float64(len(names))-1e-4 {
			t.Errorf("row %d: got probability %q after %g, want the highest of a row, and falling", row, l[3], last)
		}
		last = sure
	}
	if size := decoded(t, ConfusionFile, files[ConfusionFile]).Bounds().Size(); size.X < 300 || size.Y < 300 {
		t.Errorf("got a confusion matrix of %v", size)
	}
	for _, want := range []string{"| class | rows | part | taken for it | precision | recall | F1 |", "| mean over the classes | 80 |", "| sports | ", "[mistakes.csv](mistakes.csv)"} {
		if !strings.Contains(text, want) {
			t.Errorf("report.md has no %q:\n%s", want, text)
		}
	}
	for file, again := range written(t, dir, job, result, "") {
		if !bytes.Equal(again, files[file]) {
			t.Errorf("%s differs when it is written again", file)
		}
	}
}

func TestVerdictsKeepTheSurestMistakes(t *testing.T) {
	var v verdicts
	const all = 5 * mostMistakes
	for i := range all {
		p := 0.51 + 0.4*float32(i*7919%all)/all
		v.add(i, 0, []float32{1 - p, p})
	}
	v.add(all, 1, []float32{0.1, 0.9})
	v.add(all+1, -1, []float32{0.1, 0.9})
	v.sort()
	if v.errors != all || v.count != all+1 || v.unlabelled != 1 || len(v.mistakes) != mostMistakes {
		t.Fatalf("got %d mistakes of %d rows, %d kept, %d of no class", v.errors, v.count, len(v.mistakes), v.unlabelled)
	}
	// Of all probabilities in even steps, the upper fifth.
	if got, want := float64(v.mistakes[mostMistakes-1].sure), 0.51+0.4*float64(all-mostMistakes)/all; math.Abs(got-want) > 1e-6 {
		t.Errorf("got %g as the least sure mistake kept, want %g", got, want)
	}
}

func TestHighestTakesTheFirstOfEqualOnes(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		list []float32
		want int
	}{
		"one": {[]float32{3}, 0}, "last": {[]float32{0, 1, 2}, 2}, "equal": {[]float32{0, 2, 2}, 1},
		"NaN is no class": {[]float32{nan, -1, nan}, 1}, "nothing but NaN": {[]float32{nan, nan}, 0},
	} {
		if got := highest(c.list); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// A network of one's own may be trained on anything: what its features do not fit is said, and the run is as good as any.
func TestATaskThatIsNotTheFeaturesIsSaid(t *testing.T) {
	spec := small("news", 40, map[string]string{"units": "4", "words": "30"})
	spec.Data = "news"
	for name, c := range map[string]struct {
		features features.Recipe
		want     string
	}{
		"other classes":  {features.Recipe{Task: features.TaskClassification, Classes: []string{"a", "b"}}, "one number for each of 2 classes"},
		"no classes":     {features.Recipe{Task: features.TaskClassification}, "they name no classes"},
		"rows not given": {features.Recipe{Task: features.TaskReconstruction}, "tensor(float)[8,4] for rows of [30] numbers"},
	} {
		job := prepare(t, spec)
		result := untrained(t, job, nil)
		job.Network.Features = &c.features
		files := written(t, save(t, job, result.Best), job, result, "")
		if text := string(files[trainers.ReportFile]); !strings.Contains(text, c.want) || !strings.Contains(text, "nothing to see beside the losses") {
			t.Errorf("%s: report.md has no %q:\n%s", name, c.want, text)
		}
		if len(files) != 2 {
			t.Errorf("%s: got %d files, want curves and report", name, len(files))
		}
	}
}
