package datasets

// HeldOut gives as many rows of a data set that is generated, of which training with the same seed sees none; they are those that [Split]
// holds out. False where rows are not generated.
func HeldOut(d Dataset, rows int) (Dataset, bool) {
	g, ok := d.(generated)
	if !ok {
		return nil, false
	}
	return g.HeldOut(rows), true
}
