package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Pixels are images of bytes held in memory, with a class number each where there are labels.
//
// Fields are x, float [channels, height, width] from 0 to 1, and y, int64 [].
type Pixels struct {
	info   Info
	image  features.Image
	pixels []byte  // [rows, channels, height, width]
	labels []int64 // nil without
}

// idxPart are the names that files of one part of the data begin with or have in them.
var idxParts = map[string][]string{"train": {"train"}, "test": {"t10k", "test"}}

func idxSource() Source {
	return Source{
		Name:    "IDX images",
		Summary: "a folder with files as MNIST has them, train-images-idx3-ubyte and train-labels-idx1-ubyte, gzip or not",
		Options: []Option{partOption()},
		Accepts: func(path string, info fs.FileInfo) bool {
			if !info.IsDir() {
				return isIDX(filepath.Base(path), "3")
			}
			images, _ := idxFiles(path, "3")
			return len(images) > 0
		},
		Open: func(c Config) (Dataset, error) { return OpenIDX(c) },
	}
}

func partOption() Option { return Option{"part", "train", "which files: train, or test"} }

// isIDX says whether a file has the name of an IDX file of bytes with so many dimensions.
func isIDX(name, dimensions string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	return strings.HasSuffix(name, "idx"+dimensions+"-ubyte") || dimensions == "3" && strings.HasSuffix(name, ".idx") && strings.Contains(name, "images") ||
		dimensions == "1" && strings.HasSuffix(name, ".idx") && strings.Contains(name, "labels")
}

// idxFiles lists the files of a folder with so many dimensions; of two that differ by .gz the one that is not packed.
func idxFiles(folder, dimensions string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && isIDX(e.Name(), dimensions) && !slices.Contains(names, strings.TrimSuffix(e.Name(), ".gz")) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// OpenIDX reads the images of the folder at Config.Path, or the file there, and the labels beside them.
func OpenIDX(c Config) (Dataset, error) {
	s := newSettings(filepath.Base(c.Path), c.Set)
	part := s.oneOf("part", "train", "test")
	if err := s.done(); err != nil {
		return nil, err
	}
	info, err := os.Stat(c.Path)
	if err != nil {
		return nil, err
	}
	folder, images := c.Path, ""
	if info.IsDir() {
		if images, err = idxOfPart(folder, part); err != nil {
			return nil, err
		}
	} else {
		folder, images = filepath.Dir(c.Path), filepath.Base(c.Path)
	}
	p, err := readIDXPair(folder, images, c.MemoryLimit)
	if err != nil {
		return nil, err
	}
	p.info.Name = filepath.Base(c.Path)
	return First(p, c.Limit), nil
}

// idxOfPart finds the file of a part's images.
func idxOfPart(folder, part string) (string, error) {
	names, err := idxFiles(folder, "3")
	if err != nil {
		return "", err
	}
	var found []string
	for _, name := range names {
		if slices.ContainsFunc(idxParts[part], func(word string) bool { return strings.Contains(strings.ToLower(name), word) }) {
			found = append(found, name)
		}
	}
	if len(found) == 0 && len(names) == 1 && part == "train" {
		found = names // a folder of one pair without parts
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s: there are no images of the part %q; there are %s", folder, part, strings.Join(names, ", "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s: several files could be the part %q: %s; give one of them as the data", folder, part, strings.Join(found, ", "))
}

// readIDXPair reads images, and labels where a file of the same name is beside them.
func readIDXPair(folder, images string, limit int64) (*Pixels, error) {
	path := filepath.Join(folder, images)
	x, err := rows.ReadIDXFile(path, limit)
	if err != nil {
		return nil, err
	}
	if x.Type != onnx.Uint8 || len(x.Dims) != 3 {
		return nil, fmt.Errorf("%s: it holds %v, images are uint8 [rows, height, width]", path, x)
	}
	p, err := newPixels(images, x.Data, 1, x.Dims[1], x.Dims[2])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	labels, err := labelsOf(folder, images)
	if err != nil || labels == "" {
		return p, err
	}
	path = filepath.Join(folder, labels)
	y, err := rows.ReadIDXFile(path, limit)
	if err != nil {
		return nil, err
	}
	if y.Type != onnx.Uint8 || len(y.Dims) != 1 || y.Dims[0] != x.Dims[0] {
		return nil, fmt.Errorf("%s: it holds %v, labels of %s are uint8 [%d]", path, y, images, x.Dims[0])
	}
	classes := 10 // digits, unless there are more
	p.labels = make([]int64, len(y.Data))
	for i, v := range y.Data {
		p.labels[i] = int64(v)
		classes = max(classes, int(v)+1)
	}
	names := make([]string, classes)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	p.label(names)
	return p, nil
}

// labelsOf finds the labels' file by the images' name; "" where there is none.
func labelsOf(folder, images string) (string, error) {
	names, err := idxFiles(folder, "1")
	if err != nil {
		return "", err
	}
	plain := func(name string) string {
		name = strings.TrimSuffix(strings.ToLower(name), ".gz")
		for _, w := range []string{"idx3", "idx1", "images", "labels"} {
			name = strings.ReplaceAll(name, w, "")
		}
		return name
	}
	for _, name := range names {
		if plain(name) == plain(images) {
			return name, nil
		}
	}
	return "", nil
}

// newPixels makes a data set of images without labels.
func newPixels(name string, pixels []byte, channels, height, width int64) (*Pixels, error) {
	p := &Pixels{pixels: pixels}
	size := channels * height * width
	if size <= 0 || len(pixels) == 0 {
		return nil, fmt.Errorf("there are no images")
	}
	recipe := imageRecipe([]int64{channels, height, width})
	recipe.Task = features.TaskReconstruction
	if err := recipe.Check(); err != nil {
		return nil, err
	}
	recipe.Task = "" // the network's to say
	p.image = *recipe.Image
	p.info = Info{Name: name, Rows: len(pixels) / int(size), Recipe: recipe,
		Fields: []Field{{FieldX, onnx.Float, []int64{channels, height, width}}}}
	return p, nil
}

// label declares the class numbers.
func (p *Pixels) label(names []string) {
	p.info.Recipe.Classes = names
	p.info.Fields = append(p.info.Fields, Field{FieldY, onnx.Int64, []int64{}})
}

// Info describes the images.
func (p *Pixels) Info() Info { return p.info }

// Read scales images.
func (p *Pixels) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(p.info, rows, into)
	x, n := into[0].Float32s(), p.image.Len()
	for i, row := range rows {
		p.image.Scaled(x[i*n:(i+1)*n], p.pixels[row*n:(row+1)*n])
		if p.labels != nil {
			into[1].Int64s()[i] = p.labels[row]
		}
	}
	return nil
}

// Digest hashes images and labels.
func (p *Pixels) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "pixels %v rows %d classes %q\n", p.info.Fields[0].Dims, p.info.Rows, p.info.Recipe.Classes)
	h.Write(p.pixels)
	h.Write(onnx.BytesOf(p.labels))
	return hex.EncodeToString(h.Sum(nil)), nil
}
