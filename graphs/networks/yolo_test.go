package networks

import (
	"testing"

	"github.com/gonyx/gonyx/graphs"
)

func buildDefault(t *testing.T, set map[string]string, d Data) *Instance {
	t.Helper()
	n, err := Find("yolo")
	if err != nil {
		t.Fatal(err)
	}
	i, err := n.Build(NewSettings(n.Options, set), d)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestYOLOHasTheArticlesParameters(t *testing.T) {
	i := buildDefault(t, nil, Data{X: []int64{3, 64, 64}, Y: []int64{4, 8}})
	total := int64(0)
	for _, p := range i.Model.Parameters {
		n := int64(1)
		for _, d := range p.Dims {
			n *= d
		}
		total += n
	}
	// 3·16+16, 16·32·9+32, 32·16·9+16, 16·32·9+32, 5408·256+256, 256·32+32
	if want := int64(64 + 4640 + 4624 + 4640 + 1384704 + 8224); total != want {
		t.Errorf("got %d parameters, want %d", total, want)
	}
	s, err := graphs.Summarize(i.Model.Graph)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + s.String())
}
