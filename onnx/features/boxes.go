package features

import (
	"cmp"
	"math"
	"slices"
)

// Box is an object in a picture, or what a network takes for one. Centre and size are in pixels of the picture.
type Box struct {
	Class  int // index into the class names
	CX, CY float64
	W, H   float64
	Score  float64 // 0..1; 1 for what is true. A prediction's is the cell's class score times the box's confidence.
}

// IOU gives the area that two boxes share over the area that they cover together: 0 where they are apart, 1 where they
// are the same. Classes do not matter. Two boxes without area have 0.
func IOU(a, b Box) float64 {
	shared := overlap(a.CX, a.W, b.CX, b.W) * overlap(a.CY, a.H, b.CY, b.H)
	if shared <= 0 {
		return 0
	}
	return shared / (a.W*a.H + b.W*b.H - shared)
}

// overlap gives the length that two intervals of these centres and widths share, 0 where there is none.
func overlap(c1, w1, c2, w2 float64) float64 {
	return max(0, min((w1+w2)/2-math.Abs(c1-c2), w1, w2))
}

// Suppress drops every box that a better box of its class overlaps with an IOU above the threshold (non-maximum
// suppression). What is left comes in falling order of score; of equals the one given first counts as the better.
func Suppress(boxes []Box, threshold float64) []Box {
	sorted := slices.Clone(boxes)
	slices.SortStableFunc(sorted, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
	kept := sorted[:0:0]
	for _, b := range sorted {
		if !slices.ContainsFunc(kept, func(k Box) bool { return k.Class == b.Class && IOU(k, b) > threshold }) {
			kept = append(kept, b)
		}
	}
	return kept
}
