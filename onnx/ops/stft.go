package ops

import (
	"fmt"

	"github.com/gonyx/gonyx/onnx"
)

// STFT: Fourier transforms of the frames of a signal. signal [batch, length], [batch, length, 1] of real or [batch, length, 2] of complex
// numbers, frame_step of one element, window [frame_length] by which each frame is multiplied, frame_length of one element, the window's
// length where absent → output [batch, frames, bins, 2], frames (length-frame_length)/frame_step+1, bins frame_length, or
// frame_length/2+1 where onesided (as it is by default), which is for real signals. 17: first.
// https://onnx.ai/onnx/operators/onnx__STFT.html

func stftFamily() []Meaning {
	return []Meaning{{
		Name: "STFT", Class: Rounds,
		New: func(a *Attrs) Op { return stft{onesided: a.Bool("onesided")} },
	}}
}

type stft struct{ onesided bool }

func (s stft) Infer(_ *Env, in []Fact) ([]Fact, error) {
	x := in[0]
	if err := wantOne(in[1], "frame_step"); err != nil {
		return nil, err
	}
	window, frame := len(in) > 2 && !in[2].Absent(), len(in) > 3 && !in[3].Absent()
	if !window && !frame {
		return nil, fmt.Errorf("neither window nor frame_length is given")
	}
	dims := unknownDims(4)
	dims[3] = onnx.Fixed(2)
	length := onnx.UnknownDim()
	if x.Ranked() {
		if x.Rank() != 2 && x.Rank() != 3 {
			return nil, fmt.Errorf("signal has %d axes, want [batch, length] or [batch, length, 1 or 2]", x.Rank())
		}
		if x.Rank() == 3 && x.Dims()[2].Known() {
			parts := x.Dims()[2].Value
			if parts != 1 && parts != 2 {
				return nil, fmt.Errorf("the last axis of signal is %d, want 1 for real or 2 for complex numbers", parts)
			}
			if parts == 2 && s.onesided {
				return nil, fmt.Errorf("onesided is for real numbers, the signal is complex")
			}
		}
		dims[0], length = x.Dims()[0], x.Dims()[1]
	}
	n := onnx.UnknownDim()
	if window {
		if err := wantVector(in[2], "window"); err != nil {
			return nil, err
		}
		if in[2].Ranked() {
			n = in[2].Dims()[0]
		}
	}
	if frame {
		if err := wantOne(in[3], "frame_length"); err != nil {
			return nil, err
		}
		if list, ok := in[3].KnownInts(); ok {
			if n.Known() && n.Value != list[0] {
				return nil, fmt.Errorf("the window has %d elements, a frame %d", n.Value, list[0])
			}
			if list[0] < 1 {
				return nil, fmt.Errorf("frame_length is %d, want at least 1", list[0])
			}
			n = onnx.Fixed(list[0])
		}
	}
	step, stepKnown := in[1].KnownInts()
	if stepKnown && step[0] < 1 {
		return nil, fmt.Errorf("frame_step is %d, want at least 1", step[0])
	}
	if n.Known() {
		if n.Value < 1 || n.Value > maxTransform {
			return nil, fmt.Errorf("a frame has %d elements, want 1 to %d", n.Value, maxTransform)
		}
		dims[2] = onnx.Fixed(n.Value)
		if s.onesided {
			dims[2] = onnx.Fixed(n.Value/2 + 1)
		}
		if length.Known() && length.Value < n.Value {
			return nil, fmt.Errorf("the signal has %d elements, a frame %d", length.Value, n.Value)
		}
		if length.Known() && stepKnown {
			dims[1] = onnx.Fixed((length.Value-n.Value)/step[0] + 1)
		}
	}
	return []Fact{Tensor(x.Elem(), dims...)}, nil
}

func (s stft) Eval(env *Env, in []onnx.Value) ([]onnx.Value, error) {
	t := tensorsOf(in)
	x := t[0]
	if isHalf(x.Type) {
		return throughFloat(env, s, in)
	}
	out, err := s.Infer(env, factsOf(in))
	if err != nil {
		return nil, err
	}
	sizes, ok := out[0].Sizes()
	if !ok {
		return nil, fmt.Errorf("frame_step and frame_length must be integers")
	}
	y, err := env.New(x.Type, sizes...)
	if err != nil {
		return nil, err
	}
	step, _ := IntsOf(t[1])
	n := 0
	if len(t) > 3 && t[3] != nil {
		list, _ := IntsOf(t[3])
		n = int(list[0])
	}
	window := func(int) float64 { return 1 }
	if len(t) > 2 && t[2] != nil {
		n, window = t[2].Len(), floatReader(t[2])
	}
	s.frames(y, x, n, int(step[0]), window)
	return []onnx.Value{y}, nil
}

// frames transforms every frame: two at once where they are real, as the real and the imaginary part of one, whose spectra are told apart
// by their symmetry.
func (s stft) frames(y, x *onnx.Tensor, n, step int, window func(int) float64) {
	read, put := floatReader(x), floatWriter(y)
	parts := 1
	if len(x.Dims) == 3 {
		parts = int(x.Dims[2])
	}
	length, frames, bins := int(x.Dims[1]), int(y.Dims[1]), int(y.Dims[2])
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = window(i)
	}
	f := newFourier(n)
	line, spectrum := make([]complex128, n), make([]complex128, n)
	for b := range int(x.Dims[0]) {
		first, to := b*length*parts, b*frames*bins*2
		write := func(frame, k int, z complex128) {
			put(to+(frame*bins+k)*2, real(z))
			put(to+(frame*bins+k)*2+1, imag(z))
		}
		if parts == 2 {
			for frame := range frames {
				for i, w := range weights {
					at := first + (frame*step+i)*2
					line[i] = complex(read(at)*w, read(at+1)*w)
				}
				f.transform(spectrum, line, false)
				for k := range bins {
					write(frame, k, spectrum[k])
				}
			}
			continue
		}
		for frame := 0; frame < frames; frame += 2 {
			second := min(frame+1, frames-1)
			for i, w := range weights {
				line[i] = complex(read(first+frame*step+i)*w, read(first+second*step+i)*w)
			}
			f.transform(spectrum, line, false)
			for k := range bins {
				z, mirror := spectrum[k], conj(spectrum[(n-k)%n])
				write(frame, k, (z+mirror)*0.5)
				odd := (z - mirror) * 0.5
				write(second, k, complex(imag(odd), -real(odd)))
			}
		}
	}
}
