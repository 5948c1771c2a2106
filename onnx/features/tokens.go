package features

import (
	"fmt"
	"strings"
	"unicode"
)

// Tokenizer names the rules by which a text falls into words. There is one set of rules; it is written down so that another one
// can never be mistaken for it.
type Tokenizer string

// KerasTokenizer has the rules of the Keras Tokenizer: lower case; the characters of tokenFilter become blanks; what blanks part is a word.
// Other white space than the blank, tab and newline stays in words, as it does there.
const KerasTokenizer Tokenizer = "keras"

// tokenFilter are the characters that part words, as the Keras Tokenizer's default has them.
const tokenFilter = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"

// Words gives the words of a text, in order.
func Words(text string) []string {
	return strings.FieldsFunc(lower(text), func(r rune) bool {
		return r == ' ' || r < unicode.MaxASCII && strings.IndexByte(tokenFilter, byte(r)) >= 0
	})
}

// lower gives a text in small letters as Unicode's full mapping has them, which differs from the simple one, that of package strings,
// for two letters: İ becomes i with a dot above, and a Σ at the end of a word ς.
func lower(text string) string {
	if !strings.ContainsAny(text, "İΣ") {
		return strings.ToLower(text)
	}
	letters := []rune(text)
	var b strings.Builder
	for i, r := range letters {
		switch {
		case r == 'İ':
			b.WriteString("i̇")
		case r == 'Σ' && casedBeside(letters, i, -1) && !casedBeside(letters, i, 1):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// casedBeside says whether the next letter in that direction that has a case follows with nothing between but marks.
func casedBeside(letters []rune, at, step int) bool {
	for i := at + step; i >= 0 && i < len(letters); i += step {
		r := letters[i]
		switch {
		case unicode.IsUpper(r), unicode.IsLower(r), unicode.IsTitle(r):
			return true
		case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Lm, r),
			unicode.Is(unicode.Sk, r), r == '\'', r == '.', r == ':', r == '·', r == '’':
		default:
			return false
		}
	}
	return false
}

// check says whether the rules named under a key of the recipe are known.
func (t Tokenizer) check(key string) error {
	if t != KerasTokenizer {
		return unsound(key, "%q is none of %q", clip(string(t)), []Tokenizer{KerasTokenizer})
	}
	return nil
}

// Counter learns a vocabulary from texts: feed it each with [Counter.Add], then ask for [Counter.Text].
type Counter struct {
	index map[string]int32 // of a word
	words []string         // in the order of first appearance
	count []int64          // how often each word appears
	texts []int64          // how many texts have each word
	last  []int64          // number of the text that had each word last, from 1
	added int64
}

// NewCounter makes a counter that has seen nothing.
func NewCounter() *Counter { return &Counter{index: make(map[string]int32)} }

// Add counts the words of a text.
func (c *Counter) Add(text string) {
	c.added++
	for _, w := range Words(text) {
		i, ok := c.index[w]
		if !ok {
			i = int32(len(c.words))
			w = strings.Clone(w) // a word must not keep its text alive
			c.index[w] = i
			c.words, c.count, c.texts, c.last = append(c.words, w), append(c.count, 0), append(c.texts, 0), append(c.last, 0)
		}
		c.count[i]++
		if c.last[i] != c.added {
			c.texts[i]++
			c.last[i] = c.added
		}
	}
}

// Texts counts the texts that were added.
func (c *Counter) Texts() int64 { return c.added }

// String says what was counted.
func (c *Counter) String() string {
	return fmt.Sprintf("%d different words in %d texts", len(c.words), c.added)
}
