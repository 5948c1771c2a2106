package datasets

import (
	"strconv"
	"strings"
)

// digitShape is one way to write a digit: its strokes.
type digitShape []stroke

type stroke struct {
	points         []point // in a square of 100 by 100, from the upper left
	curved, closed bool
}

// digitSheet writes the digits. A line is a shape: the digit, then its strokes, each a kind and points x,y: "-" is drawn straight from
// point to point, "~" bends at the points between its ends, "o" is a closed curve. A changed number changes every image that was
// ever made from a seed.
const digitSheet = `
0 o 50,0 12,4 8,50 12,96 50,100 88,96 92,50 88,4
0 o 55,0 18,10 14,60 30,100 60,100 86,75 88,25
1 - 52,0 52,100
1 - 28,22 54,0 54,100
1 - 30,20 52,0 52,100 - 28,100 76,100
2 ~ 12,24 18,-4 82,-6 92,34 60,62 10,100 - 10,100 92,100
2 ~ 14,28 24,-8 84,-4 86,40 50,80 6,92 20,72 44,92 64,106 94,90
3 ~ 14,12 40,-8 92,2 88,42 40,46 - 40,46 46,46 ~ 44,46 100,48 98,100 40,110 8,84
3 - 14,2 84,2 46,40 ~ 46,40 100,44 96,98 40,110 10,86
4 - 62,0 8,66 94,66 - 66,34 66,100
4 - 22,0 14,52 86,52 - 76,4 72,100
5 - 86,2 24,2 18,42 ~ 18,42 46,30 98,40 94,92 44,110 8,88
5 ~ 22,4 16,44 50,34 96,46 88,98 36,108 8,86 - 22,4 82,0
6 ~ 78,2 38,10 6,52 8,104 62,110 94,84 82,48 40,44 12,70
6 ~ 62,0 28,30 10,66 18,102 70,106 84,70 58,54 16,72
7 - 8,4 90,4 ~ 90,4 62,44 44,100
7 - 10,4 88,4 ~ 88,4 60,44 44,100 - 28,52 78,52
8 o 50,0 16,4 18,44 50,48 82,44 84,4 o 50,48 6,54 10,100 50,102 90,100 94,54
8 ~ 78,14 50,-10 8,8 30,42 66,52 98,80 70,108 26,106 2,84 30,54 74,40 84,16 74,10
9 o 52,0 12,6 10,48 48,56 84,50 86,10 ~ 84,20 86,60 70,100
9 ~ 82,22 60,-8 10,2 8,50 50,62 86,40 84,8 - 84,16 80,100
`

// digitShapes reads the sheet.
func digitShapes() (shapes [10][]digitShape) {
	for _, line := range strings.Split(strings.TrimSpace(digitSheet), "\n") {
		words := strings.Fields(line)
		digit := number(words[0])
		var shape digitShape
		for _, w := range words[1:] {
			switch w {
			case "-", "~", "o":
				shape = append(shape, stroke{curved: w != "-", closed: w == "o"})
			default:
				x, y, _ := strings.Cut(w, ",")
				last := &shape[len(shape)-1]
				last.points = append(last.points, point{number(x), number(y)})
			}
		}
		shapes[digit] = append(shapes[digit], shape)
	}
	return shapes
}

// number reads a number of a sheet of this package.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic("datasets: a sheet has " + text + " for a number")
	}
	return n
}
