package ops

import (
	"fmt"
	"slices"

	"github.com/gonyx/gonyx/onnx"
)

// The versions of Resize and Upsample, see resize.go.

// resizeUp11 names what was the only way up to opset 10: places count from the border (asymmetric), and the nearest element is the one
// below where an axis grows and the one above where it shrinks. Where both may happen, growing and shrinking are nodes of their own.
func resizeUp11(r *Rewriter) error {
	x, scales := r.Input(0), r.Input(1)
	roi := r.Const("roi", wholeRegion(r.Fact(0)))
	r.Set(onnx.AttrString("coordinate_transformation_mode", "asymmetric"))
	if word(r.Node, "mode", "nearest") != "nearest" {
		r.Node.Inputs = []string{x, roi, scales}
		return r.Keep()
	}
	known := r.Fact(1).Value
	grows, shrinks := true, true
	if known != nil {
		v := known.Float32s()
		shrinks = slices.ContainsFunc(v, func(s float32) bool { return s < 1 })
		grows = !shrinks || slices.ContainsFunc(v, func(s float32) bool { return s > 1 })
	}
	r.Set(onnx.AttrString("nearest_mode", "floor"))
	if shrinks && !grows {
		r.Set(onnx.AttrString("nearest_mode", "ceil"))
	}
	if shrinks && grows {
		one := r.Const("one", onnx.FromFloat32s([]float32{1}, 1))
		up, down := r.Emit("Max", []string{scales, one}), r.Emit("Min", []string{scales, one})
		attrs := r.Node.Clone().Attributes
		x, scales = r.Emit("Resize", []string{x, roi, up}, attrs...), down
		r.Set(onnx.AttrString("nearest_mode", "ceil"))
	}
	r.Node.Inputs = []string{x, roi, scales}
	return r.Keep()
}

// wholeRegion is a region of interest that is all of the input: the place must be filled from 11 to 12, though only one mode
// looks at it. It is empty where the rank is not known.
func wholeRegion(x Fact) *onnx.Tensor {
	n := x.Rank()
	v := make([]float32, 2*n)
	for i := n; i < 2*n; i++ {
		v[i] = 1
	}
	return onnx.FromFloat32s(v, int64(len(v)))
}

func word(n *onnx.Node, attribute, def string) string {
	if a := n.Attribute(attribute); a != nil {
		return string(a.Str)
	}
	return def
}

// resizeUp13 leaves out what only filled its place.
func resizeUp13(r *Rewriter) error {
	if r.Input(1) != "" && word(r.Node, "coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize" {
		r.SetInput(1, "")
	}
	for i := 2; i < len(r.Node.Inputs); i++ {
		if isEmpty(r.Fact(i)) {
			r.SetInput(i, "")
		}
	}
	r.TrimInputs()
	return r.Keep()
}

func resizeDown19(r *Rewriter) error {
	if word(r.Node, "coordinate_transformation_mode", "half_pixel") == "half_pixel_symmetric" {
		return fmt.Errorf("half_pixel_symmetric is not there yet")
	}
	return r.Keep()
}

// resizeDown18 writes scales and sizes of some axes as those of all.
func resizeDown18(r *Rewriter) error {
	if a := r.Take("antialias"); a != nil && a.Int != 0 {
		return fmt.Errorf("antialias is not there yet")
	}
	if a := r.Take("keep_aspect_ratio_policy"); a != nil && string(a.Str) != "stretch" {
		return fmt.Errorf("keep_aspect_ratio_policy %s is not there yet", a.Str)
	}
	named := r.Take("axes")
	if named == nil {
		return r.Keep()
	}
	rank, err := r.Rank(0)
	if err != nil {
		return err
	}
	axes, err := axesOf(named.Ints, rank)
	if err != nil {
		return err
	}
	if word(r.Node, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" {
		return fmt.Errorf("tf_crop_and_resize of some axes is not there yet")
	}
	switch {
	case r.Input(2) != "" && !isEmpty(r.Fact(2)):
		scales := r.Fact(2).Value
		if scales == nil || scales.Len() != len(axes) {
			return fmt.Errorf("scales of some axes must be a constant there")
		}
		all := make([]float32, rank)
		for i := range all {
			all[i] = 1
		}
		for i, axis := range axes {
			all[axis] = scales.Float32s()[i]
		}
		r.SetInput(2, r.Const("scales", onnx.FromFloat32s(all, int64(rank))))
	case r.Input(3) != "" && !isEmpty(r.Fact(3)):
		sizes, ok := r.Fact(3).KnownInts()
		if !ok || len(sizes) != len(axes) {
			return fmt.Errorf("sizes of some axes must be a constant there")
		}
		all := make([]int64, rank)
		for i, d := range r.Fact(0).Dims() {
			switch k := slices.Index(axes, i); {
			case k >= 0:
				all[i] = sizes[k]
			case d.Known():
				all[i] = d.Value
			default:
				return fmt.Errorf("the size of axis %d must be known there", i)
			}
		}
		r.SetInput(3, r.Const("sizes", onnx.FromInt64s(all)))
	}
	return r.Keep()
}

// resizeDown13 fills the places that must be filled there.
func resizeDown13(r *Rewriter) error {
	if r.Input(1) == "" {
		r.SetInput(1, r.Const("roi", wholeRegion(r.Fact(0))))
	}
	if r.Input(2) == "" {
		r.SetInput(2, r.Const("scales", onnx.FromFloat32s([]float32{}, 0)))
	}
	return r.Keep()
}

// resizeDown11 leaves what opset 10 has: scales, asymmetric, linear or nearest as resizeUp11 says.
func resizeDown11(r *Rewriter) error {
	place, mode := word(r.Node, "coordinate_transformation_mode", "half_pixel"), word(r.Node, "mode", "nearest")
	nearest := word(r.Node, "nearest_mode", "round_prefer_floor")
	if r.Input(2) == "" || isEmpty(r.Fact(2)) {
		return fmt.Errorf("sizes are not there yet")
	}
	fits := mode == "linear"
	if scales := r.Fact(2).Value; mode == "nearest" && scales != nil {
		v := scales.Float32s()
		fits = nearest == "floor" && !slices.ContainsFunc(v, func(s float32) bool { return s < 1 }) ||
			nearest == "ceil" && !slices.ContainsFunc(v, func(s float32) bool { return s > 1 }) && slices.ContainsFunc(v, func(s float32) bool { return s < 1 })
	}
	if place != "asymmetric" || !fits {
		return fmt.Errorf("mode %s (%s) of %s is not there yet, only asymmetric and of it linear, nearest (floor) to grow and nearest (ceil) to shrink", mode, nearest, place)
	}
	for _, a := range []string{"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value"} {
		if t := r.Take(a); t != nil && a == "exclude_outside" && t.Int != 0 {
			return fmt.Errorf("exclude_outside is not there yet")
		}
	}
	r.Node.Inputs = []string{r.Input(0), r.Input(2)}
	return r.Keep()
}

// resizeDown10 is Upsample where nothing gets smaller.
func resizeDown10(r *Rewriter) error {
	if s := r.Fact(1).Value; s == nil || slices.ContainsFunc(s.Float32s(), func(f float32) bool { return f < 1 }) {
		return fmt.Errorf("scales must be a constant and at least 1 there")
	}
	return r.Replace("Upsample")
}

func upsampleUp7(r *Rewriter) error {
	h, w := r.Take("height_scale"), r.Take("width_scale")
	if h == nil || w == nil {
		return fmt.Errorf("attributes \"height_scale\" and \"width_scale\" are required")
	}
	r.Set(onnx.AttrFloats("scales", 1, 1, h.Float, w.Float))
	return bilinearUp(r)
}

func upsampleDown7(r *Rewriter) error {
	scales := r.Take("scales")
	if scales == nil || len(scales.Floats) != 4 || scales.Floats[0] != 1 || scales.Floats[1] != 1 {
		return fmt.Errorf("only height and width of [batch, channels, height, width] can grow there")
	}
	r.Set(onnx.AttrFloat("height_scale", scales.Floats[2]))
	r.Set(onnx.AttrFloat("width_scale", scales.Floats[3]))
	if a := r.Node.Attribute("mode"); a != nil && string(a.Str) == "linear" {
		r.Set(onnx.AttrString("mode", "bilinear"))
	}
	return r.Keep()
}

// bilinearUp renames the mode that was called bilinear in the first version.
func bilinearUp(r *Rewriter) error {
	if a := r.Node.Attribute("mode"); a != nil && string(a.Str) == "bilinear" {
		r.Set(onnx.AttrString("mode", "linear"))
	}
	return r.Keep()
}

func upsampleUp9(r *Rewriter) error {
	scales := r.Take("scales")
	if scales == nil {
		return fmt.Errorf("attribute \"scales\" is required")
	}
	r.SetInput(1, r.Const("scales", onnx.FromFloat32s(slices.Clone(scales.Floats), int64(len(scales.Floats)))))
	return r.Keep()
}

func upsampleDown9(r *Rewriter) error {
	scales := r.Fact(1).Value
	if scales == nil {
		return fmt.Errorf("scales must be a constant there")
	}
	r.Set(onnx.AttrFloats("scales", slices.Clone(scales.Float32s())...))
	r.Node.Inputs = r.Node.Inputs[:1]
	return r.Keep()
}
