package features

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"math"

	"github.com/nfnt/resize"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// pixelBytes is what decoding takes a pixel at worst: the coefficients of a progressive JPEG and the picture.
const pixelBytes = 16

// ReadImage reads a picture from a file, see [DecodeImage]. Errors name the path.
func ReadImage(path string, limit int64) (image.Image, error) {
	if limit <= 0 {
		limit = rows.DefaultLimit
	}
	f, size, err := rows.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("%s: the file has %d bytes, the memory limit is %d", path, size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	img, err := DecodeImage(data, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}

// DecodeImage decodes a PNG, JPEG, GIF (its first frame), BMP or WebP picture. Its size is looked at first: one that would
// take more than limit bytes, 0 stands for [rows.DefaultLimit], or has a side beyond 32768 pixels is refused undecoded.
func DecodeImage(data []byte, limit int64) (img image.Image, err error) {
	if limit <= 0 {
		limit = rows.DefaultLimit
	}
	defer func() { // the decoders are foreign, and the data may be anyone's
		if broken := recover(); broken != nil {
			img, err = nil, fmt.Errorf("image: the data breaks its decoder: %v", broken)
		}
	}()
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	w, h := int64(config.Width), int64(config.Height)
	switch {
	case w < 1 || h < 1:
		return nil, fmt.Errorf("image: %d × %d pixels: there is nothing in it", w, h)
	case w > maxSide || h > maxSide:
		return nil, fmt.Errorf("image: %d × %d pixels, a side may have %d", w, h, maxSide)
	case w*h*pixelBytes > limit:
		return nil, fmt.Errorf("image: %d × %d pixels take up to %d bytes, the memory limit is %d", w, h, w*h*pixelBytes, limit)
	}
	img, _, err = image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if b := img.Bounds(); b.Empty() {
		return nil, fmt.Errorf("image: a %s of %d × %d pixels decodes to nothing", format, w, h)
	}
	return img, nil
}

// Tensor gives a picture as a float tensor [1, channels, height, width], see [Image.Fill]. It fails where that takes
// more than limit bytes; 0 stands for [rows.DefaultLimit].
func (m *Image) Tensor(img image.Image, limit int64) (*onnx.Tensor, error) {
	if limit <= 0 {
		limit = rows.DefaultLimit
	}
	dims := []int64{1, int64(m.Channels.Count()), int64(m.Height), int64(m.Width)}
	if size, err := onnx.ByteSize(onnx.Float, dims); err != nil || size > limit {
		return nil, fmt.Errorf("image: the model's input %v takes more than the memory limit of %d bytes", dims, limit)
	}
	t := onnx.NewTensor(onnx.Float, dims...)
	m.Fill(t.Float32s(), img)
	return t, nil
}

// Fill writes a picture to dst, [channels, height, width], resized where its size is another (bilinear; the sides change
// each by their own factor) and scaled as the recipe says. What is transparent is laid over black.
func (m *Image) Fill(dst []float32, img image.Image) {
	pixels := flat(img)
	if b := pixels.Bounds(); b.Dx() != m.Width || b.Dy() != m.Height {
		pixels = flat(resize.Resize(uint(m.Width), uint(m.Height), pixels, resize.Bilinear))
	}
	m.fillPixels(dst, pixels.Pix, pixels.Stride)
}

// fillPixels scales rows of RGBA bytes into dst.
func (m *Image) fillPixels(dst []float32, pix []byte, stride int) {
	plane := m.Width * m.Height
	if len(dst) != m.Channels.Count()*plane {
		panic(fmt.Sprintf("features: %d floats for an image of %d × %d × %d", len(dst), m.Channels.Count(), m.Height, m.Width))
	}
	tables := m.tables()
	for y := range m.Height {
		row := pix[y*stride : y*stride+4*m.Width]
		at := y * m.Width
		switch m.Channels {
		case Gray:
			for x := range m.Width {
				p := row[4*x : 4*x+3 : 4*x+3]
				dst[at+x] = tables[0][color.GrayModel.Convert(color.RGBA{p[0], p[1], p[2], 0xff}).(color.Gray).Y]
			}
		case RGB, BGR:
			first, third := 0, 2
			if m.Channels == BGR {
				first, third = 2, 0
			}
			for x := range m.Width {
				p := row[4*x : 4*x+3 : 4*x+3]
				dst[at+x] = tables[0][p[first]]
				dst[plane+at+x] = tables[1][p[1]]
				dst[2*plane+at+x] = tables[2][p[third]]
			}
		}
	}
}

// Scaled writes bytes 0..255, [channels, height, width] in the recipe's channel order, to dst as floats.
func (m *Image) Scaled(dst []float32, pixels []byte) {
	plane := m.Width * m.Height
	tables := m.tables()
	for c := range m.Channels.Count() {
		table := &tables[c]
		out := dst[c*plane : (c+1)*plane]
		for i, p := range pixels[c*plane : (c+1)*plane] {
			out[i] = table[p]
		}
	}
}

// ScaledNumbers writes pixels from 0 to 255 that need not be whole, [channels, height, width] in the recipe's channel order, to dst,
// as [Image.Scaled] does bytes.
func (m *Image) ScaledNumbers(dst, pixels []float32) {
	plane := m.Width * m.Height
	for c := range m.Channels.Count() {
		mean, deviation := m.moments(c)
		for i, p := range pixels[c*plane : (c+1)*plane] {
			dst[c*plane+i] = (float32(p*m.Scale) - mean) / deviation
		}
	}
}

// tables gives for each channel the float that each byte becomes.
func (m *Image) tables() (t [3][256]float32) {
	for c := range m.Channels.Count() {
		mean, deviation := m.moments(c)
		for p := range 256 {
			t[c][p] = (float32(float32(p)*m.Scale) - mean) / deviation // rounded in between: the same on every processor
		}
	}
	return t
}

func (m *Image) moments(c int) (mean, deviation float32) {
	deviation = 1
	if len(m.Mean) > 0 {
		mean = m.Mean[c]
	}
	if len(m.Deviation) > 0 {
		deviation = m.Deviation[c]
	}
	return mean, deviation
}

// Picture gives the picture that a tensor's image, [channels, height, width], shows: the reverse of [Image.Fill], rounded
// to bytes. Values that no byte becomes are cut off, NaN is black.
func (m *Image) Picture(x []float32) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	plane := m.Width * m.Height
	for c := range m.Channels.Count() {
		mean, deviation := m.moments(c)
		for i, v := range x[c*plane : (c+1)*plane] {
			p := math.Round(float64((v*deviation + mean) / m.Scale))
			b := byte(0)
			if p > 0 {
				b = byte(min(p, 255))
			}
			switch m.Channels {
			case Gray:
				img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2] = b, b, b
			case BGR:
				img.Pix[4*i+2-c] = b
			default:
				img.Pix[4*i+c] = b
			}
			img.Pix[4*i+3] = 0xff
		}
	}
	return img
}

// flat gives the picture as RGBA bytes from (0, 0) on, transparent parts over black; itself where it is that already.
func flat(img image.Image) *image.RGBA {
	b := img.Bounds()
	if rgba, ok := img.(*image.RGBA); ok && b.Min == (image.Point{}) {
		return rgba
	}
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(out, out.Bounds(), img, b.Min, draw.Src)
	return out
}
