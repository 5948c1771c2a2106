package datasets

// part is a data set whose rows are another's.
type part interface {
	// whole gives the data set and the number of the row there.
	whole(row int) (Dataset, int)
}

func (v *view) whole(row int) (Dataset, int) { return v.of, v.rows[row] }

// origin follows a row to the data set that made it.
func origin(d Dataset, row int) (Dataset, int) {
	for {
		p, ok := d.(part)
		if !ok {
			return d, row
		}
		d, row = p.whole(row)
	}
}

// Origin gives the number, from 0, that a row of a part of a data set has in the whole, as [Split], [Subset] and [First] take parts.
func Origin(d Dataset, row int) int {
	_, row = origin(d, row)
	return row
}

// texter is a data set that keeps the texts that its rows are made of.
type texter interface {
	// Text gives the text of a row.
	Text(row int) string
}

// HasTexts says whether a data set keeps the texts that its rows are made of.
func HasTexts(d Dataset) bool {
	for {
		p, ok := d.(part)
		if !ok {
			break
		}
		if d.Info().Rows == 0 {
			return false
		}
		d, _ = p.whole(0)
	}
	_, ok := d.(texter)
	return ok
}

// Text gives the text that a row was made of; empty where the data set does not keep it, see [HasTexts].
func Text(d Dataset, row int) string {
	d, row = origin(d, row)
	if t, ok := d.(texter); ok {
		return t.Text(row)
	}
	return ""
}
