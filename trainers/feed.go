package trainers

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs/networks"
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/trainers/datasets"
)

// feed turns a data set's rows into batches for the training graph's inputs.
type feed struct {
	data   datasets.Dataset
	info   datasets.Info
	fields []int // field of the data set for each input
	size   int
	seed   uint64
	order  bool // shuffle
}

// batch is what one step runs on.
type batch struct {
	inputs []*onnx.Tensor
	rows   int
	memory []*onnx.Tensor // what the inputs lie in
	err    error
}

func newFeed(net *networks.Instance, data datasets.Dataset, o Options) (*feed, error) {
	f := &feed{data: data, info: data.Info(), size: o.BatchSize, seed: o.Seed, order: !o.NoShuffle}
	for _, v := range net.Training.Graph.Inputs {
		field, at := f.info.Field(v.Name)
		if at < 0 {
			return nil, fmt.Errorf("data %q has no field %q, which network %q needs; it has %s", f.info.Name, v.Name, net.Name, fieldNames(f.info))
		}
		if field.Elem != v.Type.Elem || len(field.Dims)+1 != len(v.Type.Dims) {
			return nil, fmt.Errorf("field %q of data %q is %v%v a row, network %q needs %v", v.Name, f.info.Name, field.Elem, field.Dims, net.Name, v.Type)
		}
		for i, d := range field.Dims {
			if want := v.Type.Dims[i+1]; want.Known() && want.Value != d {
				return nil, fmt.Errorf("field %q of data %q is %v%v a row, network %q needs %v", v.Name, f.info.Name, field.Elem, field.Dims, net.Name, v.Type)
			}
		}
		f.fields = append(f.fields, at)
	}
	return f, nil
}

func fieldNames(info datasets.Info) string {
	var names []string
	for _, f := range info.Fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
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
		s.free <- datasets.NewBatch(f.info, f.size)
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
			into := firstRows(memory, len(rows))
			if err := f.data.Read(epoch, rows, into); err != nil {
				b.err = fmt.Errorf("data %q: epoch %d: %w", f.info.Name, epoch+1, err)
			}
			for _, at := range f.fields {
				b.inputs = append(b.inputs, into[at])
			}
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
	memory := datasets.NewBatch(f.info, min(f.size, max(f.info.Rows, 1)))
	for lo := 0; lo < f.info.Rows; lo += f.size {
		rows := make([]int, min(f.size, f.info.Rows-lo))
		for i := range rows {
			rows[i] = lo + i
		}
		into := firstRows(memory, len(rows))
		if err := f.data.Read(epoch, rows, into); err != nil {
			return fmt.Errorf("data %q: %w", f.info.Name, err)
		}
		inputs := make([]*onnx.Tensor, len(f.fields))
		for i, at := range f.fields {
			inputs[i] = into[at]
		}
		if err := do(inputs, rows); err != nil {
			return err
		}
	}
	return nil
}
