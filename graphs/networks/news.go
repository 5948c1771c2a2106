package networks

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx/features"
)

// The news classifier: a bag of words in, a probability for each category out.

func news() Network {
	return Network{
		Name:    "news",
		Summary: "classifier of short texts by their words",
		Dataset: "news",
		Rows:    2000,
		Usual:   Data{X: []int64{10000}, Y: []int64{4}},
		Options: []Option{
			{"units", "512", "units of the hidden layer"},
		},
		Build: buildNews,
	}
}

func buildNews(s *Settings, d Data) (*Instance, error) {
	classes, numbers := int64(0), d.Y != nil && len(d.Y) == 0 // a row of y is a number for each class, or the number of its class
	switch {
	case numbers && d.Recipe != nil:
		classes = int64(len(d.Recipe.Classes))
	case len(d.Y) == 1:
		classes = d.Y[0]
	}
	if len(d.X) != 1 || classes < 2 {
		return nil, fmt.Errorf("news: x is %v and y %v a row, want [words] and [categories], or the number of a category; two categories or more", d.X, d.Y)
	}
	words, units := d.X[0], s.Size("units")
	if err := s.Err(); err != nil {
		return nil, err
	}
	f := features.Recipe{}
	if d.Recipe != nil {
		f = *d.Recipe
	}
	f.Task = features.TaskClassification
	if f.Classes == nil {
		for i := range classes {
			f.Classes = append(f.Classes, fmt.Sprintf("class%d", i))
		}
	}
	i := &Instance{Name: "news", Settings: s.Used(), Features: &f,
		Recipe: Recipe{Optimizer: "adam", Schedule: "constant", Epochs: 3, BatchSize: 32}}
	network := graphs.Sequential( // [batch, 10000]
		graphs.Dense("dense1", units, graphs.Relu),      // [batch, 512]
		graphs.Dense("dense2", classes, graphs.Softmax), // [batch, 4]
	)
	i.targets = []int64{classes}
	if numbers {
		i.targets = []int64{}
	}
	return i, i.build("classifier: TF-IDF rows [batch, words] to probabilities [batch, categories]", []int64{words}, network,
		func(in map[string]graphs.Value, y graphs.Value) losses.Loss {
			truth := in["y"]
			if numbers {
				truth = truth.OneHot(classes)
			}
			return losses.CategoricalCrossEntropy(y, truth)
		})
}
