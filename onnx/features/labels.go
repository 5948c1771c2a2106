package features

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// LabelCell is one cell of a label file: what it holds, in whole pixels of the picture.
type LabelCell struct {
	Class  int // -1 where the cell holds nothing
	CX, CY int // centre; of the cell itself where it holds nothing
	W, H   int
}

// labelsEnd is the line behind the last cell.
const labelsEnd = "---"

// ReadLabels reads a label file: for each cell, row by row, a line with the class one-hot over the class names and
// *none*, a line with centre x, centre y, width and height in whole pixels, a line with the confidence, 0 or 1; after the
// last cell a line "---". Blank lines and what stands behind a semicolon are passed over. It gives the number of classes,
// *none* left out. Errors name the file as name does, and the line.
func ReadLabels(r io.Reader, name string) (classes int, cells []LabelCell, err error) {
	p := labelReader{lines: bufio.NewScanner(r), name: name}
	for {
		numbers, end, err := p.next()
		if err != nil {
			return 0, nil, err
		}
		if end {
			break
		}
		cell, n, err := p.cell(numbers)
		if err != nil {
			return 0, nil, err
		}
		if len(cells) > 0 && n != classes {
			return 0, nil, p.errorf("%d classes, the cells before have %d", n, classes)
		}
		if classes = n; len(cells) == maxGrid*maxGrid {
			return 0, nil, p.errorf("more than %d cells", maxGrid*maxGrid)
		}
		cells = append(cells, cell)
	}
	if len(cells) == 0 {
		return 0, nil, p.errorf("no cell before %s", labelsEnd)
	}
	for p.lines.Scan() {
		p.line++
		if text := strings.TrimSpace(p.lines.Text()); text != "" {
			return 0, nil, p.errorf("%q behind %s", clip(text), labelsEnd)
		}
	}
	if err := p.lines.Err(); err != nil {
		return 0, nil, p.errorf("%v", err)
	}
	return classes, cells, nil
}

type labelReader struct {
	lines *bufio.Scanner
	name  string
	line  int
}

func (p *labelReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: line %d: %s", p.name, p.line, fmt.Sprintf(format, args...))
}

// next gives the whole numbers of the next line that has any, or says that the last line is reached.
func (p *labelReader) next() (numbers []int, end bool, err error) {
	for p.lines.Scan() {
		p.line++
		text, _, _ := strings.Cut(p.lines.Text(), ";")
		text = strings.TrimSpace(text)
		if text == labelsEnd {
			return nil, true, nil
		}
		if text == "" {
			continue
		}
		for _, word := range strings.Fields(text) {
			n, err := strconv.ParseInt(word, 10, 32)
			if err != nil {
				return nil, false, p.errorf("%q is not a whole number", clip(word))
			}
			numbers = append(numbers, int(n))
		}
		return numbers, false, nil
	}
	if err := p.lines.Err(); err != nil {
		p.line++
		return nil, false, p.errorf("%v", err)
	}
	return nil, false, p.errorf("the file ends without %s: it is cut short", labelsEnd)
}

// more gives the numbers of a further line of a cell.
func (p *labelReader) more(want int, what string) ([]int, error) {
	numbers, end, err := p.next()
	if err != nil {
		return nil, err
	}
	if end || len(numbers) != want {
		return nil, p.errorf("%d numbers, want %s", len(numbers), what)
	}
	return numbers, nil
}

// cell reads a cell of which the first line is there already.
func (p *labelReader) cell(oneHot []int) (LabelCell, int, error) {
	classes := len(oneHot) - 1
	if classes < 1 {
		return LabelCell{}, 0, p.errorf("%d numbers, want one for each class and one for none", len(oneHot))
	}
	class := -1
	for i, v := range oneHot {
		if v != 0 && v != 1 || v == 1 && class >= 0 {
			return LabelCell{}, 0, p.errorf("%s: want one 1 and else 0", clip(fmt.Sprint(oneHot)))
		}
		if v == 1 {
			class = i
		}
	}
	if class < 0 {
		return LabelCell{}, 0, p.errorf("%s: want one 1 and else 0", clip(fmt.Sprint(oneHot)))
	}
	box, err := p.more(4, "centre x, centre y, width, height")
	if err != nil {
		return LabelCell{}, 0, err
	}
	if box[2] < 1 || box[3] < 1 {
		return LabelCell{}, 0, p.errorf("a size of %d × %d pixels", box[2], box[3])
	}
	confidence, err := p.more(1, "the confidence, 0 or 1")
	if err != nil {
		return LabelCell{}, 0, err
	}
	want := 1
	if class == classes {
		class, want = -1, 0
	}
	if confidence[0] != want {
		return LabelCell{}, 0, p.errorf("confidence %d, but by its class the cell has %d", confidence[0], want)
	}
	return LabelCell{Class: class, CX: box[0], CY: box[1], W: box[2], H: box[3]}, classes, nil
}

// WriteLabels writes a label file as [ReadLabels] reads it.
func WriteLabels(w io.Writer, classes int, cells []LabelCell) error {
	b := bufio.NewWriter(w)
	for _, c := range cells {
		class, confidence := c.Class, 1
		if class < 0 {
			class, confidence = classes, 0
		}
		for i := range classes + 1 {
			if i > 0 {
				b.WriteByte(' ')
			}
			if i == class {
				b.WriteByte('1')
			} else {
				b.WriteByte('0')
			}
		}
		fmt.Fprintf(b, "\n%d %d %d %d\n%d\n", c.CX, c.CY, c.W, c.H, confidence)
	}
	b.WriteString(labelsEnd + "\n")
	return b.Flush()
}

// Labels lays boxes into the grid as a label file holds them, rounded to whole pixels. Boxes that found no place are
// given back, see [Grid.Encode].
func (g Grid) Labels(boxes []Box) (cells []LabelCell, lost []Box) {
	w, h := g.CellSize()
	cells = make([]LabelCell, g.Cells())
	for i := range cells {
		cells[i] = LabelCell{Class: -1, CX: round((float64(i%g.Columns) + 0.5) * w), CY: round((float64(i/g.Columns) + 0.5) * h),
			W: max(1, round(w)), H: max(1, round(h))}
	}
	for _, b := range boxes {
		cell := g.CellOf(b.CX, b.CY)
		if cell < 0 || cells[cell].Class >= 0 {
			lost = append(lost, b)
			continue
		}
		cells[cell] = LabelCell{Class: b.Class, CX: round(b.CX), CY: round(b.CY), W: max(1, round(b.W)), H: max(1, round(b.H))}
	}
	return cells, lost
}

func round(v float64) int { return int(math.Round(v)) }

// ErrCells says that a label file has not as many cells as the grid.
var ErrCells = errors.New("another number of cells than the grid has")

// EncodeLabels writes a label file's cells to the target y, [cells, classes + none + 5], each object to the cell it stands
// at in the file. It fails where the number of cells is not the grid's, and where a centre lies beyond its cell's edges
// by more than the pixel that rounding may cost.
func (g Grid) EncodeLabels(cells []LabelCell, y []float32) error {
	if len(cells) != g.Cells() {
		return fmt.Errorf("%w: %d, the grid is %d × %d", ErrCells, len(cells), g.Columns, g.Rows)
	}
	g.empty(y)
	w, h := g.CellSize()
	for i, c := range cells {
		if c.Class < 0 {
			continue
		}
		left, top := float64(i%g.Columns)*w, float64(i/g.Columns)*h
		if c.Class >= g.Classes {
			return fmt.Errorf("cell %d: class %d of %d", i, c.Class, g.Classes)
		}
		cx, cy := float64(c.CX), float64(c.CY)
		if cx < left-1 || cx > left+w+1 || cy < top-1 || cy > top+h+1 {
			return fmt.Errorf("cell %d: the centre %d, %d lies outside of it: it spans %g to %g and %g to %g",
				i, c.CX, c.CY, left, left+w, top, top+h)
		}
		g.put(y, i, Box{Class: c.Class, W: float64(c.W), H: float64(c.H),
			CX: min(max(cx, left), left+w), CY: min(max(cy, top), top+h)})
	}
	return nil
}
