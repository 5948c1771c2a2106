package reports

import (
	"context"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// ReconstructionsFile shows rows above what a network makes of them.
const ReconstructionsFile = "reconstructions.png"

// Pictures of a mosaic of rows.
const (
	mosaicColumns = 10
	mosaicBands   = 2
)

// reconstruction shows what an exported file that gives its input again makes of rows, and measures it on all of them.
func (r *run) reconstruction(ctx context.Context) (*findings, error) {
	field, at := r.data.Info().Field(datasets.FieldX)
	if at < 0 || field.Elem != onnx.Float {
		return nil, another("data %q has no field %q of floats", r.data.Info().Name, datasets.FieldX)
	}
	model, err := r.open(trainers.ModelFile)
	if err != nil {
		return nil, err
	}
	defer model.close()

	var made, given closeness
	var strips strips
	pictures := r.pictures(field)
	err = model.each(ctx, r.data, r.epoch, r.data.Info().Rows, max(1, r.job.Spec.BatchSize), func(s *shown) error {
		truth, output := s.fields[at].Float32s(), s.output.Float32s()
		if s.x == nil || len(output) != len(truth) {
			return another("the output is %v for rows of %v numbers", onnx.TypeOf(s.output), field.Dims)
		}
		made.add(output, truth)
		given.add(s.x.Float32s(), truth)
		for i := 0; pictures != nil && i < s.rows && strips.full < mosaicColumns*mosaicBands; i++ {
			strips.add(pictures, s.row(s.fields[at], i), s.row(s.x, i), s.row(s.output, i))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if made.count == 0 {
		return nil, fmt.Errorf("data %q has no rows to show", r.data.Info().Name)
	}
	noise := r.job.Network.Noise
	all := &findings{text: r.reconstructionText(made, given, pictures != nil)}
	if pictures != nil {
		caption := "Originals above what model.onnx makes of them"
		if noise > 0 {
			caption = fmt.Sprintf("Rows with noise of standard deviation %g, what model.onnx makes of them, and the originals", noise)
		}
		all.pictures = append(all.pictures, picture{ReconstructionsFile, caption + ", " + r.which(), strips.draw(r, noise > 0)})
	}
	if parts := r.latentParts(); parts != nil {
		latent, err := r.latent(ctx, parts, pictures)
		if err != nil {
			return nil, err
		}
		all.pictures = append(all.pictures, latent.pictures...)
		all.text += "\n" + latent.text
	}
	return all, nil
}

// pictures gives how rows of the field are pictures; nil where they are not.
func (r *run) pictures(f datasets.Field) *features.Image {
	if m := r.job.Network.Features.Image; m != nil && m.Len() == f.Len() {
		return m
	}
	return nil
}

// closeness sums up how near rows are to what they should be.
type closeness struct {
	entropy, square float64 // sums over the numbers
	count           int     // of numbers
	outside         bool    // there are numbers to be met that no probability is: cross-entropy says nothing
}

func (c *closeness) add(got, want []float32) {
	const least = 1e-7 // as the loss does, probabilities are kept from 0 and 1
	for i, t := range want {
		p, t := min(max(float64(got[i]), least), 1-least), float64(t)
		c.outside = c.outside || t < 0 || t > 1
		c.entropy -= t*math.Log(p) + (1-t)*math.Log(1-p)
		d := float64(got[i]) - t
		c.square += d * d
	}
	c.count += len(want)
}

func (c *closeness) cells() []string {
	n := float64(c.count)
	entropy := "–"
	if !c.outside {
		entropy = number(c.entropy / n)
	}
	return []string{entropy, number(c.square / n)}
}

func (r *run) reconstructionText(made, given closeness, pictures bool) string {
	info := r.data.Info()
	var s strings.Builder
	fmt.Fprintf(&s, "What `%s` makes of %d %s, run by the backend; means over all numbers", trainers.ModelFile, info.Rows, r.which())
	for _, d := range r.job.Network.Draws {
		if _, at := info.Field(d.Name); at < 0 {
			fmt.Fprintf(&s, ", with zeros for `%s`", d.Name)
		}
	}
	s.WriteString(".\n\n")
	t := table{head: []string{"held against the originals", "binary cross-entropy", "squared error"}}
	if noise := r.job.Network.Noise; noise > 0 {
		t.add(append([]string{fmt.Sprintf("with noise of %g", noise)}, given.cells()...)...)
		t.add(append([]string{"restored"}, made.cells()...)...)
	} else {
		t.add(append([]string{"reconstructions"}, made.cells()...)...)
	}
	s.WriteString(t.String())
	if !pictures {
		s.WriteString("\nRows of this data are no pictures, so there are none of reconstructions.\n")
	}
	return s.String()
}

// strips gathers pictures of rows: as they are, as the network got them, and what it made of them.
type strips struct {
	original, given, made []image.Image
	full                  int
}

func (s *strips) add(m *features.Image, original, given, made []float32) {
	at := mosaicScale(m)
	s.original = append(s.original, at.picture(m, original))
	s.given = append(s.given, at.picture(m, given))
	s.made = append(s.made, at.picture(m, made))
	s.full++
}

// draw lays the pictures out in bands: originals over reconstructions, or with noise over restored over originals. A last
// band that is not full is left out, where there are others.
func (s *strips) draw(r *run, noise bool) image.Image {
	m := &mosaic{title: fmt.Sprintf("%s on %s: %s", plain(r.job.Network.Name), plain(r.data.Info().Name), r.which()), band: 2}
	columns := min(mosaicColumns, s.full)
	if noise {
		m.band = 3
		m.title += fmt.Sprintf(", noise %g", r.job.Network.Noise)
	}
	add := func(name string, list []image.Image) {
		m.left, m.rows = append(m.left, name), append(m.rows, list)
	}
	for lo := 0; lo+columns <= s.full; lo += columns {
		hi := lo + columns
		if noise {
			add("noisy", s.given[lo:hi])
			add("restored", s.made[lo:hi])
			add("original", s.original[lo:hi])
			continue
		}
		add("original", s.original[lo:hi])
		add("reconstructed", s.made[lo:hi])
	}
	return m.draw()
}
