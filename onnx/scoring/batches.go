package scoring

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// batches makes batches of a source's rows, one ahead of what is run.
type batches struct {
	from  *Source
	size  int
	fixed bool // the model runs no other number of rows
	limit int64
	ready chan batch
	free  chan []*onnx.Tensor
}

// batch is some rows in order: the features of the good ones stand one behind the other in memory.
type batch struct {
	results []Result
	good    int
	memory  []*onnx.Tensor // beside Source.inputs, [size, …]
	tokens  [][]string     // of the good rows, where the source is ragged; then nothing stands in memory
	last    bool
	err     error // that ended the source
}

// batches prepares memory for the source's rows.
func (s *Scorer) batches(from *Source, o Options) (*batches, error) {
	b := &batches{from: from, size: o.BatchSize, ready: make(chan batch, 1), free: make(chan []*onnx.Tensor, 2)}
	if b.size < 1 {
		b.size = DefaultBatchSize
	}
	for _, at := range from.inputs {
		v := s.model.Inputs()[at]
		if !v.Type.Ranked {
			continue
		}
		if d := v.Type.Dims[0]; d.Known() {
			if o.BatchSize > 0 && int64(o.BatchSize) != d.Value || b.fixed && int64(b.size) != d.Value || d.Value < 1 || d.Value > maxBatch {
				return nil, fmt.Errorf("input %q is %v: the model runs %d rows at once", v.Name, v.Type, d.Value)
			}
			b.size, b.fixed = int(d.Value), true
		}
	}
	limit := s.limit
	if limit <= 0 {
		limit = rows.DefaultLimit
	}
	b.limit = limit
	for range 2 {
		var memory []*onnx.Tensor
		for k, at := range from.inputs {
			v := s.model.Inputs()[at]
			dims := append([]int64{int64(b.size)}, from.dims[k]...)
			if need, err := onnx.ByteSize(v.Type.Elem, dims); err != nil || need > limit {
				return nil, fmt.Errorf("input %q: a batch of %v takes more than the memory limit of %d bytes; lower the batch size", v.Name, dims, limit)
			}
			memory = append(memory, onnx.NewTensor(v.Type.Elem, dims...))
		}
		b.free <- memory
	}
	return b, nil
}

// maxBatch bounds the rows that a model may fix, far above what is useful.
const maxBatch = 1 << 20

// start reads until the source ends or the context does; then done is closed.
func (b *batches) start(ctx context.Context) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for index := 0; ; {
			var memory []*onnx.Tensor
			select {
			case memory = <-b.free:
			case <-ctx.Done():
				return
			}
			next := b.read(ctx, index, memory)
			index += len(next.results)
			select {
			case b.ready <- next:
			case <-ctx.Done():
				return
			}
			if next.last || next.err != nil {
				return
			}
		}
	}()
	return done
}

func (b *batches) next(ctx context.Context) (batch, bool) {
	select {
	case next := <-b.ready:
		return next, true
	case <-ctx.Done():
		return batch{}, false
	}
}

// read makes one batch.
func (b *batches) read(ctx context.Context, index int, memory []*onnx.Tensor) batch {
	next := batch{memory: memory}
	for len(next.results) < b.size && ctx.Err() == nil {
		into := make([]*onnx.Tensor, len(memory))
		for k, t := range memory {
			into[k] = rowsOf(t, int64(next.good), int64(next.good+1))
		}
		r := Result{Index: index + len(next.results)}
		err := b.from.next(&r, into)
		if err == nil && b.from.ragged {
			err = b.check(into[0].Strings)
		}
		var bad *badRow
		switch {
		case err == io.EOF:
			next.last = true
			return next
		case errors.As(err, &bad):
			r.Err = bad.err
		case err != nil:
			next.err = err
			return next
		default:
			next.good++
			if b.from.ragged {
				next.tokens = append(next.tokens, into[0].Strings)
			}
		}
		next.results = append(next.results, r)
	}
	return next
}
