package metrics

import (
	"cmp"
	"math"
	"slices"

	"github.com/gonyx/gonyx/onnx/features"
)

// Background names what is no object in a [Confusion] of detections.
const Background = "background"

// Detections collects the boxes predicted in pictures and the true ones, and measures them as COCO does: a prediction is
// right where its IOU with a true box of its class reaches a threshold; each true box counts once, for the prediction of
// the highest score, which takes the one it overlaps most. Every prediction counts, however low its score: a box's score
// is its class score times its confidence.
type Detections struct {
	names    []string
	pictures []picture
}

type picture struct{ predicted, truth []features.Box }

// NewDetections starts a collection for classes of these names.
func NewDetections(names []string) *Detections { return &Detections{names: names} }

// Add takes the boxes of one picture. Scores must be numbers and classes have names.
func (d *Detections) Add(predicted, truth []features.Box) {
	d.pictures = append(d.pictures, picture{byScore(predicted), slices.Clone(truth)})
}

// AddOutput takes a network's output for one picture, [cells, classes + none + 5·boxes], and its target, [cells, classes
// + none + 5]: every box of the output, each object once by the recipe's IOU threshold. It fails where the output is not
// one of the recipe's grid; a target that is not is a programmer's mistake.
func (d *Detections) AddOutput(r *features.Recipe, output, target []float32) error {
	proposed, err := r.Propose(output)
	if err != nil {
		return err
	}
	d.Add(proposed, r.Grid().Objects(target))
	return nil
}

// Pictures counts the pictures collected.
func (d *Detections) Pictures() int { return len(d.pictures) }

// Objects counts the true boxes of a class.
func (d *Detections) Objects(class int) (n int) {
	for _, p := range d.pictures {
		for _, b := range p.truth {
			if b.Class == class {
				n++
			}
		}
	}
	return n
}

func byScore(boxes []features.Box) []features.Box {
	sorted := slices.Clone(boxes)
	slices.SortStableFunc(sorted, func(a, b features.Box) int { return cmp.Compare(b.Score, a.Score) })
	return sorted
}

// verdict is a prediction's score and whether it is right.
type verdict struct {
	score float64
	right bool
}

// verdicts judges every prediction of a class, in falling order of score.
func (d *Detections) verdicts(class int, iou float64) []verdict {
	var all []verdict
	for _, p := range d.pictures {
		taken := make([]bool, len(p.truth))
		for _, b := range p.predicted {
			if b.Class != class {
				continue
			}
			best, at := iou, -1
			for i, t := range p.truth {
				if v := features.IOU(b, t); t.Class == class && !taken[i] && (v > best || at < 0 && v == best) {
					best, at = v, i
				}
			}
			if at >= 0 {
				taken[at] = true
			}
			all = append(all, verdict{b.Score, at >= 0})
		}
	}
	slices.SortStableFunc(all, func(a, b verdict) int { return cmp.Compare(b.score, a.score) })
	return all
}

// CurvePoint is precision and recall where every prediction from a score on counts.
type CurvePoint struct{ Score, Precision, Recall float64 }

// Curve gives the precision-recall curve of a class at an IOU threshold, a point a prediction, in falling order of score
// and so in rising order of recall. Without true boxes of the class there is none.
func (d *Detections) Curve(class int, iou float64) []CurvePoint {
	objects := d.Objects(class)
	if objects == 0 {
		return nil
	}
	var curve []CurvePoint
	right := 0
	for i, v := range d.verdicts(class, iou) {
		if v.right {
			right++
		}
		curve = append(curve, CurvePoint{v.score, float64(right) / float64(i+1), float64(right) / float64(objects)})
	}
	return curve
}

// recallPoints is how many recalls from 0 to 1 average precision looks at.
const recallPoints = 101

// AveragePrecision gives the area under the precision-recall curve of a class at an IOU threshold, as COCO takes it: the
// mean over 101 recalls from 0 to 1 of the highest precision reached at that recall or a higher one, 0 where none is.
// NaN without true boxes of the class.
func (d *Detections) AveragePrecision(class int, iou float64) float64 {
	curve := d.Curve(class, iou)
	if d.Objects(class) == 0 {
		return math.NaN()
	}
	for i := len(curve) - 2; i >= 0; i-- {
		curve[i].Precision = max(curve[i].Precision, curve[i+1].Precision)
	}
	sum, at := 0.0, 0
	for i := range recallPoints {
		recall := float64(i) / (recallPoints - 1)
		for at < len(curve) && curve[at].Recall < recall {
			at++
		}
		if at < len(curve) {
			sum += curve[at].Precision
		}
	}
	return sum / recallPoints
}

// IOUThresholds gives COCO's ten: 0.5, 0.55, … 0.95.
func IOUThresholds() []float64 {
	t := make([]float64, 10)
	for i := range t {
		t[i] = float64(50+5*i) / 100
	}
	return t
}

// ClassPrecision is the average precision of one class.
type ClassPrecision struct {
	Name    string
	Objects int     // true boxes
	AP50    float64 // at an IOU of 0.5; NaN without objects
	AP      float64 // mean over an IOU of 0.5 to 0.95; NaN without objects
}

// Precision is the average precision of a collection.
type Precision struct {
	MAP50   float64 // mean of AP50 over the classes that have objects; NaN without any
	MAP     float64 // mean of AP over the classes that have objects; NaN without any
	Classes []ClassPrecision
}

// Precision measures the collection.
func (d *Detections) Precision() Precision {
	var p Precision
	counted := 0
	for class, name := range d.names {
		c := ClassPrecision{Name: name, Objects: d.Objects(class), AP50: d.AveragePrecision(class, 0.5)}
		for _, iou := range IOUThresholds() {
			c.AP += d.AveragePrecision(class, iou)
		}
		c.AP /= float64(len(IOUThresholds()))
		if c.Objects > 0 {
			counted++
			p.MAP50 += c.AP50
			p.MAP += c.AP
		}
		p.Classes = append(p.Classes, c)
	}
	p.MAP50 /= float64(counted) // without objects 0/0: NaN
	p.MAP /= float64(counted)
	return p
}

// Confusion counts what predictions from a score on take true boxes for, whatever their class. Pairs whose IOU reaches the
// threshold are matched, those of the highest IOU first, each box once. A true box without a match was taken for
// background; a prediction without one is background taken for its class.
func (d *Detections) Confusion(score, iou float64) *Confusion {
	names := append(slices.Clone(d.names), Background)
	c := NewConfusion(names)
	background := len(d.names)
	for _, p := range d.pictures {
		shown := p.predicted[:0:0]
		for _, b := range p.predicted {
			if b.Score >= score {
				shown = append(shown, b)
			}
		}
		takenFor := matches(shown, p.truth, iou)
		used := make([]bool, len(shown))
		for i, t := range p.truth {
			if at := takenFor[i]; at >= 0 {
				used[at] = true
				c.Add(t.Class, shown[at].Class)
			} else {
				c.Add(t.Class, background)
			}
		}
		for i, b := range shown {
			if !used[i] {
				c.Add(background, b.Class)
			}
		}
	}
	return c
}

// matches gives for each true box the prediction it is matched with, or -1.
func matches(predicted, truth []features.Box, iou float64) []int {
	type pair struct {
		predicted, truth int
		iou              float64
	}
	var pairs []pair
	for i, b := range predicted {
		for j, t := range truth {
			if v := features.IOU(b, t); v >= iou && v > 0 {
				pairs = append(pairs, pair{i, j, v})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.iou, a.iou) })
	matched, used := make([]int, len(truth)), make([]bool, len(predicted))
	for i := range matched {
		matched[i] = -1
	}
	for _, p := range pairs {
		if matched[p.truth] < 0 && !used[p.predicted] {
			matched[p.truth], used[p.predicted] = p.predicted, true
		}
	}
	return matched
}
