package datasets

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/gonyx/gonyx/onnx/rows"
)

// DefaultNewsRows is how many texts [NewNews] makes where no limit is given.
const DefaultNewsRows = 2000

// The words that generated news are made of. Some stand under two topics, and the plain ones under all, so that no single
// word gives every text away. A changed word changes every text that was ever made from a seed.
const (
	newsPlain = `a about after again and as at before between by despite during early for from further general has have high in
		into large late local long major many may members more most near new no not of officials on one open over people plans
		public report reported said says several since small some still ten that the their this three to today two under until
		week weeks when while who will with year years yesterday`
)

// newsTopics are the classes and their words. Never written.
var newsTopics = [...]struct{ class, words string }{
	{"business", `analysts bank banks bonds budget buyers cash company costs customers deal debt demand dividend dollar earnings
		economy euro exchange exports factory fees firm forecast fund futures growth imports inflation insurance investors jobs
		lenders loan losses margins market merger oil orders output owners payments pension premium price prices profit quarter
		rates retail revenue sales savings sector shareholders shares stocks strike supplier tariffs tax trade traders union wages`},
	{"sports", `athlete baseball basketball boxing captain champion championship club coach contest court cup cycling defeat
		defender draw fans final finals football fitness goal goals golf hockey injury innings judges league manager marathon
		match medal olympic overtime penalty pitcher player players points quarter race record referee relay rider rivals round
		rugby runner score season squad stadium striker sprint swimmer team tennis title tournament training transfer victory win`},
	{"technology", `algorithm antenna application astronomers atoms battery browser bug cable camera chemists chip chips circuit
		code company computer computers data database device devices disk download energy engineers experiment galaxy genes
		hackers hardware internet laboratory laser launch lens memory microscope mobile model molecule network networks orbit
		patent phone planet processor program quantum radio research robot rocket satellite scientists screen search security
		sensor server signal software species storage telescope users video virus web wireless`},
	{"world", `accord agency aid ambassador army attack ballot bomb border cabinet campaign capital ceasefire charges coalition
		conflict council coup court crisis delegation democracy disaster earthquake elections embassy envoy exile flood force
		government hostage human leader leaders military minister ministry mission nations negotiations opposition parliament
		peace police president prime protest rebels refugees regime relief rescue rights security soldiers summit talks
		territory treaty troops victims violence vote war`},
}

func newsSource() Source {
	return Source{
		Name:      "news",
		Summary:   "labelled sentences of four topics, made of word lists from the seed, as a bag of words",
		Options:   []Option{wordsOption()},
		Generated: true,
		Open:      func(c Config) (Dataset, error) { return NewNews(c) },
	}
}

// News are texts made from a seed, the same ones every epoch, with the words and classes learnt from them. See [Texts].
type News struct {
	*Texts
	seed  uint64
	words int
}

// NewNews makes the texts; Config.Limit is their number, 0 stands for [DefaultNewsRows].
func NewNews(c Config) (*News, error) {
	s := newSettings("news", c.Set)
	words := readWords(s)
	if err := s.done(); err != nil {
		return nil, err
	}
	count := c.Limit
	if count <= 0 {
		count = DefaultNewsRows
	}
	// Held-out rows are others, so that the words are learnt from all of these.
	t, err := newTexts("news", newsTexts(c.Seed, streamTrain, count), textSettings{words: words, all: true, classes: newsClasses()}, c)
	if err != nil {
		return nil, err
	}
	return &News{t, c.Seed, words}, nil
}

// HeldOut gives as many texts that training never sees, as rows of the words that it learnt.
func (n *News) HeldOut(rows int) Dataset {
	t, err := newTexts("news", newsTexts(n.seed, streamHeldOut, rows), textSettings{words: n.words}, Config{Features: n.info.Recipe})
	if err != nil {
		panic("datasets: news: texts of classes of their own") // NewNews has been through all of them
	}
	return t
}

// newsClasses names the topics.
func newsClasses() []string {
	var names []string
	for _, t := range newsTopics {
		names = append(names, t.class)
	}
	return names
}

// WriteNews writes so many texts as a CSV table, text and label, without a header. They are none of those that [NewNews] makes of
// the same seed.
func WriteNews(ctx context.Context, path string, seed uint64, count int) error {
	return rows.WriteFile(path, func(w io.Writer) error {
		table := csv.NewWriter(w)
		for _, row := range newsTexts(seed, streamFiles, count) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := table.Write([]string{row.text, row.label}); err != nil {
				return err
			}
		}
		table.Flush()
		return table.Error()
	})
}

// newsTexts draws texts. The order in which random numbers are drawn is part of what a seed means.
func newsTexts(seed, stream uint64, count int) []labelledText {
	plain := strings.Fields(newsPlain)
	var topics [len(newsTopics)][]string
	for i, t := range newsTopics {
		topics[i] = strings.Fields(t.words)
	}
	list := make([]labelledText, count)
	for i := range list {
		var key [32]byte
		copy(key[:], "news")
		binary.LittleEndian.PutUint64(key[8:], seed)
		binary.LittleEndian.PutUint64(key[16:], stream)
		binary.LittleEndian.PutUint64(key[24:], uint64(i))
		random := dice{rand.NewChaCha8(key)}
		topic := random.below(len(topics))
		words := make([]string, 10+random.below(21))
		for j := range words {
			from := plain
			switch kind := random.below(100); {
			case kind < 22: // its own topic
				from = topics[topic]
			case kind < 30: // any topic
				from = topics[random.below(len(topics))]
			}
			words[j] = from[random.below(len(from))]
		}
		for j := 6 + random.below(6); j < len(words)-2; j += 6 + random.below(6) {
			words[j] += ","
		}
		text := strings.Join(words, " ") + "."
		list[i] = labelledText{strings.ToUpper(text[:1]) + text[1:], newsTopics[topic].class}
	}
	return list
}
