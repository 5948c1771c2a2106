package networks

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
)

// TestNew: a network of one's own has the inputs that its data has, and says what is wrong with it.
func TestNew(t *testing.T) {
	dense := graphs.Dense("dense", 3, graphs.Sigmoid)
	for name, c := range map[string]struct {
		data    Data
		network graphs.Layer
		inputs  string
		want    string // of an error
	}{
		"with targets":      {Data{X: []int64{2}, Y: []int64{3}}, dense, "x y", ""},
		"against its input": {Data{X: []int64{3}}, dense, "x", ""},
		"of another size":   {Data{X: []int64{2}}, dense, "", "Sub"},
		"without data":      {Data{}, dense, "", "the shape of a row of x"},
		"layers do not fit": {Data{X: []int64{2}}, graphs.Conv2D("conv", 2, 3, graphs.Same, nil), "", "own"},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := New("own", c.data, c.network, losses.MeanSquaredError)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want an error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var inputs []string
			for _, v := range i.Training.Graph.Inputs {
				inputs = append(inputs, v.Name)
			}
			if got := strings.Join(inputs, " "); got != c.inputs {
				t.Errorf("got inputs %q, want %q", got, c.inputs)
			}
			if got := i.Model.Graph.Outputs[0].Name; got != "y" {
				t.Errorf("got output %q, want y", got)
			}
		})
	}
}
