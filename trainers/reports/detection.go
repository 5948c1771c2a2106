package reports

import (
	"context"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/gonyx/gonyx/trainers/metrics"
)

// Pictures of a detector.
const (
	PredictionsFile     = "predictions.png"
	PrecisionRecallFile = "precision_recall.png"
	ConfusionFile       = "confusion_matrix.png"
)

const (
	shownRows    = 4    // of tiles on the sheet
	shownColumns = 4    // at most
	shownWidth   = 1900 // pixels of the sheet
	shownSide    = 192  // pixels that a small picture's longer side is brought to at most, by a whole factor: 3 for 64
	shownMost    = 448  // pixels that a large one's is brought down to
	matchIOU     = 0.5  // of a box that counts as found
)

// detection shows what a detector's exported file finds, and measures it on every row.
func (r *run) detection(ctx context.Context) (*findings, error) {
	recipe := r.job.Network.Features
	if field, at := r.data.Info().Field(datasets.FieldY); at < 0 || field.Len() != cells(recipe) {
		return nil, fmt.Errorf("data %q has no boxes of the network's grid to hold predictions against", r.data.Info().Name)
	}
	_, targets := r.data.Info().Field(datasets.FieldY)
	_, images := r.data.Info().Field(datasets.FieldX)
	if images < 0 {
		return nil, fmt.Errorf("data %q has no pictures", r.data.Info().Name)
	}
	model, err := r.open(trainers.ModelFile)
	if err != nil {
		return nil, err
	}
	defer model.close()

	found := metrics.NewDetections(recipe.Classes)
	at := newScale(recipe.Image)
	var tiles []tile
	err = model.each(ctx, r.data, r.epoch, r.data.Info().Rows, max(1, r.job.Spec.BatchSize), func(s *shown) error {
		for i := range s.rows {
			output, truth := s.row(s.output, i), s.row(s.fields[targets], i)
			if err := found.AddOutput(recipe, output, truth); err != nil {
				return err
			}
			if len(tiles) < shownRows*at.columns {
				t, err := at.beside(recipe, s.first+i, s.row(s.fields[images], i), output, truth)
				if err != nil {
					return err
				}
				tiles = append(tiles, t)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(tiles) == 0 {
		return nil, fmt.Errorf("data %q has no rows to show", r.data.Info().Name)
	}
	threshold := recipe.Detection.ScoreThreshold
	var confusion *metrics.Confusion // nil where no picture could show it; its size is the square of the classes
	if len(recipe.Classes) < mostConfusion {
		confusion = found.Confusion(threshold, matchIOU)
	}
	all := &findings{text: r.detectionText(found, confusion)}
	all.pictures = []picture{
		{PredictionsFile, fmt.Sprintf("Truth beside what model.onnx finds, %s", r.which()), (&sheet{
			title:   fmt.Sprintf("model.onnx on %s: boxes with a score of at least %g", r.which(), threshold),
			columns: at.columns, tiles: tiles}).draw()},
		{PrecisionRecallFile, fmt.Sprintf("Precision and recall of each class at an IOU of %g, %s", matchIOU, r.which()),
			precisionRecall(recipe.Classes, found, r.which())},
	}
	if confusion != nil {
		all.pictures = append(all.pictures, picture{ConfusionFile,
			fmt.Sprintf("What boxes with a score of at least %g take true ones for at an IOU of %g, %s", threshold, matchIOU, r.which()),
			confusionMatrix(confusion, true, fmt.Sprintf("Confusion of boxes of score ≥ %g: %s", threshold, r.which()))})
	}
	return all, nil
}

func cells(r *features.Recipe) int {
	n := 1
	for _, d := range r.Grid().TargetDims() {
		n *= int(d)
	}
	return n
}

// scale says how large the pictures of a sheet are.
type scale struct {
	shrink, enlarge int // whole factors, one of them 1
	columns         int // of tiles that a sheet has room for
}

func newScale(m *features.Image) scale {
	side := max(m.Width, m.Height)
	s := scale{shrink: (side + shownMost - 1) / shownMost, enlarge: max(1, shownSide/side)}
	pair := 2*m.Width*s.enlarge/s.shrink + sheetInner + sheetOuter
	s.columns = max(1, min(shownColumns, shownWidth/pair))
	return s
}

// beside draws a picture twice: with its true boxes, and with those of the network's output.
func (s scale) beside(r *features.Recipe, row int, x, output, truth []float32) (tile, error) {
	picture := shrink(r.Image.Picture(x), s.shrink)
	predicted, err := r.Detect(output, r.Image.Width, r.Image.Height)
	if err != nil {
		return tile{}, err
	}
	names := make([]string, len(r.Classes))
	for i, name := range r.Classes {
		names[i] = plain(name)
	}
	draw := func(boxes []features.Box) image.Image {
		scaled := make([]features.Box, len(boxes))
		for i, b := range boxes {
			f := float64(s.shrink)
			scaled[i] = features.Box{Class: b.Class, CX: b.CX / f, CY: b.CY / f, W: b.W / f, H: b.H / f, Score: b.Score}
		}
		return features.DrawEnlarged(picture, scaled, names, s.enlarge)
	}
	caption := "prediction"
	if len(predicted) == 0 {
		caption = "prediction: nothing"
	}
	return tile{
		pictures: []image.Image{draw(r.Grid().Objects(truth)), draw(predicted)},
		captions: []string{fmt.Sprintf("row %d: truth", row+1), caption},
	}, nil
}

// detectionText is the table of metrics; without a confusion it has average precision alone.
func (r *run) detectionText(found *metrics.Detections, confusion *metrics.Confusion) string {
	p := found.Precision()
	var s strings.Builder
	fmt.Fprintf(&s, "What `%s` finds in %d %s, run by the backend. AP is the average precision at an IOU of 0.5 and over 0.5 to 0.95, as COCO takes it",
		trainers.ModelFile, found.Pictures(), r.which())
	t := table{head: []string{"class", "objects", "AP50", "AP50–95"}}
	if confusion != nil {
		fmt.Fprintf(&s, ";\nprecision and recall are those of boxes with a score of at least %g, at an IOU of %g.\n\n",
			r.job.Network.Features.Detection.ScoreThreshold, matchIOU)
		t.head = append(t.head, "precision", "recall")
	} else {
		fmt.Fprintf(&s, ".\nThere is no confusion matrix: %d classes are more than a picture of it can show.\n\n", len(p.Classes))
	}
	objects := 0
	for i, c := range p.Classes {
		objects += c.Objects
		cells := []string{c.Name, fmt.Sprint(c.Objects), part(c.AP50), part(c.AP)}
		if confusion != nil {
			cells = append(cells, part(confusion.Precision(i)), part(confusion.Recall(i)))
		}
		t.add(cells...)
	}
	mean := []string{"mean over the classes", fmt.Sprint(objects), part(p.MAP50), part(p.MAP)}
	if confusion != nil {
		mean = append(mean, "", "")
	}
	t.add(mean...)
	s.WriteString(t.String())
	return s.String()
}

// part writes a figure from 0 to 1, a dash where there is none.
func part(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.3f", v)
}
