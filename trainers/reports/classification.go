package reports

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
	"github.com/gonyx/gonyx/trainers/metrics"
)

// MistakesFile has the rows that a classifier is wrong about, the surest first.
const MistakesFile = "mistakes.csv"

const (
	mostCounted  = 1000 // classes that are counted against each other: memory is the square
	mostMistakes = 1000 // in the file
	fewMistakes  = 8    // in the report
	mistakeText  = 160  // letters of a text in the report
)

// mistake is a row that was taken for another class.
type mistake struct {
	row            int // of the data shown
	truth, taken   int
	sure, forTruth float32 // probabilities of what it was taken for, and of what it is
}

// verdicts are what an exported classifier makes of rows.
type verdicts struct {
	confusion     *metrics.Confusion // nil where there are too many classes
	right, wrong  float64            // sums of the probabilities of what rows were taken for
	count, errors int
	unlabelled    int       // rows that are of no class
	mistakes      []mistake // the surest first; the most are mostMistakes
}

// classification measures an exported classifier on every row.
func (r *run) classification(ctx context.Context) (*findings, error) {
	names := r.job.Network.Features.Classes
	info := r.data.Info()
	field, at := info.Field(datasets.FieldY)
	if len(names) == 0 {
		return nil, another("they name no classes")
	}
	oneHot := field.Elem == onnx.Float && field.Len() == len(names)
	if at < 0 || !oneHot && (field.Elem != onnx.Int64 || field.Len() != 1) {
		return nil, another("data %q has no field %q of one number for each of %d classes, or of class numbers", info.Name, datasets.FieldY, len(names))
	}
	model, err := r.open(trainers.ModelFile)
	if err != nil {
		return nil, err
	}
	defer model.close()
	v := &verdicts{}
	if len(names) <= mostCounted {
		v.confusion = metrics.NewConfusion(names)
	}
	err = model.each(ctx, r.data, r.epoch, info.Rows, max(1, r.job.Spec.BatchSize), func(s *shown) error {
		if s.output.Len() != s.rows*len(names) {
			return another("the output is %v and has no number for each of %d classes", onnx.TypeOf(s.output), len(names))
		}
		for i := range s.rows {
			truth := -1
			if oneHot {
				if y := s.row(s.fields[at], i); y[highest(y)] > 0 {
					truth = highest(y)
				}
			} else if n := s.fields[at].Int64s()[i]; n >= 0 && n < int64(len(names)) {
				truth = int(n)
			}
			v.add(s.first+i, truth, s.row(s.output, i))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if v.count == 0 {
		return nil, another("data %q has no rows that are of a class", info.Name)
	}
	all := &findings{text: r.classificationText(v, names)}
	if v.confusion != nil && len(names) <= mostConfusion {
		title := fmt.Sprintf("%s on %s: %s", plain(r.job.Network.Name), plain(info.Name), r.which())
		all.pictures = append(all.pictures, picture{ConfusionFile, "What model.onnx takes classes for, " + r.which(),
			confusionMatrix(v.confusion, false, title)})
	}
	all.tables = []file{{MistakesFile, func(w io.Writer) error { return r.writeMistakes(w, v.mistakes, names) }}}
	return all, nil
}

// highest gives the place of the highest number, the first of equal ones; NaN is lower than all.
func highest(list []float32) int {
	best := 0
	for i, v := range list {
		if v > list[best] || list[best] != list[best] && v == v {
			best = i
		}
	}
	return best
}

func (v *verdicts) add(row, truth int, scores []float32) {
	if truth < 0 {
		v.unlabelled++
		return
	}
	taken := highest(scores)
	v.count++
	if v.confusion != nil {
		v.confusion.Add(truth, taken)
	}
	if taken == truth {
		v.right += float64(scores[taken])
		return
	}
	v.errors++
	v.wrong += float64(scores[taken])
	v.mistakes = append(v.mistakes, mistake{row, truth, taken, scores[taken], scores[truth]})
	if len(v.mistakes) > 2*mostMistakes {
		v.sort()
	}
}

// sort brings the surest mistakes to the front and forgets those beyond the most.
func (v *verdicts) sort() {
	slices.SortFunc(v.mistakes, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(b.sure, a.sure), cmp.Compare(a.forTruth, b.forTruth), cmp.Compare(a.row, b.row))
	})
	v.mistakes = v.mistakes[:min(len(v.mistakes), mostMistakes)]
}

func (r *run) classificationText(v *verdicts, names []string) string {
	v.sort()
	var s strings.Builder
	fmt.Fprintf(&s, "What `%s` makes of %d %s, run by the backend: %d are right, an accuracy of %s.", trainers.ModelFile, v.count, r.which(),
		v.count-v.errors, part(float64(v.count-v.errors)/float64(v.count)))
	if v.unlabelled > 0 {
		fmt.Fprintf(&s, " %d rows are of no class and not counted.", v.unlabelled)
	}
	if v.errors > 0 && v.errors < v.count {
		fmt.Fprintf(&s, "\nThe class that a row is taken for has a probability of %s on the average where that is right, and of %s where it is wrong.",
			part(v.right/float64(v.count-v.errors)), part(v.wrong/float64(v.errors)))
	}
	s.WriteString("\n\n")
	if v.confusion == nil {
		fmt.Fprintf(&s, "%d classes are more than are counted one by one: at most %d.\n\n", len(names), mostCounted)
	} else {
		s.WriteString(classTable(v.confusion).String() + "\n")
		if len(names) > mostConfusion {
			fmt.Fprintf(&s, "There is no confusion matrix: %d classes are more than a picture of it can show.\n\n", len(names))
		}
	}
	fmt.Fprintf(&s, "[%s](%s) has the mistakes, the surest first", MistakesFile, MistakesFile)
	if v.errors > mostMistakes {
		fmt.Fprintf(&s, " (%d of %d)", mostMistakes, v.errors)
	}
	s.WriteString(".")
	if len(v.mistakes) == 0 {
		s.WriteString(" There are none.\n")
		return s.String()
	}
	s.WriteString(" The first of them:\n\n")
	t := table{head: []string{"row", "truth", "taken for", "probability", "of the truth"}}
	texts := datasets.HasTexts(r.data)
	if texts {
		t.head = append(t.head, "text")
	}
	for _, m := range v.mistakes[:min(fewMistakes, len(v.mistakes))] {
		cells := []string{strconv.Itoa(datasets.Origin(r.data, m.row)), names[m.truth], names[m.taken], part(float64(m.sure)), part(float64(m.forTruth))}
		if texts {
			text := datasets.Text(r.data, m.row)
			if letters := []rune(text); len(letters) > mistakeText {
				text = string(letters[:mistakeText-1]) + "…"
			}
			cells = append(cells, text)
		}
		t.add(cells...)
	}
	s.WriteString(t.String())
	return s.String()
}

// classTable has the classes, those with the most rows first.
func classTable(c *metrics.Confusion) *table {
	n := len(c.Names)
	rows, taken := make([]int, n), make([]int, n)
	order := make([]int, n)
	total := c.Total()
	for i := range n {
		order[i] = i
		for j, v := range c.Counts[i] {
			rows[i] += v
			taken[j] += v
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b], rows[a]) })
	t := &table{head: []string{"class", "rows", "part", "taken for it", "precision", "recall", "F1"}}
	var precision, recall, f1 mean
	for _, i := range order {
		precision.add(c.Precision(i))
		recall.add(c.Recall(i))
		f1.add(c.F1(i))
		t.add(c.Names[i], fmt.Sprint(rows[i]), fmt.Sprintf("%.1f %%", 100*float64(rows[i])/float64(total)), fmt.Sprint(taken[i]),
			part(c.Precision(i)), part(c.Recall(i)), part(c.F1(i)))
	}
	t.add("mean over the classes", fmt.Sprint(total), "", "", part(precision.value()), part(recall.value()), part(f1.value()))
	return t
}

// mean is that of the figures that there are.
type mean struct {
	sum   float64
	count int
}

func (m *mean) add(v float64) {
	if !math.IsNaN(v) {
		m.sum += v
		m.count++
	}
}

func (m *mean) value() float64 {
	if m.count == 0 {
		return math.NaN()
	}
	return m.sum / float64(m.count)
}

// writeMistakes writes a line a mistake. row counts from 0 over the data set, held out or not.
func (r *run) writeMistakes(w io.Writer, list []mistake, names []string) error {
	out := csv.NewWriter(w)
	head := []string{"row", "truth", "predicted", "probability", "probability_of_truth"}
	texts := datasets.HasTexts(r.data)
	if texts {
		head = append(head, "text")
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, m := range list {
		cells := []string{strconv.Itoa(datasets.Origin(r.data, m.row)), names[m.truth], names[m.taken],
			fmt.Sprintf("%.4f", m.sure), fmt.Sprintf("%.4f", m.forTruth)}
		if texts {
			cells = append(cells, datasets.Text(r.data, m.row))
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
