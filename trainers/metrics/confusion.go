package metrics

import "math"

// Confusion counts what was taken for what.
type Confusion struct {
	Names  []string // of the classes; of a detection the last is "background": no object there
	Counts [][]int  // [what it is][what it was taken for]
}

// NewConfusion makes counts of zero.
func NewConfusion(names []string) *Confusion {
	c := &Confusion{Names: names, Counts: make([][]int, len(names))}
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(names))
	}
	return c
}

// Add counts one row.
func (c *Confusion) Add(truth, predicted int) { c.Counts[truth][predicted]++ }

// Total counts the rows.
func (c *Confusion) Total() (n int) {
	for _, row := range c.Counts {
		for _, v := range row {
			n += v
		}
	}
	return n
}

// Accuracy gives the part of rows that were taken for what they are; NaN without rows.
func (c *Confusion) Accuracy() float64 {
	right := 0
	for i := range c.Counts {
		right += c.Counts[i][i]
	}
	return ratio(right, c.Total())
}

// Precision gives the part of what was taken for the class that is of it; NaN where nothing was.
func (c *Confusion) Precision(class int) float64 {
	taken := 0
	for i := range c.Counts {
		taken += c.Counts[i][class]
	}
	return ratio(c.Counts[class][class], taken)
}

// Recall gives the part of the class that was taken for it; NaN where nothing is of the class.
func (c *Confusion) Recall(class int) float64 {
	there := 0
	for _, v := range c.Counts[class] {
		there += v
	}
	return ratio(c.Counts[class][class], there)
}

// F1 gives the harmonic mean of precision and recall: twice what is right over all that is there and all that was taken
// for it; NaN where both are nothing.
func (c *Confusion) F1(class int) float64 {
	sum := 0
	for i := range c.Counts {
		sum += c.Counts[i][class] + c.Counts[class][i]
	}
	return ratio(2*c.Counts[class][class], sum)
}

// MacroF1 gives the mean of F1 over the classes that are there or were taken for; NaN without rows.
func (c *Confusion) MacroF1() float64 {
	sum, n := 0.0, 0
	for class := range c.Counts {
		if f := c.F1(class); !math.IsNaN(f) {
			sum += f
			n++
		}
	}
	return sum / float64(n) // without classes 0/0: NaN
}

func ratio(a, b int) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}
