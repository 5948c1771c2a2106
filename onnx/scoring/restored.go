package scoring

import (
	"fmt"
	"image"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
)

// Restores says whether the model gives pictures again, so that results can be seen, see [Scorer.Restored].
func (s *Scorer) Restores() bool {
	return s.Recipe.Task == features.TaskReconstruction && s.Recipe.Image != nil
}

// Restored gives the picture that the model made of a row, in the model's own size. The scorer must restore.
func (s *Scorer) Restored(r Result) (image.Image, error) {
	m, first := s.Recipe.Image, r.Output[0]
	if first.Type != onnx.Float || first.Len() != m.Len() {
		return nil, fmt.Errorf("output %q is %v, a picture of %d×%d pixels takes %d floats", s.Outputs()[0], first, m.Width, m.Height, m.Len())
	}
	return m.Picture(first.Float32s()), nil
}
