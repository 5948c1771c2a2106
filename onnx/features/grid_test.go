package features

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/gonyx/gonyx/onnx/rows"
)

// shared finds a folder of data that stands beside the repository, or skips the test.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	root := os.Getenv("GONYX_SHARED")
	for dir := ".."; root == "" && len(dir) < 40; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared")
		}
	}
	found := filepath.Join(append([]string{root}, path...)...)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("needs %s beside the repository: set GONYX_SHARED", filepath.Join(path...))
	}
	return found
}

func wordGrid() Grid { return Grid{Columns: 2, Rows: 2, Boxes: 1, Classes: 2, Width: 64, Height: 64} }

func TestEncodeLaysBoxesIntoCells(t *testing.T) {
	g := wordGrid()
	boxes := []Box{ // the example of the article, cell by cell
		{Class: 1, CX: 14, CY: 22, W: 18, H: 10, Score: 1},
		{Class: 0, CX: 35, CY: 23, W: 24, H: 10, Score: 1},
		{Class: 0, CX: 52, CY: 35, W: 24, H: 10, Score: 1},
	}
	y := make([]float32, 4*8)
	if lost := g.Encode(boxes, y); lost != nil {
		t.Errorf("got %v without a place, want none", lost)
	}
	want := []float32{
		0, 1, 0, 14. / 32, 22. / 32, 18. / 64, 10. / 64, 1,
		1, 0, 0, 3. / 32, 23. / 32, 24. / 64, 10. / 64, 1,
		0, 0, 1, 0.5, 0.5, 0.5, 0.5, 0,
		1, 0, 0, 20. / 32, 3. / 32, 24. / 64, 10. / 64, 1,
	}
	if !slices.Equal(y, want) {
		t.Errorf("got %v, want %v", y, want)
	}
	if got := g.Objects(y); !reflect.DeepEqual(got, boxes) {
		t.Errorf("got %v, want %v", got, boxes)
	}
}

func TestEncodeReportsWhatFindsNoPlace(t *testing.T) {
	g := wordGrid()
	first := Box{Class: 0, CX: 10, CY: 10, W: 4, H: 4, Score: 1}
	cases := map[string]struct {
		second Box
		lost   bool
	}{
		"the same cell":               {Box{Class: 1, CX: 31, CY: 31, W: 4, H: 4}, true},
		"the next cell":               {Box{Class: 1, CX: 32, CY: 31, W: 4, H: 4}, false},
		"right of the picture":        {Box{Class: 1, CX: 65, CY: 31, W: 4, H: 4}, true},
		"above the picture":           {Box{Class: 1, CX: 40, CY: -1, W: 4, H: 4}, true},
		"nowhere":                     {Box{Class: 1, CX: math.NaN(), CY: 3, W: 4, H: 4}, true},
		"the picture's lower corner":  {Box{Class: 1, CX: 64, CY: 64, W: 4, H: 4}, false},
		"a box larger than the image": {Box{Class: 1, CX: 40, CY: 40, W: 400, H: 400}, false},
	}
	for name, c := range cases {
		y := make([]float32, 4*8)
		lost := g.Encode([]Box{first, c.second}, y)
		if got := len(lost) == 1; got != c.lost {
			t.Errorf("%s: got %v without a place, want %v", name, lost, c.lost)
		}
		if got, want := len(g.Objects(y)), 2-len(lost); got != want {
			t.Errorf("%s: got %d objects in the target, want %d", name, got, want)
		}
	}
}

func TestEncodeAfterObjectsIsTheIdentityOnForeignTargets(t *testing.T) {
	arrays, err := rows.ReadNPZFile(shared(t, "parity", "yolo-adam", "batches.npz"), 0)
	if err != nil {
		t.Fatal(err)
	}
	g := wordGrid()
	for _, a := range arrays {
		if a.Name != "y" {
			continue
		}
		all := a.Float32s()
		for at := 0; at < len(all); at += 32 {
			want, got := all[at:at+32], make([]float32, 32)
			if lost := g.Encode(g.Objects(want), got); lost != nil || !slices.Equal(got, want) {
				t.Fatalf("picture %d: got %v, want %v, %v lost", at/32, got, want, lost)
			}
		}
		return
	}
	t.Error("got no array y, want one")
}

func TestDecodeReadsClassesAndBoxes(t *testing.T) {
	g := Grid{Columns: 2, Rows: 1, Boxes: 2, Classes: 2, Width: 100, Height: 40}
	nan := float32(math.NaN())
	y := []float32{
		0.2, 0.8, 0.9, 0.5, 0.5, 0.1, 0.5, 0.5, 0, 1, 0.2, 0.25, 1, // none is higher than both and does not count
		0.6, 0.4, 0.0, 1, 0, 1, 1, 0.1, 0.5, nan, 0.5, 0.5, 1,
	}
	want := []Box{
		{Class: 1, CX: 25, CY: 20, W: 10, H: 20, Score: 0.4},
		{Class: 1, CX: 0, CY: 40, W: 20, H: 10, Score: 0.8},
		{Class: 0, CX: 100, CY: 0, W: 100, H: 40, Score: 0.06},
	}
	got := g.Decode(y, 0)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i, w := range want {
		b := got[i]
		off := math.Abs(b.CX-w.CX) + math.Abs(b.CY-w.CY) + math.Abs(b.W-w.W) + math.Abs(b.H-w.H) + math.Abs(b.Score-w.Score)
		if b.Class != w.Class || off > 1e-5 {
			t.Errorf("got %+v, want %+v", b, w)
		}
	}
	if got := g.Decode(y, 0.5); len(got) != 1 || got[0].CX != 0 {
		t.Errorf("at a threshold of 0.5: got %v, want the second box", got)
	}
}

func TestDecodeAfterEncodeKeepsEveryBox(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := Grid{Columns: 1 + random.IntN(5), Rows: 1 + random.IntN(5), Boxes: 1, Classes: 1 + random.IntN(4),
			Width: 20 + random.IntN(100), Height: 20 + random.IntN(100)}
		var boxes []Box
		for range 6 {
			boxes = append(boxes, Box{Class: random.IntN(g.Classes), CX: random.Float64() * float64(g.Width),
				CY: random.Float64() * float64(g.Height), W: 1 + 30*random.Float64(), H: 1 + 30*random.Float64(), Score: 1})
		}
		y := make([]float32, g.Cells()*(g.Classes+6))
		lost := g.Encode(boxes, y)
		got := g.Objects(y)
		if len(got)+len(lost) != len(boxes) {
			t.Fatalf("%+v: got %d boxes and %d lost, want %d together", g, len(got), len(lost), len(boxes))
		}
		for _, b := range got {
			if !slices.ContainsFunc(boxes, func(o Box) bool { return o.Class == b.Class && IOU(o, b) > 0.9999 }) {
				t.Errorf("%+v: got %+v, which is none of %v", g, b, boxes)
			}
		}
	}
}

func TestDetectScalesToThePicture(t *testing.T) {
	r := wordRecipe() // 64 × 48, a grid of 2 × 3
	g := r.Grid()
	y := make([]float32, g.Cells()*8)
	g.Encode([]Box{{Class: 1, CX: 48, CY: 24, W: 24, H: 12}}, y)
	want := []Box{{Class: 1, CX: 480, CY: 120, W: 240, H: 60, Score: 1}}
	if got, err := r.Detect(y, 640, 240); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if all, err := r.Propose(y); err != nil || len(all) != g.Cells() {
		t.Errorf("got %v, %v, want a box for each cell", all, err)
	}
	for name, y := range map[string][]float32{"nothing": nil, "a number too many": make([]float32, len(y)+1)} {
		_, detected := r.Detect(y, 640, 240)
		_, proposed := r.Propose(y)
		if detected == nil || proposed == nil {
			t.Errorf("%s: got %v and %v, want errors", name, detected, proposed)
		}
	}
}
