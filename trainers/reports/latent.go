package reports

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// Pictures of a latent space.
const (
	LatentWalkFile      = "latent_walk.png"
	LatentQuantilesFile = "latent_quantiles.png"
	LatentScatterFile   = "latent_scatter.png"
	SamplesFile         = "samples.png"
)

const (
	walkSide    = 10   // points of the plane's walks, each way
	sampleCount = 5    // points drawn from N(0, I)
	mostPoints  = 5000 // of the scatter
)

// latentParts are the parts of a network with a latent space that is N(0, I): where an encoder gives z_mean and a decoder takes z.
type latentParts struct {
	encoder, decoder string // files
	dims             int    // of the latent space
}

func (r *run) latentParts() *latentParts {
	var p latentParts
	for _, part := range r.job.Network.Parts {
		g := part.Model.Graph
		switch {
		case part.Name == "encoder" && g.Outputs[0].Name == "z_mean":
			p.encoder = part.Name + ".onnx"
		case part.Name == "decoder" && g.Inputs[0].Name == "z":
			p.decoder, p.dims = part.Name+".onnx", int(rowLen(g.Inputs[0]))
		}
	}
	if p.encoder == "" || p.decoder == "" || p.dims < 1 {
		return nil
	}
	return &p
}

// latent shows the latent space by the exported encoder and decoder. Without pictures only the scatter is drawn.
func (r *run) latent(ctx context.Context, p *latentParts, m *features.Image) (*findings, error) {
	all := &findings{}
	var notes []string
	if m != nil {
		pictures, err := r.decoded(ctx, p, m)
		if err != nil {
			return nil, err
		}
		all.pictures = pictures
	}
	if p.dims != 2 {
		notes = append(notes, fmt.Sprintf("The latent space has %d dimensions: walks are drawn of planes alone.", p.dims))
	}
	points, err := r.encode(ctx, p)
	if err != nil {
		return nil, err
	}
	var s strings.Builder
	fmt.Fprintf(&s, "Where `%s` puts %d %s (`z_mean`). New points are drawn from N(0, I): they meet the less of the rows, the farther these lie from 0\nand the wider than 1 they spread.\n\n",
		p.encoder, points.count, r.which())
	s.WriteString(points.table().String())
	if p.dims > 1 {
		all.pictures = append(all.pictures, picture{LatentScatterFile, points.caption(r, p.dims), points.draw(r, p.dims)})
		if points.taken < points.count {
			notes = append(notes, fmt.Sprintf("`%s` shows one row of %d.", LatentScatterFile, points.every))
		}
		if points.note != "" {
			notes = append(notes, points.note)
		}
	} else {
		notes = append(notes, "A latent line has no plane to scatter rows on.")
	}
	if len(notes) > 0 {
		s.WriteString("\n" + strings.Join(notes, " ") + "\n")
	}
	all.text = s.String()
	return all, nil
}

// decoded draws what the decoder makes of points: the walks of a plane, and samples.
func (r *run) decoded(ctx context.Context, p *latentParts, m *features.Image) ([]picture, error) {
	decoder, err := r.open(p.decoder)
	if err != nil {
		return nil, err
	}
	defer decoder.close()
	var all []picture
	if p.dims == 2 {
		for _, w := range []struct {
			file, caption, title string
			at                   []float64
			digits               int
		}{
			{LatentWalkFile, "What decoder.onnx makes of a square of the latent plane, from -1 to 0.8 each way", "decoded walk from -1 to 0.8", evenSteps(), 1},
			{LatentQuantilesFile, "What decoder.onnx makes of the quantiles of N(0, I), from 5 % to 95 % each way", "decoded quantiles of N(0, 1), 5 % to 95 %", quantiles(), 2},
		} {
			walk := &mosaic{title: fmt.Sprintf("%s on %s: %s", plain(r.job.Network.Name), plain(r.data.Info().Name), w.title), down: "z1", across: "z2"}
			z := onnx.NewTensor(onnx.Float, walkSide*walkSide, 2)
			for i, a := range w.at {
				label := fmt.Sprintf("%.*f", w.digits, a)
				walk.left, walk.top = append(walk.left, label), append(walk.top, label)
				for j, b := range w.at {
					k := 2 * (i*walkSide + j)
					z.Float32s()[k], z.Float32s()[k+1] = float32(a), float32(b)
				}
			}
			made, err := decoder.draw(ctx, z, m)
			if err != nil {
				return nil, err
			}
			walk.rows = slices.Collect(slices.Chunk(made, walkSide))
			all = append(all, picture{w.file, w.caption, walk.draw()})
		}
	}
	z := onnx.NewTensor(onnx.Float, sampleCount, int64(p.dims))
	sampleNormal(z.Float32s(), r.job.Spec.Seed)
	made, err := decoder.draw(ctx, z, m)
	if err != nil {
		return nil, err
	}
	sheet := &mosaic{title: fmt.Sprintf("%s on %s: samples", plain(r.job.Network.Name), plain(r.data.Info().Name)), left: []string{"z ~ N(0, I)"}, rows: [][]image.Image{made}}
	for i := 0; p.dims == 2 && i < sampleCount; i++ {
		sheet.top = append(sheet.top, fmt.Sprintf("%.2f, %.2f", z.Float32s()[2*i], z.Float32s()[2*i+1]))
	}
	caption := fmt.Sprintf("What decoder.onnx makes of %d points drawn from N(0, I)", sampleCount)
	return append(all, picture{SamplesFile, caption, sheet.draw()}), nil
}

// draw decodes points to pictures.
func (e *exported) draw(ctx context.Context, z *onnx.Tensor, m *features.Image) ([]image.Image, error) {
	rows := int(z.Dims[0])
	out, err := e.run(ctx, []onnx.Value{z}, rows)
	if err != nil {
		return nil, err
	}
	if out.Len() != rows*m.Len() {
		return nil, fmt.Errorf("%s: output is %v, want %d numbers a picture", e.path, onnx.TypeOf(out), m.Len())
	}
	var made []image.Image
	for x := range slices.Chunk(out.Float32s(), m.Len()) {
		made = append(made, mosaicScale(m).picture(m, x))
	}
	return made, nil
}

// evenSteps are -1 to 0.8 in steps of 0.2.
func evenSteps() []float64 {
	at := make([]float64, walkSide)
	for i := range at {
		at[i] = float64(2*i-10) / 10
	}
	return at
}

// quantiles are those of N(0, 1) at 5, 15, … 95 %.
func quantiles() []float64 {
	at := make([]float64, walkSide)
	for i := range at {
		p := (float64(i) + 0.5) / walkSide
		at[i] = math.Sqrt2 * math.Erfinv(2*p-1)
	}
	return at
}

// sampleNormal draws from N(0, 1), by the seed.
func sampleNormal(into []float32, seed uint64) {
	var key [32]byte
	copy(key[:], "latent samples")
	binary.LittleEndian.PutUint64(key[24:], seed)
	random := rand.New(rand.NewChaCha8(key))
	for i := range into {
		into[i] = float32(random.NormFloat64())
	}
}

// points are rows in latent space.
type points struct {
	at           [][]float32 // of the rows shown
	labels       []int       // beside them: numbers of names; nil where the data has none
	names        []string
	count        int // of all rows
	taken, every int // rows shown: one of so many
	sum, square  []float64
	note         string
}

// encode gives the means that the encoder finds for the rows.
func (r *run) encode(ctx context.Context, p *latentParts) (*points, error) {
	encoder, err := r.open(p.encoder)
	if err != nil {
		return nil, err
	}
	defer encoder.close()
	info := r.data.Info()
	all := &points{sum: make([]float64, p.dims), square: make([]float64, p.dims), every: (info.Rows + mostPoints - 1) / mostPoints}
	labels := newLabels(info)
	var numbers []int64
	err = encoder.each(ctx, r.data, r.epoch, info.Rows, max(1, r.job.Spec.BatchSize), func(s *shown) error {
		if s.output.Len() != s.rows*p.dims {
			return fmt.Errorf("output is %v, want %d numbers a row", onnx.TypeOf(s.output), p.dims)
		}
		for i := range s.rows {
			z := s.row(s.output, i)
			for k, v := range z {
				all.sum[k] += float64(v)
				all.square[k] += float64(v) * float64(v)
			}
			all.count++
			if (s.first+i)%all.every == 0 {
				all.at = append(all.at, slices.Clone(z))
				numbers = append(numbers, labels.of(s, i))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all.taken = len(all.at)
	if labels != nil {
		all.label(numbers, labels)
	}
	return all, nil
}

// table says where the rows are as a whole.
func (p *points) table() *table {
	t := &table{head: []string{"latent dimension", "mean", "standard deviation"}}
	const most = 16
	for k := range p.sum {
		if k == most {
			t.add("…", "", "")
			break
		}
		mean := p.sum[k] / float64(p.count)
		t.add(fmt.Sprintf("z%d", k+1), fmt.Sprintf("%.3f", mean), fmt.Sprintf("%.3f", math.Sqrt(max(0, p.square[k]/float64(p.count)-mean*mean))))
	}
	return t
}

// labels reads what the data calls a row.
type labels struct {
	field   int
	classes []string // nil where the data has no names
}

// newLabels gives nil where the data has no labels: a field y of one whole number a row.
func newLabels(info datasets.Info) *labels {
	f, at := info.Field(datasets.FieldY)
	if at < 0 || f.Elem != onnx.Int64 || f.Len() != 1 {
		return nil
	}
	l := &labels{field: at}
	if info.Recipe != nil {
		l.classes = info.Recipe.Classes
	}
	return l
}

// of gives a row's label.
func (l *labels) of(s *shown, row int) int64 {
	if l == nil {
		return 0
	}
	return s.fields[l.field].Int64s()[row]
}

// mostLabels is how many labels a scatter tells apart.
const mostLabels = 2 * len(lineInks)

// label names the points.
func (p *points) label(numbers []int64, l *labels) {
	known := slices.Compact(slices.Sorted(slices.Values(numbers)))
	if len(known) > mostLabels {
		p.note = fmt.Sprintf("Its points have one colour: %d different labels are more than colours can tell apart.", len(known))
		return
	}
	for _, n := range known {
		name := fmt.Sprint(n)
		if n >= 0 && n < int64(len(l.classes)) {
			name = l.classes[n]
		}
		p.names = append(p.names, name)
	}
	for _, n := range numbers {
		at, _ := slices.BinarySearch(known, n)
		p.labels = append(p.labels, at)
	}
}
