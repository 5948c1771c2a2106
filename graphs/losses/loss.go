package losses

import "github.com/gonyx/gonyx/graphs"

// Loss is what training makes small.
type Loss struct {
	Total graphs.Value // float scalar: the mean over the batch's rows
	Terms []Term       // what it is the sum of, each with its weight, where there is more than one
}

// Term is a part of a loss that is reported by itself, such as "position".
type Term struct {
	Name  string
	Value graphs.Value // float scalar
}

// sum adds terms up.
func sum(terms ...Term) Loss {
	total := terms[0].Value
	for _, t := range terms[1:] {
		total = total.Add(t.Value)
	}
	return Loss{Total: total, Terms: terms}
}

// batchMean sums each row's elements and averages over the rows: v [batch, …] of a known rank.
func batchMean(v graphs.Value) graphs.Value {
	rank := len(v.Dims())
	if rank > 1 {
		axes := make([]int64, rank-1)
		for i := range axes {
			axes[i] = int64(i + 1)
		}
		v = v.ReduceSum(axes...)
	}
	return v.ReduceMean()
}
