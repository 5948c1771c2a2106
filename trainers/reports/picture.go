package reports

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/gonyx/gonyx/onnx/rows"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// picture is a file of a run directory.
type picture struct {
	file    string
	caption string // what it shows, for the report
	image   image.Image
}

func (p picture) write(dir string) error {
	return rows.WriteFile(filepath.Join(dir, p.file), func(w io.Writer) error { return png.Encode(w, p.image) })
}

// Pixels an inch of plots, and of sheets, where a point is a pixel.
const (
	plotDPI  = 110
	sheetDPI = 72
)

// Sizes of text in points.
const (
	titleSize  = 13
	labelSize  = 10.5
	figureSize = 9.5
)

// Inks of plots.
var (
	black = color.RGBA{0x20, 0x20, 0x20, 0xff}
	faint = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
	grey  = color.RGBA{0x90, 0x90, 0x90, 0xff}
)

// lineInks tell curves apart on white; a curve takes the one of its number, from the start again where there are more. Never
// written.
var lineInks = [...]color.RGBA{
	{0x1f, 0x77, 0xb4, 0xff}, {0xe6, 0x6b, 0x0a, 0xff}, {0x2c, 0x9a, 0x3c, 0xff}, {0xc9, 0x2a, 0x2f, 0xff},
	{0x84, 0x5e, 0xb8, 0xff}, {0x8a, 0x56, 0x4a, 0xff}, {0xd6, 0x62, 0xb0, 0xff}, {0x17, 0x9a, 0xa8, 0xff},
	{0xae, 0xa4, 0x10, 0xff}, {0x58, 0x58, 0x58, 0xff},
}

func lineInk(i int) color.RGBA { return lineInks[i%len(lineInks)] }

// newCanvas makes a white canvas, its sizes in points.
func newCanvas(width, height vg.Length, dpi int) (*vgimg.Canvas, draw.Canvas) {
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	return c, draw.New(c)
}

// style is a text style of the house: sans serif, dark.
func style(size vg.Length, bold bool) text.Style {
	f := font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
	if bold {
		f.Weight = 3 // of golang.org/x/image/font: bold
	}
	return text.Style{Color: black, Font: f, Handler: plot.DefaultTextHandler, XAlign: draw.XCenter, YAlign: draw.YTop}
}

// newPlot makes an empty plot in the house's style.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding, p.Title.TextStyle = title, 6, style(titleSize, true)
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = style(labelSize, false).Font, black
		a.Tick.Label.Font, a.Tick.Label.Color = style(figureSize, false).Font, black
		a.Tick.Length, a.Tick.LineStyle.Color, a.LineStyle.Color = 4, grey, grey
		a.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick { return ticks(low, high, 6, 0) })
		a.Padding, a.Label.Padding = 4, 3
	}
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = style(figureSize, false).Font, black
	p.Legend.ThumbnailWidth, p.Legend.Padding, p.Legend.YPosition = 18, 3, draw.PosCenter
	return p
}

// ticks gives round numbers within a range, at most about so many, none closer than least.
func ticks(low, high float64, most int, least float64) []plot.Tick {
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) {
		return nil
	}
	raw := max(span/float64(most), least)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	step := power
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * power; step >= raw*(1-1e-9) {
			break
		}
	}
	var list []plot.Tick
	first := math.Ceil(low/step - 1e-9)
	for i := range most + 2 {
		v := (first+float64(i))*step + 0 // no negative zero
		if v > high+step*1e-9 {
			break
		}
		list = append(list, plot.Tick{Value: v, Label: tickText(v, step)})
	}
	return list
}

// tickText writes a multiple of step with no more digits than step has.
func tickText(v, step float64) string {
	if math.Abs(v) >= 1e6 || step < 1e-3 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, int(-math.Floor(math.Log10(step)+1e-9))), 64)
}

// plain makes a name from anywhere fit for a label of a picture.
func plain(name string) string {
	const most = 24
	letters := []rune(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, name))
	if len(letters) > most {
		letters = append(letters[:most-1], '…')
	}
	return string(letters)
}

// gridLines rules a plot at the marks of its axes, which are drawn only where they are within their range.
type gridLines struct{}

// Plot draws the lines.
func (gridLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line := draw.LineStyle{Color: faint, Width: 0.6}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		c.StrokeLine2(line, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(line, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
}
