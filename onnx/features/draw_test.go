package features

import (
	"image"
	"image/color"
	"math"
	"testing"
)

func TestDrawFramesTheBox(t *testing.T) {
	black := image.NewGray(image.Rect(0, 0, 64, 64))
	out := Draw(black, []Box{{Class: 1, CX: 32, CY: 40, W: 20, H: 10, Score: 0.5}}, []string{"chat", "rat"})
	if got, want := out.Bounds(), image.Rect(0, 0, 320, 320); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	ink := boxColours[1]
	cases := map[string]struct {
		x, y int
		want color.RGBA
	}{
		"upper left corner":  {(32 - 10) * 5, (40 - 5) * 5, ink},
		"lower right corner": {(32+10)*5 - 1, (40+5)*5 - 1, ink},
		"the middle":         {32 * 5, 40 * 5, color.RGBA{A: 255}},
		"outside":            {(32 - 11) * 5, 41 * 5, color.RGBA{A: 255}},
		"the label's strip":  {(32 - 10) * 5, 35*5 - 13, ink},
	}
	for name, c := range cases {
		if got := out.RGBAAt(c.x, c.y); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if black.GrayAt(22, 35).Y != 0 {
		t.Error("the picture given was drawn on, want a copy")
	}
}

func TestDrawTakesAnyBox(t *testing.T) {
	huge := math.MaxFloat32
	boxes := []Box{{CX: -huge, CY: huge, W: huge, H: huge}, {Class: 99, CX: 1, CY: 1, W: -5, H: 0, Score: 2},
		{CX: 32, CY: 0, W: 64, H: 200, Score: 1}}
	for _, size := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(5, 5, 9, 400), image.Rect(0, 0, 700, 3)} {
		out := Draw(image.NewRGBA(size), boxes, nil)
		if out.Bounds().Dx()%size.Dx() != 0 || out.Bounds().Dy()%size.Dy() != 0 {
			t.Errorf("%v: got %v, want a multiple", size, out.Bounds())
		}
	}
}

func TestBeside(t *testing.T) {
	white := image.NewGray(image.Rect(3, 3, 13, 8))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	out := Beside(white, image.NewRGBA(image.Rect(0, 0, 2, 9)), white)
	if got, want := out.Bounds(), image.Rect(0, 0, 10+8+2+8+10, 9); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	for x, want := range map[int]uint8{0: 255, 9: 255, 10: 0, 27: 0, 28: 255, 37: 255} {
		if got := out.RGBAAt(x, 0).R; got != want {
			t.Errorf("column %d: got %d, want %d", x, got, want)
		}
	}
}

func TestDrawEnlargedKeepsToItsFactor(t *testing.T) {
	out := DrawEnlarged(image.NewGray(image.Rect(0, 0, 64, 48)), []Box{{CX: 32, CY: 30, W: 20, H: 10, Score: 1}}, []string{"chat"}, 3)
	if got, want := out.Bounds(), image.Rect(0, 0, 192, 144); got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got, want := out.RGBAAt((32-10)*3, (30+5)*3-1), boxColours[0]; got != want {
		t.Errorf("lower left corner: got %v, want %v", got, want)
	}
}
