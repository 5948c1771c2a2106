package reports

import (
	"context"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
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
	shownPictures = 16
	shownSide     = 192 // pixels that a picture's longer side is brought to at most, by a whole factor; 3 for 64
	shownWidth    = 1700
	matchIOU      = 0.5 // of a box that counts as found
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
	model, err := r.open()
	if err != nil {
		return nil, err
	}
	defer model.close()

	found := metrics.NewDetections(recipe.Classes)
	var tiles []tile
	err = model.each(ctx, r.data, r.epoch, max(1, r.job.Spec.BatchSize), func(s *shown) error {
		for i := range s.rows {
			output, truth := s.row(s.output, i), s.row(s.fields[targets], i)
			if err := found.AddOutput(recipe, output, truth); err != nil {
				return err
			}
			if len(tiles) < shownPictures {
				t, err := beside(recipe, s.first+i, s.row(s.fields[images], i), output, truth)
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
	confusion := found.Confusion(threshold, matchIOU)
	width := 2*tiles[0].pictures[0].Bounds().Dx() + sheetInner + sheetOuter
	all := &findings{text: r.detectionText(found, confusion)}
	all.pictures = []picture{
		{PredictionsFile, fmt.Sprintf("Truth beside what model.onnx finds, %s", r.which()), (&sheet{
			title:   fmt.Sprintf("model.onnx on %s: boxes with a score of at least %g", r.which(), threshold),
			columns: max(1, min(4, shownWidth/width)), tiles: tiles}).draw()},
		{PrecisionRecallFile, fmt.Sprintf("Precision and recall of each class at an IOU of %g, %s", matchIOU, r.which()),
			precisionRecall(recipe.Classes, found, r.which())},
	}
	if len(confusion.Names) <= mostConfusion {
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

// beside draws a picture twice: with its true boxes, and with those of the network's output.
func beside(r *features.Recipe, row int, x, output, truth []float32) (tile, error) {
	picture := r.Image.Picture(x)
	side := max(r.Image.Width, r.Image.Height)
	smaller := max(1, side/(3*shownSide))
	enlarge := max(1, shownSide/side)
	picture = shrink(picture, smaller)
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
			f := float64(smaller)
			scaled[i] = features.Box{Class: b.Class, CX: b.CX / f, CY: b.CY / f, W: b.W / f, H: b.H / f, Score: b.Score}
		}
		return features.DrawEnlarged(picture, scaled, names, enlarge)
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

// detectionText is the table of metrics.
func (r *run) detectionText(found *metrics.Detections, confusion *metrics.Confusion) string {
	p := found.Precision()
	var s strings.Builder
	threshold := r.job.Network.Features.Detection.ScoreThreshold
	fmt.Fprintf(&s, "What `model.onnx` finds in %d %s, run by the backend. AP is the average precision at an IOU of 0.5 and over 0.5 to 0.95, as COCO takes it;\n"+
		"precision and recall are those of boxes with a score of at least %g, at an IOU of %g.\n\n", found.Pictures(), r.which(), threshold, matchIOU)
	t := table{head: []string{"class", "objects", "AP50", "AP50–95", "precision", "recall"}}
	objects := 0
	for i, c := range p.Classes {
		objects += c.Objects
		t.add(c.Name, fmt.Sprint(c.Objects), part(c.AP50), part(c.AP), part(confusion.Precision(i)), part(confusion.Recall(i)))
	}
	t.add("mean over the classes", fmt.Sprint(objects), part(p.MAP50), part(p.MAP), "", "")
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
