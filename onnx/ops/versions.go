package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// The histories of operators that are compared and converted but have no meaning here.
//
// GridSample 16: four axes, modes bilinear and bicubic · 20: any axes, linear and cubic · 22: types. RoiAlign 10: coordinates as they
// are · 16: half_pixel by default · 22: types.
// https://onnx.ai/onnx/operators/
//
// Three changes of other operators are in words only and are read as corrections, which runtimes apply to every version: OneHot 11
// counts negative indices from the end; ConvTranspose 11 puts the odd pad at the other end; AveragePool 19 rounds the sizes of
// auto_pad as every other pooling does.

func versionsFamily() []Meaning {
	return []Meaning{
		{
			Name: "GridSample", Class: Rounds,
			Upgrade:   map[int64]Rewrite{20: renameMode(map[string]string{"bilinear": "linear", "bicubic": "cubic"})},
			Downgrade: map[int64]Rewrite{20: gridSampleDown20},
		},
		{Name: "RoiAlign", Class: Rounds, Upgrade: map[int64]Rewrite{16: roiAlignUp16}, Downgrade: map[int64]Rewrite{16: roiAlignDown16}},
	}
}

// renameMode gives the attribute mode the words of another version.
func renameMode(words map[string]string) Rewrite {
	return func(r *Rewriter) error {
		if a := r.Node.Attribute("mode"); a != nil {
			if w, ok := words[string(a.Str)]; ok {
				r.Set(onnx.AttrString("mode", w))
			}
		}
		return r.Keep()
	}
}

func gridSampleDown20(r *Rewriter) error {
	if rank, err := r.Rank(0); err != nil || rank != 4 {
		return fmt.Errorf("the input must be known to be [batch, channels, height, width] there")
	}
	return renameMode(map[string]string{"linear": "bilinear", "cubic": "bicubic"})(r)
}

func roiAlignUp16(r *Rewriter) error {
	r.Set(onnx.AttrString("coordinate_transformation_mode", "output_half_pixel"))
	return r.Keep()
}

func roiAlignDown16(r *Rewriter) error {
	if mode := word(r.Node, "coordinate_transformation_mode", "half_pixel"); mode != "output_half_pixel" {
		return fmt.Errorf("coordinate_transformation_mode %q is not there yet", mode)
	}
	r.Take("coordinate_transformation_mode")
	return r.Keep()
}
