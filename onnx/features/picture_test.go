package features

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
)

// twoByTwo is red, green above blue, white.
func twoByTwo() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	img.Set(0, 0, color.NRGBA{255, 0, 0, 255})
	img.Set(1, 0, color.NRGBA{0, 255, 0, 255})
	img.Set(0, 1, color.NRGBA{0, 0, 255, 255})
	img.Set(1, 1, color.NRGBA{255, 255, 255, 255})
	return img
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFillLaysChannelsOut(t *testing.T) {
	cases := map[string]struct {
		spec Image
		want []float32
	}{
		"rgb":                                 {Image{Width: 2, Height: 2, Channels: RGB, Scale: DefaultScale}, []float32{1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1}},
		"bgr":                                 {Image{Width: 2, Height: 2, Channels: BGR, Scale: 1}, []float32{0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0, 255}},
		"gray of BT.601: 0.299, 0.587, 0.114": {Image{Width: 2, Height: 2, Channels: Gray, Scale: 1}, []float32{76, 150, 29, 255}},
		"mean and deviation": {Image{Width: 2, Height: 2, Channels: RGB, Scale: 1, Mean: []float32{55, 0, 255}, Deviation: []float32{100, 1, 5}},
			[]float32{2, -0.55, -0.55, 2, 0, 255, 0, 255, -51, -51, 0, 0}},
	}
	for name, c := range cases {
		got := make([]float32, c.spec.Len())
		c.spec.Fill(got, twoByTwo())
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		again := make([]float32, c.spec.Len())
		if c.spec.Fill(again, c.spec.Picture(got)); !slices.Equal(got, again) {
			t.Errorf("%s: through a picture: got %v, want %v", name, again, got)
		}
	}
}

func TestScaledIsFillOfTheSameBytes(t *testing.T) {
	spec := Image{Width: 2, Height: 2, Channels: RGB, Scale: DefaultScale, Mean: []float32{0.1, 0.2, 0.3}}
	want, got := make([]float32, 12), make([]float32, 12)
	spec.Fill(want, twoByTwo())
	spec.Scaled(got, []byte{255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255})
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFillResizesAndCrops(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 40, 20))
	for i := range grey.Pix {
		grey.Pix[i] = 100
		if i%40 >= 20 {
			grey.Pix[i] = 200
		}
	}
	spec := Image{Width: 8, Height: 6, Channels: Gray, Scale: 1}
	got := make([]float32, spec.Len())
	spec.Fill(got, grey)
	for i, v := range got {
		if want := float32(100); i%8 < 3 && v != want {
			t.Errorf("left, pixel %d: got %v, want %v", i, v, want)
		}
		if want := float32(200); i%8 > 4 && v != want {
			t.Errorf("right, pixel %d: got %v, want %v", i, v, want)
		}
	}
	spec = Image{Width: 2, Height: 1, Channels: Gray, Scale: 1}
	got = make([]float32, 2)
	if spec.Fill(got, grey.SubImage(image.Rect(19, 3, 21, 4))); !slices.Equal(got, []float32{100, 200}) {
		t.Errorf("a part that does not start at 0: got %v, want [100 200]", got)
	}
	if spec.Fill(got, image.NewNRGBA(image.Rect(0, 0, 2, 1))); !slices.Equal(got, []float32{0, 0}) {
		t.Errorf("transparent: got %v, want black", got)
	}
}

func TestDecodeImageReadsEveryFormat(t *testing.T) {
	cases := map[string]func(*bytes.Buffer) error{
		"png":  func(b *bytes.Buffer) error { return png.Encode(b, twoByTwo()) },
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, twoByTwo(), nil) },
		"gif":  func(b *bytes.Buffer) error { return gif.Encode(b, twoByTwo(), nil) },
		"bmp":  func(b *bytes.Buffer) error { return bmp.Encode(b, twoByTwo()) },
	}
	for name, encode := range cases {
		img, err := DecodeImage(encoded(t, encode), 0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if img.Bounds().Dx() != 2 || img.Bounds().Dy() != 2 {
			t.Errorf("%s: got %v, want 2 × 2", name, img.Bounds())
		}
	}
}

// pngOfSize is a PNG that says it has these sides, and has no pixels.
func pngOfSize(w, h uint32) []byte {
	chunk := append([]byte("IHDR"), make([]byte, 13)...)
	binary.BigEndian.PutUint32(chunk[4:], w)
	binary.BigEndian.PutUint32(chunk[8:], h)
	chunk[12], chunk[13] = 8, 2
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), chunk...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(chunk))
}

func TestDecodeImageRefuses(t *testing.T) {
	whole := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, twoByTwo()) })
	cases := map[string]struct {
		data []byte
		want string
	}{
		"nothing":                   {nil, "image: "},
		"a text":                    {[]byte("hello"), "image: "},
		"cut short":                 {whole[:len(whole)-20], "image: "},
		"beyond the limit":          {pngOfSize(2000, 3000), "the memory limit is 1000000"},
		"a side beyond all reason":  {pngOfSize(1, 1_000_000), "a side may have"},
		"sides that would overflow": {pngOfSize(1<<31-1, 1<<31-1), "image: "},
		"no pixels":                 {pngOfSize(0, 5), "image: "},
	}
	for name, c := range cases {
		if _, err := DecodeImage(c.data, 1_000_000); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestReadImageNamesThePath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bad.png")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, dir, filepath.Join(dir, "none.png")} {
		if _, err := ReadImage(p, 0); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("got error %v, want one that names %s", err, p)
		}
	}
}

func TestTensorRefusesBeyondTheLimit(t *testing.T) {
	spec := Image{Width: maxSide, Height: maxSide, Channels: RGB, Scale: 1}
	if _, err := spec.Tensor(twoByTwo(), 0); err == nil {
		t.Error("got no error for 12 GiB, want one")
	}
	spec.Width, spec.Height = 4, 4
	if x, err := spec.Tensor(twoByTwo(), 0); err != nil || x.String() != "float[1,3,4,4]" {
		t.Errorf("got %v, %v, want float[1,3,4,4]", x, err)
	}
}

func FuzzDecodeImage(f *testing.F) {
	for _, encode := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, twoByTwo()) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, twoByTwo(), nil) },
		func(b *bytes.Buffer) error { return gif.Encode(b, twoByTwo(), nil) },
		func(b *bytes.Buffer) error { return bmp.Encode(b, twoByTwo()) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := DecodeImage(data, 1<<20)
		if err != nil {
			return
		}
		spec := Image{Width: 3, Height: 2, Channels: RGB, Scale: DefaultScale}
		x := make([]float32, spec.Len())
		spec.Fill(x, img)
		for i, v := range x {
			if !(v >= 0 && v <= 1) {
				t.Errorf("element %d: got %v, want 0..1", i, v)
			}
		}
	})
}
