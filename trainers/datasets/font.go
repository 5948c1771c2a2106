package datasets

import (
	"fmt"
	"strings"
)

// The size of a letter with the blank column that parts it from the next, in pixels.
const (
	glyphWidth  = 6
	glyphHeight = 10
)

// glyphBands are the letters of the sheet, in its order; glyphSheet draws them, ten rows a band. A changed pixel changes
// every picture that was ever made from a seed.
const (
	glyphBands = "abcdefghijklm nopqrstuvwxyz 0123456789-"
	glyphSheet = `
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... #.... ..... ....# ..... ..##. ..... #.... ..#.. ...#. #.... .##.. .....
..... #.... ..... ....# ..... .#... ..... #.... ..... ..... #.... ..#.. .....
.###. ####. .###. .#### .###. ####. .#### ####. .##.. ..##. #..#. ..#.. ##.#.
....# #...# #.... #...# #...# .#... #...# #...# ..#.. ...#. #.#.. ..#.. #.#.#
.#### #...# #.... #...# ##### .#... #...# #...# ..#.. ...#. ##... ..#.. #.#.#
#...# #...# #.... #...# #.... .#... #...# #...# ..#.. ...#. #.#.. ..#.. #.#.#
.#### ####. .###. .#### .###. .#... .#### #...# .###. ...#. #..#. .###. #.#.#
..... ..... ..... ..... ..... ..... ....# ..... ..... ...#. ..... ..... .....
..... ..... ..... ..... ..... ..... .###. ..... ..... .##.. ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... .....
####. .###. ####. .#### #.##. .#### ####. #...# #...# #.#.# #...# #...# #####
#...# #...# #...# #...# ##... #.... .#... #...# #...# #.#.# .#.#. #...# ...#.
#...# #...# #...# #...# #.... .###. .#... #...# #...# #.#.# ..#.. #...# ..#..
#...# #...# #...# #...# #.... ....# .#... #...# .#.#. #.#.# .#.#. #...# .#...
#...# .###. ####. .#### #.... ####. ..##. .#### ..#.. .#.#. #...# .#### #####
..... ..... #.... ....# ..... ..... ..... ..... ..... ..... ..... ....# .....
..... ..... #.... ....# ..... ..... ..... ..... ..... ..... ..... .###. .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
.###. ..#.. .###. ####. ...#. ##### ..##. ##### .###. .###. .....
#...# .##.. #...# ....# ..##. #.... .#... ....# #...# #...# .....
#..## ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...# .....
#.#.# ..#.. ...#. .###. #..#. ....# ####. ..#.. .###. .#### .....
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....# .###.
#...# ..#.. .#... ....# ...#. #...# #...# .#... #...# ...#. .....
.###. .###. ##### ####. ...#. .###. .###. .#... .###. .##.. .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
`
)

// glyph is a letter, row by row; true is ink.
type glyph [glyphHeight][glyphWidth]bool

// glyphs reads the sheet.
func glyphs() map[rune]glyph {
	lines := strings.Split(strings.Trim(glyphSheet, "\n"), "\n")
	letters := make(map[rune]glyph)
	for band, names := range strings.Fields(glyphBands) {
		for column, name := range names {
			var g glyph
			for y := range glyphHeight {
				for x := range glyphWidth - 1 {
					g[y][x] = lines[band*glyphHeight+y][column*glyphWidth+x] == '#'
				}
			}
			letters[name] = g
		}
	}
	return letters
}

// point is a pixel's place.
type point struct{ x, y int }

// inkOf gives the pixels that a word blackens, from its upper left corner, and the size that its letters take.
func inkOf(word string, letters map[rune]glyph) (ink []point, width, height int, err error) {
	for i, r := range word {
		g, ok := letters[r]
		if !ok {
			return nil, 0, 0, fmt.Errorf("the font has no %q; it has a to z, 0 to 9 and the hyphen", r)
		}
		for y := range glyphHeight {
			for x := range glyphWidth {
				if g[y][x] {
					ink = append(ink, point{i*glyphWidth + x, y})
				}
			}
		}
	}
	return ink, len(word) * glyphWidth, glyphHeight, nil
}
