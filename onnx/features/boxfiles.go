package features

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxLabelFile bounds a label file in bytes, and maxObjects the objects in it.
const (
	maxLabelFile = 16 << 20
	maxObjects   = 1 << 16
)

// ReadYOLO reads a label file of the YOLO kind, as LabelImg, Yolo Mark and CVAT write them: a line for each object with class number,
// centre x, centre y, width and height in fractions of the picture. Blank lines are passed over. The boxes are in these fractions; an
// empty file is a picture with nothing in it. Errors name the file as name does, and the line.
func ReadYOLO(r io.Reader, name string) ([]Box, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxLabelFile))
	var boxes []Box
	for line := 1; lines.Scan(); line++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		b, err := yoloBox(words)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, line, err)
		}
		if len(boxes) == maxObjects {
			return nil, fmt.Errorf("%s: line %d: more than %d objects", name, line, maxObjects)
		}
		boxes = append(boxes, b)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return boxes, nil
}

func yoloBox(words []string) (Box, error) {
	if len(words) != 5 {
		return Box{}, fmt.Errorf("%d numbers, want class, centre x, centre y, width, height", len(words))
	}
	class, err := strconv.ParseInt(words[0], 10, 32)
	if err != nil || class < 0 || class >= maxClasses {
		return Box{}, fmt.Errorf("%q is not a class number", clip(words[0]))
	}
	var v [4]float64
	for i, w := range words[1:] {
		if v[i], err = strconv.ParseFloat(w, 64); err != nil || !(v[i] >= 0 && v[i] <= 1) {
			return Box{}, fmt.Errorf("%q is not a fraction of the picture, 0 to 1", clip(w))
		}
	}
	if v[2] == 0 || v[3] == 0 {
		return Box{}, fmt.Errorf("a box of %g × %g has no area", v[2], v[3])
	}
	return Box{Class: int(class), CX: v[0], CY: v[1], W: v[2], H: v[3], Score: 1}, nil
}

// NamedBox is an object of a label file that names its class.
type NamedBox struct {
	Name string
	Box  // without a class number; in fractions of the picture
}

// vocFile is the part of a Pascal VOC annotation that says what is in the picture.
type vocFile struct {
	XMLName xml.Name `xml:"annotation"`
	Size    struct {
		Width  float64 `xml:"width"`
		Height float64 `xml:"height"`
	} `xml:"size"`
	Objects []struct {
		Name string `xml:"name"`
		Box  *struct {
			Left   float64 `xml:"xmin"`
			Top    float64 `xml:"ymin"`
			Right  float64 `xml:"xmax"`
			Bottom float64 `xml:"ymax"`
		} `xml:"bndbox"`
	} `xml:"object"`
}

// ReadVOC reads a label file of the Pascal VOC kind (M. Everingham et al., "The PASCAL Visual Object Classes Challenge", 2010), as LabelImg
// and CVAT write them: XML with the picture's size and for each object its name and corners in pixels. The boxes are in fractions of
// the picture, cut off at its border. Errors name the file as name does.
func ReadVOC(r io.Reader, name string) ([]NamedBox, error) {
	var f vocFile
	if err := xml.NewDecoder(io.LimitReader(r, maxLabelFile)).Decode(&f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w, h := f.Size.Width, f.Size.Height
	if !(w >= 1 && w <= maxPicture && h >= 1 && h <= maxPicture) {
		return nil, fmt.Errorf("%s: the picture's size is %g × %g; the file must say how large it is", name, w, h)
	}
	if len(f.Objects) > maxObjects {
		return nil, fmt.Errorf("%s: %d objects, at most %d", name, len(f.Objects), maxObjects)
	}
	boxes := make([]NamedBox, 0, len(f.Objects))
	for i, o := range f.Objects {
		n := strings.TrimSpace(o.Name)
		if n == "" || o.Box == nil {
			return nil, fmt.Errorf("%s: object %d: it has no name or no bndbox", name, i+1)
		}
		left, right := max(0, o.Box.Left), min(w, o.Box.Right)
		top, bottom := max(0, o.Box.Top), min(h, o.Box.Bottom)
		if !(right > left && bottom > top) {
			return nil, fmt.Errorf("%s: object %d, %q: a box from %g,%g to %g,%g has no area in a picture of %g × %g", name, i+1, clip(n),
				o.Box.Left, o.Box.Top, o.Box.Right, o.Box.Bottom, w, h)
		}
		boxes = append(boxes, NamedBox{n, Box{CX: (left + right) / 2 / w, CY: (top + bottom) / 2 / h, W: (right - left) / w, H: (bottom - top) / h, Score: 1}})
	}
	return boxes, nil
}

// maxPicture bounds a side that a label file gives, in pixels.
const maxPicture = 1 << 20
