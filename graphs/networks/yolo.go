package networks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx/features"
)

// The humble YOLO: one pass over an image proposes, for every cell of a grid, a class and boxes (after Redmon et al., "You Only
// Look Once", 2016, at the size of the article's generated words).

func yolo() Network {
	return Network{
		Name:    "yolo",
		Summary: "one-pass detector of words in small images",
		Dataset: "words",
		Rows:    2000,
		Usual:   Data{X: []int64{3, 64, 64}, Y: []int64{4, 8}},
		Options: []Option{
			{"size", "64", "width and height of the image in pixels"},
			{"grid", "2", "cells along each side of the image"},
			{"boxes", "1", "boxes proposed for each cell"},
			{"words", "chat,rat", "class names, separated by commas"},
			{"filters1", "16", "maps of the first and third convolution"},
			{"filters2", "32", "maps of the second and fourth convolution"},
			{"units", "256", "units of the hidden dense layer"},
		},
		OfData: []string{"size", "grid", "words"},
		Build:  buildYOLO,
	}
}

type yoloSizes struct {
	losses.YOLOShape
	x                         []int64 // [channels, height, width]
	filters1, filters2, units int64
}

func buildYOLO(s *Settings, d Data) (*Instance, error) {
	if len(d.X) != 3 {
		return nil, fmt.Errorf("yolo: x is %v a row, want [channels, height, width]", d.X)
	}
	if len(d.Y) != 2 || d.Y[1] < 7 {
		return nil, fmt.Errorf("yolo: y is %v a row, want [cells, classes + 5] with two classes or more", d.Y)
	}
	f := features.Recipe{Task: features.TaskDetection}
	if d.Recipe != nil {
		f = *d.Recipe
	}
	z := yoloSizes{x: d.X}
	z.Classes = d.Y[1] - 5
	if d.X[1] != d.X[2] && s.Given("size") {
		s.Fail("--set size=%s contradicts the data, whose images are %d × %d", s.Str("size"), d.X[2], d.X[1])
	}
	s.Use("size", s.Agree("size", d.X[1]))
	if f.Detection != nil {
		z.Columns, z.Rows = int64(f.Detection.Columns), int64(f.Detection.Rows)
	} else {
		for z.Columns = 1; z.Columns*z.Columns < d.Y[0]; z.Columns++ {
		}
		z.Rows = z.Columns
	}
	if z.Columns*z.Rows != d.Y[0] {
		return nil, fmt.Errorf("yolo: y has %d cells a row, which is no square grid", d.Y[0])
	}
	s.Use("grid", s.Agree("grid", z.Columns))
	z.Boxes = s.Int("boxes", 1, 64)
	s.Use("boxes", z.Boxes)
	if f.Classes == nil {
		f.Classes = yoloClasses(s, z.Classes-1)
	} else if s.Given("words") && s.Str("words") != strings.Join(f.Classes, ",") {
		s.Fail("--set words=%s contradicts the data, whose classes are %s", s.Str("words"), strings.Join(f.Classes, ","))
	}
	s.Use("words", strings.Join(f.Classes, ","))
	z.filters1, z.filters2, z.units = s.Size("filters1"), s.Size("filters2"), s.Size("units")
	if err := s.Err(); err != nil {
		return nil, err
	}
	completeYOLO(&f, z)
	return z.instance(s, &f)
}

// yoloClasses gives names to classes that the data only numbers.
func yoloClasses(s *Settings, count int64) []string {
	names := strings.Split(s.Str("words"), ",")
	if int64(len(names)) == count {
		return names
	}
	if s.Given("words") {
		s.Fail("--set words=%s names %d classes, the data has %d", s.Str("words"), len(names), count)
	}
	names = make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("class%d", i)
	}
	return names
}

// completeYOLO fills in what data that is nothing but numbers does not say.
func completeYOLO(f *features.Recipe, z yoloSizes) {
	f.Task = features.TaskDetection
	f.Classes = slices.Clone(f.Classes)
	if f.Image == nil {
		f.Image = &features.Image{Width: int(z.x[2]), Height: int(z.x[1]), Channels: features.RGB, Scale: features.DefaultScale}
		if z.x[0] == 1 {
			f.Image.Channels = features.Gray
		}
	}
	d := features.Detection{ScoreThreshold: features.DefaultScoreThreshold, IOUThreshold: features.DefaultIOUThreshold}
	if f.Detection != nil {
		d = *f.Detection
	}
	d.Columns, d.Rows, d.BoxesPerCell = int(z.Columns), int(z.Rows), int(z.Boxes)
	f.Detection = &d
}

func (z yoloSizes) instance(s *Settings, f *features.Recipe) (*Instance, error) {
	i := &Instance{Name: "yolo", Features: f, Settings: s.Used(), targets: []int64{z.Columns * z.Rows, z.Classes + 5},
		Recipe: Recipe{Optimizer: "adam", Schedule: "cosine", Epochs: 20, BatchSize: 16}}
	return i, i.build("one-pass detector: pictures [batch, channels, height, width] in 0..1 to cells [batch, cells, classes + boxes·5]", z.x, z.network,
		func(in map[string]graphs.Value, y graphs.Value) losses.Loss {
			return losses.YOLO(z.YOLOShape, y, in["y"])
		})
}

// network is the article's. The comments give the shapes of its default: 64×64 images, a 2×2 grid, chat, rat and nothing.
func (z yoloSizes) network(x graphs.Value) graphs.Value { // [batch, 3, 64, 64]
	leaky := graphs.LeakyRelu(0.3)
	cells, cell := z.Columns*z.Rows, z.Classes+5*z.Boxes
	return graphs.Sequential(
		graphs.Conv2D("conv1", z.filters1, 1, graphs.Valid, nil),   // [batch, 16, 64, 64]
		graphs.Conv2D("conv2", z.filters2, 3, graphs.Valid, leaky), // [batch, 32, 62, 62]
		graphs.MaxPool2D("pool1", 2),                               // [batch, 32, 31, 31]
		graphs.Conv2D("conv3", z.filters1, 3, graphs.Valid, nil),   // [batch, 16, 29, 29]
		graphs.Conv2D("conv4", z.filters2, 3, graphs.Valid, leaky), // [batch, 32, 27, 27]
		graphs.MaxPool2D("pool2", 2),                               // [batch, 32, 13, 13]
		graphs.FlattenLayer("flatten"),                             // [batch, 5408]
		graphs.Dense("dense1", z.units, graphs.Sigmoid),            // [batch, 256]
		graphs.Dense("dense2", cells*cell, graphs.Sigmoid),         // [batch, 32]
		graphs.ReshapeLayer("cells", cells, cell),                  // [batch, 4, 8]
	)(x)
}
