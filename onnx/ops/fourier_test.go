package ops

import (
	"context"
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// plainTransform is the sum as it is written.
func plainTransform(x []complex128, backward bool) []complex128 {
	y, n := make([]complex128, len(x)), len(x)
	for k := range y {
		for i, z := range x {
			w := turn(i*k%n, n)
			if backward {
				w = conj(w)
			}
			y[k] += z * w
		}
	}
	return y
}

func wave(n int) []complex128 {
	x := make([]complex128, n)
	for i := range x {
		x[i] = complex(math.Sin(float64(i*i%97)), math.Cos(float64(3*i%41)))
	}
	return x
}

// Powers, products of small primes, large primes and products of them.
func TestFourier(t *testing.T) {
	lengths := []int{97, 128, 134, 256, 400, 480, 509, 512, 961, 1021, 1024, 1200, 2018}
	for n := range 70 {
		lengths = append(lengths, n+1)
	}
	for _, n := range lengths {
		for _, backward := range []bool{false, true} {
			want, got := plainTransform(wave(n), backward), make([]complex128, n)
			newFourier(n).transform(got, wave(n), backward)
			for k := range want {
				if cmplx.Abs(got[k]-want[k]) > 1e-12*float64(n) {
					t.Fatalf("length %d, backward %v, element %d: got %v, want %v", n, backward, k, got[k], want[k])
				}
			}
		}
	}
}

// Frames, taken two at once where they are real, are what each is alone; their number may be odd.
func TestSTFT(t *testing.T) {
	const n, step = 12, 5
	for phrase, c := range map[string]struct {
		parts    int
		length   int64
		onesided bool
	}{
		"real, one side":            {1, 38, true},
		"real, both sides":          {1, 38, false},
		"real, an even number":      {1, 27, true},
		"real, one frame":           {1, n, true},
		"complex, of which are six": {2, 38, false},
	} {
		signal := onnx.NewTensor(onnx.Double, 2, c.length, int64(c.parts))
		for i := range signal.Float64s() {
			signal.Float64s()[i] = math.Sin(float64(i * i))
		}
		window := onnx.NewTensor(onnx.Double, n)
		for i := range window.Float64s() {
			window.Float64s()[i] = 1 - math.Cos(float64(i))/2
		}
		out, err := EvalOp(stft{onesided: c.onesided}, &Env{}, []onnx.Value{signal, onnx.Scalar64(step), window, onnx.Scalar64(n)})
		if err != nil {
			t.Fatal(phrase, err)
		}
		y := out[0].(*onnx.Tensor)
		frames, bins := int(y.Dims[1]), int(y.Dims[2])
		if want := int(c.length-n)/step + 1; frames != want {
			t.Fatalf("%s: got %d frames, want %d", phrase, frames, want)
		}
		for b := range 2 {
			for f := range frames {
				x := make([]complex128, n)
				for i := range x {
					at := (b*int(c.length) + f*step + i) * c.parts
					if x[i] = complex(signal.Float64s()[at], 0); c.parts == 2 {
						x[i] = complex(signal.Float64s()[at], signal.Float64s()[at+1])
					}
					x[i] *= complex(window.Float64s()[i], 0)
				}
				want := plainTransform(x, false)
				for k := range bins {
					at := ((b*frames+f)*bins + k) * 2
					if got := complex(y.Float64s()[at], y.Float64s()[at+1]); cmplx.Abs(got-want[k]) > 1e-12 {
						t.Fatalf("%s: row %d, frame %d, bin %d: got %v, want %v", phrase, b, f, k, got, want[k])
					}
				}
			}
		}
	}
}

// A transform there and back gives what it was given, cut or filled to another length, and half of a spectrum its real numbers.
func TestDFTBack(t *testing.T) {
	scalar := func(i int64) *onnx.Tensor { return onnx.Scalar64(i) }
	x := onnx.NewTensor(onnx.Double, 2, 3, 7, 1)
	for i := range x.Float64s() {
		x.Float64s()[i] = math.Sin(float64(i * i))
	}
	for axis := int64(0); axis < 3; axis++ {
		size := x.Dims[axis]
		for phrase, c := range map[string]struct {
			onesided bool
			length   int64
		}{
			"both sides": {false, size}, "filled": {false, size + 4}, "half": {true, size}, "half, filled": {true, size + 5},
		} {
			run := func(op dft, v *onnx.Tensor) *onnx.Tensor {
				out, err := EvalOp(op, &Env{}, []onnx.Value{v, scalar(c.length), scalar(axis)})
				if err != nil {
					t.Fatal(phrase, err)
				}
				return out[0].(*onnx.Tensor)
			}
			back := run(dft{inverse: true, onesided: c.onesided}, run(dft{onesided: c.onesided}, x))
			parts := int(back.Dims[3])
			inner := count(x.Dims[axis+1 : 3])
			for i, want := range x.Float64s() {
				o, k, j := i/(int(size)*inner), i/inner%int(size), i%inner
				if got := back.Float64s()[((o*int(c.length)+k)*inner+j)*parts]; math.Abs(got-want) > 1e-12 {
					t.Fatalf("%s, axis %d, element %d: got %v, want %v", phrase, axis, i, got, want)
				}
			}
		}
	}
}

func TestFourierRefusals(t *testing.T) {
	real, complexes := f32("1 8 1"), f32("1 8 2")
	one := func(i int64) Fact { return Known(onnx.Scalar64(i)) }
	for want, c := range map[string]struct {
		op Op
		in []Fact
	}{
		"onesided is for real":          {dft{onesided: true}, []Fact{complexes}},
		"axis 2 is that of the parts":   {dft{}, []Fact{real, Absent, one(2)}},
		"a length of 0":                 {dft{}, []Fact{real, one(0)}},
		"a length of 9223372036854":     {dft{}, []Fact{real, one(math.MaxInt64)}},
		"the last axis of input is 8":   {dft{}, []Fact{f32("1 8")}},
		"frame_step is 0":               {stft{}, []Fact{real, one(0), Absent, one(4)}},
		"neither window nor":            {stft{}, []Fact{real, one(1)}},
		"frame_length is -4":            {stft{}, []Fact{real, one(1), Absent, one(-4)}},
		"the window has 3 elements":     {stft{}, []Fact{real, one(1), f32("3"), one(4)}},
		"the signal has 8 elements":     {stft{}, []Fact{real, one(1), f32("9")}},
		"is for real numbers, the sign": {stft{onesided: true}, []Fact{complexes, one(1), f32("4")}},
	} {
		if _, err := c.op.Infer(&Env{}, c.in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error of %q", err, want)
		}
	}
	if _, err := evaluate(context.Background(), outer([]*onnx.ValueInfo{value("x", f32("n m 1"))}, named("y"), line("y = DFT(x)")), EvalOptions{}, onnx.NewTensor(onnx.Float, 2, 0, 1)); err == nil || !strings.Contains(err.Error(), "a length of 0") {
		t.Errorf("nothing to transform: got %v, want an error", err)
	}
}
