package metrics

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gonyx/gonyx/onnx/features"
)

// box is a square of ten pixels.
func box(class int, cx, score float64) features.Box {
	return features.Box{Class: class, CX: cx, CY: 50, W: 10, H: 10, Score: score}
}

// scene makes pictures with boxes found well, badly, twice, under another class, not at all, and where nothing is.
func scene() (predicted, truth [][]features.Box) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var t, p []features.Box
		for range random.IntN(5) {
			b := features.Box{Class: random.IntN(3), CX: 100 * random.Float64(), CY: 100 * random.Float64(),
				W: 10 + 20*random.Float64(), H: 10 + 20*random.Float64(), Score: 1}
			t = append(t, b)
			for range random.IntN(3) {
				o := b
				o.CX += 6 * (random.Float64() - 0.5)
				o.CY += 6 * (random.Float64() - 0.5)
				o.W *= 0.8 + 0.4*random.Float64()
				o.H *= 0.8 + 0.4*random.Float64()
				o.Score = random.Float64()
				if random.IntN(6) == 0 {
					o.Class = random.IntN(3)
				}
				p = append(p, o)
			}
		}
		for range random.IntN(2) {
			p = append(p, features.Box{Class: random.IntN(3), CX: 50, CY: 50, W: 20, H: 20, Score: random.Float64()})
		}
		predicted, truth = append(predicted, p), append(truth, t)
	}
	return predicted, truth
}

// The figures are those of COCOeval, pycocotools 2.0.11, on the same boxes.
func TestPrecisionIsCOCOs(t *testing.T) {
	predicted, truth := scene()
	d := NewDetections([]string{"a", "b", "c"})
	for i := range predicted {
		d.Add(predicted[i], truth[i])
	}
	got := d.Precision()
	want := Precision{MAP50: 0.41212168, MAP: 0.146551, Classes: []ClassPrecision{
		{"a", 36, 0.42910359161732137, 0.1353071594695581},
		{"b", 45, 0.5253258167868691, 0.19888888160633855},
		{"c", 30, 0.2819356345797919, 0.10545695188847379}}}
	near := func(a, b, by float64) bool { return math.Abs(a-b) <= by }
	if !near(got.MAP50, want.MAP50, 5e-9) || !near(got.MAP, want.MAP, 5e-7) {
		t.Errorf("got %v and %v, want %v and %v", got.MAP50, got.MAP, want.MAP50, want.MAP)
	}
	for i, w := range want.Classes {
		g := got.Classes[i]
		if g.Name != w.Name || g.Objects != w.Objects || !near(g.AP50, w.AP50, 1e-12) || !near(g.AP, w.AP, 1e-12) {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
}

func TestAveragePrecision(t *testing.T) {
	type picture struct{ predicted, truth []features.Box }
	cases := map[string]struct {
		pictures []picture
		iou      float64
		want     float64
	}{
		"all found": {[]picture{{[]features.Box{box(0, 20, 0.9)}, []features.Box{box(0, 20, 1)}}}, 0.5, 1},
		"half of them found: precision 1 at recalls 0 to 0.5": {
			[]picture{{[]features.Box{box(0, 20, 0.9)}, []features.Box{box(0, 20, 1), box(0, 70, 1)}}}, 0.5, 51. / 101},
		"a wrong one first: precision one half at every recall": {
			[]picture{{[]features.Box{box(0, 80, 0.9), box(0, 20, 0.8)}, []features.Box{box(0, 20, 1)}}}, 0.5, 0.5},
		"a wrong one last costs nothing": {
			[]picture{{[]features.Box{box(0, 80, 0.1), box(0, 20, 0.8)}, []features.Box{box(0, 20, 1)}}}, 0.5, 1},
		"found twice: the second is wrong, and behind all": {
			[]picture{{[]features.Box{box(0, 20, 0.9), box(0, 21, 0.8)}, []features.Box{box(0, 20, 1)}}}, 0.5, 1},
		"found twice before the other: precision 1 up to one half, then two thirds": {
			[]picture{{[]features.Box{box(0, 20, 0.9), box(0, 21, 0.8), box(0, 70, 0.7)},
				[]features.Box{box(0, 20, 1), box(0, 70, 1)}}}, 0.5, (51 + 50*2./3) / 101},
		"the order runs over pictures": {
			[]picture{{[]features.Box{box(0, 20, 0.2)}, []features.Box{box(0, 20, 1)}},
				{[]features.Box{box(0, 20, 0.9)}, nil}}, 0.5, 0.5},
		"just at the threshold, IOU 1/3": {[]picture{{[]features.Box{box(0, 25, 0.9)}, []features.Box{box(0, 20, 1)}}}, 1. / 3, 1},
		"just above the threshold":       {[]picture{{[]features.Box{box(0, 25, 0.9)}, []features.Box{box(0, 20, 1)}}}, 0.34, 0},
		"another class":                  {[]picture{{[]features.Box{box(1, 20, 0.9)}, []features.Box{box(0, 20, 1)}}}, 0.5, 0},
		"nothing predicted":              {[]picture{{nil, []features.Box{box(0, 20, 1)}}}, 0.5, 0},
		"nothing there":                  {[]picture{{[]features.Box{box(0, 20, 0.9)}, nil}}, 0.5, math.NaN()},
		"the better of two true boxes is taken": {
			[]picture{{[]features.Box{box(0, 22, 0.9), box(0, 20, 0.8)}, []features.Box{box(0, 20, 1), box(0, 22, 1)}}}, 0.5, 1},
	}
	for name, c := range cases {
		d := NewDetections([]string{"chat", "rat"})
		for _, p := range c.pictures {
			d.Add(p.predicted, p.truth)
		}
		got := d.AveragePrecision(0, c.iou)
		if math.IsNaN(got) != math.IsNaN(c.want) || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestPrecisionLeavesOutClassesWithoutObjects(t *testing.T) {
	d := NewDetections([]string{"chat", "rat"})
	if p := d.Precision(); !math.IsNaN(p.MAP50) || !math.IsNaN(p.MAP) {
		t.Errorf("without pictures: got %v and %v, want NaN", p.MAP50, p.MAP)
	}
	d.Add([]features.Box{box(0, 20, 0.9), box(1, 70, 0.9)}, []features.Box{box(0, 20, 1)})
	p := d.Precision()
	if p.MAP50 != 1 || p.MAP != 1 || !math.IsNaN(p.Classes[1].AP50) || p.Classes[1].Objects != 0 {
		t.Errorf("got %+v, want 1 and 1 of chat alone", p)
	}
}

func TestPrecisionOverThresholds(t *testing.T) {
	d := NewDetections([]string{"chat"})
	d.Add([]features.Box{box(0, 21, 0.9)}, []features.Box{box(0, 20, 1)}) // IOU 9/11 = 0.818: right at 0.5 to 0.8
	if p := d.Precision(); p.MAP50 != 1 || math.Abs(p.MAP-0.7) > 1e-12 {
		t.Errorf("got %v and %v, want 1 and 0.7", p.MAP50, p.MAP)
	}
}

func TestCurve(t *testing.T) {
	d := NewDetections([]string{"chat"})
	d.Add([]features.Box{box(0, 70, 0.5), box(0, 20, 0.75), box(0, 95, 0.25)}, []features.Box{box(0, 20, 1), box(0, 95, 1)})
	want := []CurvePoint{{0.75, 1, 0.5}, {0.5, 0.5, 0.5}, {0.25, 2. / 3, 1}}
	if got := d.Curve(0, 0.5); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDetectionsConfusion(t *testing.T) {
	d := NewDetections([]string{"chat", "rat"})
	d.Add([]features.Box{
		box(0, 20, 0.9),  // right
		box(0, 50, 0.8),  // a rat
		box(1, 90, 0.7),  // nothing there
		box(1, 20, 0.29), // below the score
	}, []features.Box{box(0, 20, 1), box(1, 51, 1), box(0, 120, 1)})
	d.Add([]features.Box{box(1, 22, 0.5), box(1, 21, 0.4)}, []features.Box{box(1, 21, 1)}) // the closer one, and one too many
	got := d.Confusion(0.3, 0.5)
	want := [][]int{
		{1, 0, 1},
		{1, 1, 0},
		{0, 2, 0},
	}
	if !reflect.DeepEqual(got.Counts, want) || got.Names[2] != Background {
		t.Errorf("got %v of %v, want %v", got.Counts, got.Names, want)
	}
}

func TestAddOutputOfAPerfectNetwork(t *testing.T) {
	r := &features.Recipe{
		Task: features.TaskDetection, Classes: []string{"chat", "rat"},
		Image: &features.Image{Width: 64, Height: 64, Channels: features.RGB, Scale: features.DefaultScale},
		Detection: &features.Detection{Columns: 2, Rows: 2, BoxesPerCell: 1,
			ScoreThreshold: features.DefaultScoreThreshold, IOUThreshold: features.DefaultIOUThreshold},
	}
	d := NewDetections(r.Classes)
	y := make([]float32, 32)
	r.Grid().Encode([]features.Box{{Class: 0, CX: 10, CY: 10, W: 24, H: 10}, {Class: 1, CX: 40, CY: 50, W: 18, H: 10}}, y)
	if err := d.AddOutput(r, y, y); err != nil {
		t.Fatal(err)
	}
	if err := d.AddOutput(r, y[1:], y); err == nil {
		t.Error("an output of another size: got no error, want one")
	}
	if p := d.Precision(); p.MAP50 != 1 || p.MAP != 1 || d.Pictures() != 1 {
		t.Errorf("got %+v of %d pictures, want 1 and 1 of one", p, d.Pictures())
	}
}
