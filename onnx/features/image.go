package features

// Channels says which colours an image tensor holds and in which order.
type Channels string

// The channel orders.
const (
	RGB  Channels = "rgb"
	BGR  Channels = "bgr"
	Gray Channels = "gray" // luma of ITU-R BT.601, as image/color has it
)

// Count gives the number of channels, or 0 for an order that does not exist.
func (c Channels) Count() int {
	switch c {
	case RGB, BGR:
		return 3
	case Gray:
		return 1
	}
	return 0
}

// DefaultScale brings bytes to 0..1.
const DefaultScale = float32(1) / 255

// Image says how a picture becomes a float tensor [1, channels, height, width]: resized to Width × Height, then
// for each channel c (pixel·Scale - Mean[c]) / Deviation[c], where pixel is 0..255.
type Image struct {
	Width, Height int
	Channels      Channels
	Scale         float32   // see [DefaultScale]
	Mean          []float32 // one a channel, or none: 0
	Deviation     []float32 // one a channel, or none: 1
}

// Len counts the elements of one image.
func (m *Image) Len() int { return m.Channels.Count() * m.Height * m.Width }

func (m *Image) check() error {
	switch {
	case m.Width < 1 || m.Width > maxSide:
		return unsound("image.width", "%d is not within 1..%d", m.Width, maxSide)
	case m.Height < 1 || m.Height > maxSide:
		return unsound("image.height", "%d is not within 1..%d", m.Height, maxSide)
	case m.Channels.Count() == 0:
		return unsound("image.channels", "%q is none of %q", clip(string(m.Channels)), []Channels{RGB, BGR, Gray})
	case !finite(float64(m.Scale)) || m.Scale <= 0:
		return unsound("image.scale", "%g is not a positive number", m.Scale)
	case len(m.Mean) != 0 && len(m.Mean) != m.Channels.Count():
		return unsound("image.mean", "%d numbers for %d channels", len(m.Mean), m.Channels.Count())
	case len(m.Deviation) != 0 && len(m.Deviation) != m.Channels.Count():
		return unsound("image.deviation", "%d numbers for %d channels", len(m.Deviation), m.Channels.Count())
	}
	for _, v := range m.Mean {
		if !finite(float64(v)) {
			return unsound("image.mean", "%g is not finite", v)
		}
	}
	for _, v := range m.Deviation {
		if !finite(float64(v)) || v <= 0 {
			return unsound("image.deviation", "%g is not a positive number", v)
		}
	}
	return nil
}
