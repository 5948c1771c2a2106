package ops

import (
	"slices"

	"github.com/gonyx/gonyx/onnx/kernels"
)

// Regional gives the step of a region on so many images, and of links on its result.
func Regional(t Target, r *kernels.Region, images int, links []Link) Step {
	links = slices.Clone(links)
	return Step{Kept: 4 * r.Kept(t.Pool, images), Own: ownChain(links), Run: func(f *Frame) error {
		r.Run(t.Pool, f.In[0].Float32s(), f.Out[0].Float32s(), f.KeptFloats(), chain(links, f))
		return nil
	}, Then: func(more []Link) Step { return Regional(t, r, images, slices.Concat(links, more)) }}
}
