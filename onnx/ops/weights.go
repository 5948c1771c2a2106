package ops

import (
	"sync"

	"github.com/gonyx/gonyx/onnx"
)

// Weights keeps what steps made of constants, so that the steps of one operator for several shapes share it. It is safe for many
// goroutines.
type Weights struct {
	mu   sync.Mutex
	made map[weightKey]any
}

// weightKey says of which constant something was made, and all that it depends on besides.
type weightKey struct {
	of   *onnx.Tensor
	form any // comparable
}

// mostWeights bounds what is kept of a model that meets many shapes; then it starts over.
const mostWeights = 4096

// shared gives what make makes of a constant in a form, made now or kept from before.
func shared[T any](t Target, of *onnx.Tensor, form any, make func() T) T {
	w := t.Weights
	if w == nil {
		return make()
	}
	key := weightKey{of, form}
	w.mu.Lock()
	defer w.mu.Unlock()
	if v, ok := w.made[key]; ok {
		return v.(T)
	}
	v := make()
	if w.made == nil || len(w.made) >= mostWeights {
		w.made = map[weightKey]any{}
	}
	w.made[key] = v
	return v
}
