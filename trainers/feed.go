package trainers

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// feed turns a data set's rows into batches for the training graph's inputs.
type feed struct {
	data    datasets.Dataset
	info    datasets.Info
	sources []source // for each input
	size    int
	seed    uint64
	order   bool // shuffle
	noise   float64
	stream  string // of what is drawn: training rows and held-out rows have their own
}

// source is where an input comes from.
type source struct {
	field int     // of the data set; -1: drawn from N(0, 1)
	clean bool    // the field without the noise that the network's x has
	noisy bool    // the field with noise
	name  string  // of the input
	dims  []int64 // of a row, as the network takes it
}

// batch is what one step runs on.
type batch struct {
	inputs []*onnx.Tensor
	rows   int
	memory []*onnx.Tensor // what the inputs lie in
	err    error
}

// The streams of what a feed draws.
const (
	trainStream   = "training"
	heldOutStream = "held out"
)

func newFeed(net *networks.Instance, data datasets.Dataset, o Options, stream string) (*feed, error) {
	f := &feed{data: data, info: data.Info(), size: o.BatchSize, seed: o.Seed, order: !o.NoShuffle, noise: net.Noise, stream: stream}
	for _, v := range net.Training.Graph.Inputs {
		s := source{name: v.Name}
		for _, d := range v.Type.Dims[1:] {
			s.dims = append(s.dims, d.Value)
		}
		name := net.Field(v.Name)
		if name == networks.CleanInput {
			name, s.clean = datasets.FieldX, true
		}
		s.noisy = name == datasets.FieldX && !s.clean && net.Noise > 0
		var field datasets.Field
		if field, s.field = f.info.Field(name); s.field < 0 {
			if !slices.ContainsFunc(net.Draws, func(d networks.Draw) bool { return d.Name == name }) {
				return nil, fmt.Errorf("data %q has no field %q, which network %q needs; it has %s", f.info.Name, name, net.Name, fieldNames(f.info))
			}
		} else if field.Elem != v.Type.Elem || int64(field.Len()) != rowLen(s.dims) {
			// Rows of as many numbers in another shape are taken: a picture feeds a network that wants its pixels in a line.
			return nil, fmt.Errorf("field %q of data %q is %v%v a row, network %q needs %v", name, f.info.Name, field.Elem, field.Dims, net.Name, v.Type)
		}
		f.sources = append(f.sources, s)
	}
	return f, nil
}

func rowLen(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

func fieldNames(info datasets.Info) string {
	var names []string
	for _, f := range info.Fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// newMemory makes room for a batch: the data set's fields, then the inputs that lie in none of them.
func (f *feed) newMemory(rows int) []*onnx.Tensor {
	memory := datasets.NewBatch(f.info, rows)
	for _, s := range f.sources {
		if s.field < 0 || s.noisy {
			memory = append(memory, onnx.NewTensor(onnx.Float, append([]int64{int64(rows)}, s.dims...)...))
		}
	}
	return memory
}

// read makes the inputs for rows of an epoch in memory that newMemory gave.
func (f *feed) read(epoch int, rows []int, memory []*onnx.Tensor) ([]*onnx.Tensor, error) {
	into := firstRows(memory, len(rows))
	fields := len(f.info.Fields)
	if err := f.data.Read(epoch, rows, into[:fields]); err != nil {
		return nil, fmt.Errorf("data %q: epoch %d: %w", f.info.Name, epoch+1, err)
	}
	own := into[fields:]
	inputs := make([]*onnx.Tensor, len(f.sources))
	for i, s := range f.sources {
		if s.field < 0 || s.noisy {
			t := own[0]
			own = own[1:]
			f.draw(s, epoch, rows, t.Float32s())
			if s.noisy {
				addNoise(t.Float32s(), into[s.field].Float32s(), f.noise)
			}
			inputs[i] = t
			continue
		}
		c := *into[s.field]
		c.Dims = append([]int64{int64(len(rows))}, s.dims...)
		inputs[i] = &c
	}
	return inputs, nil
}

// addNoise makes noise of deviation 1 into rows with noise of a deviation, kept within 0..1.
func addNoise(noise, clean []float32, deviation float64) {
	for k, n := range noise {
		noise[k] = min(max(clean[k]+float32(deviation)*n, 0), 1)
	}
}

// Noisy gives rows of x with the noise that validation adds for a network with such a [networks.Instance] Noise: it depends on the seed,
// the epoch and the row's number alone. x is left as it is.
func Noisy(x *onnx.Tensor, deviation float64, seed uint64, epoch int, rows []int) *onnx.Tensor {
	f := feed{seed: seed, stream: heldOutStream}
	t := onnx.NewTensor(onnx.Float, x.Dims...)
	f.draw(source{name: datasets.FieldX}, epoch, rows, t.Float32s())
	addNoise(t.Float32s(), x.Float32s(), deviation)
	return t
}

// draw fills rows with numbers from N(0, 1) that depend on the seed, the stream, the input, the epoch and the row alone.
func (f *feed) draw(s source, epoch int, rows []int, into []float32) {
	size := len(into) / max(len(rows), 1)
	h := fnv.New64a()
	h.Write([]byte(f.stream + "/" + s.name))
	for i, r := range rows {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[0:], h.Sum64())
		binary.LittleEndian.PutUint64(key[8:], f.seed)
		binary.LittleEndian.PutUint64(key[16:], uint64(epoch))
		binary.LittleEndian.PutUint64(key[24:], uint64(r))
		random := rand.New(rand.NewChaCha8(key))
		row := into[i*size : (i+1)*size]
		for k := range row {
			row[k] = float32(random.NormFloat64())
		}
	}
}

// rowOrder gives the order of an epoch's rows: a permutation that depends on the seed and the epoch alone.
func (f *feed) rowOrder(epoch int) []int {
	order := make([]int, f.info.Rows)
	for i := range order {
		order[i] = i
	}
	if !f.order {
		return order
	}
	var key [32]byte
	copy(key[:], "order of rows")
	binary.LittleEndian.PutUint64(key[16:], f.seed)
	binary.LittleEndian.PutUint64(key[24:], uint64(epoch))
	random := rand.New(rand.NewChaCha8(key))
	for i := len(order) - 1; i > 0; i-- {
		j := int(random.Uint64N(uint64(i + 1)))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// batchStream reads batches one ahead of the step that runs.
type batchStream struct {
	ready chan batch
	free  chan []*onnx.Tensor
	quit  chan struct{}
	last  []*onnx.Tensor // memory of the batch given last
}

// batches reads an epoch from a step on. stop must be called.
func (f *feed) batches(epoch, from int) *batchStream {
	const ahead = 2
	s := &batchStream{ready: make(chan batch), free: make(chan []*onnx.Tensor, ahead+1), quit: make(chan struct{})}
	for range ahead {
		s.free <- f.newMemory(f.size)
	}
	order := f.rowOrder(epoch)
	go func() {
		for lo := from * f.size; lo < len(order); lo += f.size {
			var memory []*onnx.Tensor
			select {
			case memory = <-s.free:
			case <-s.quit:
				return
			}
			rows := order[lo:min(lo+f.size, len(order))]
			b := batch{rows: len(rows), memory: memory}
			b.inputs, b.err = f.read(epoch, rows, memory)
			select {
			case s.ready <- b:
			case <-s.quit:
				return
			}
		}
	}()
	return s
}

// next gives the next batch; the one before may be overwritten from now on.
func (s *batchStream) next() (batch, error) {
	if s.last != nil {
		s.free <- s.last
	}
	b := <-s.ready
	s.last = b.memory
	return b, b.err
}

func (s *batchStream) stop() { close(s.quit) }

// firstRows sees the first n rows of tensors made for more.
func firstRows(memory []*onnx.Tensor, n int) []*onnx.Tensor {
	rows := make([]*onnx.Tensor, len(memory))
	for i, t := range memory {
		dims := slices.Clone(t.Dims)
		size := len(t.Data) / int(max(dims[0], 1))
		dims[0] = int64(n)
		rows[i] = &onnx.Tensor{Name: t.Name, Type: t.Type, Dims: dims, Data: t.Data[:n*size]}
	}
	return rows
}

// each reads all rows in order, a batch at a time, and hands on the inputs.
func (f *feed) each(epoch int, do func(inputs []*onnx.Tensor, rows []int) error) error {
	memory := f.newMemory(min(f.size, max(f.info.Rows, 1)))
	for lo := 0; lo < f.info.Rows; lo += f.size {
		rows := make([]int, min(f.size, f.info.Rows-lo))
		for i := range rows {
			rows[i] = lo + i
		}
		inputs, err := f.read(epoch, rows, memory)
		if err != nil {
			return err
		}
		if err := do(inputs, rows); err != nil {
			return err
		}
	}
	return nil
}
