package features

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// ClassNames gives the different labels in the order in which they become class numbers: by value where all are whole
// numbers, else by their characters.
func ClassNames(labels []string) []string {
	set := make(map[string]bool)
	numbers := true
	for _, l := range labels {
		if !set[l] {
			set[l] = true
			n, err := strconv.ParseInt(l, 10, 64)
			numbers = numbers && err == nil && strconv.FormatInt(n, 10) == l
		}
	}
	names := slices.Sorted(maps.Keys(set))
	if numbers {
		slices.SortFunc(names, func(a, b string) int {
			x, _ := strconv.ParseInt(a, 10, 64)
			y, _ := strconv.ParseInt(b, 10, 64)
			return cmp.Compare(x, y)
		})
	}
	return names
}

// OneHot writes 1 at the class's number and 0 elsewhere.
func OneHot(dst []float32, class int) {
	clear(dst)
	dst[class] = 1
}

// Scored is a class with the score that a model gives it.
type Scored struct {
	Class int // index into the class names
	Score float32
}

// Best gives the n classes of the highest scores, the highest first, ties by number. NaN counts as the lowest of all.
func Best(scores []float32, n int) []Scored {
	all := make([]Scored, len(scores))
	for i, s := range scores {
		all[i] = Scored{i, s}
	}
	slices.SortStableFunc(all, func(a, b Scored) int { return cmp.Compare(b.Score, a.Score) })
	return all[:min(max(n, 0), len(all))]
}
