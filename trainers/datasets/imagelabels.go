package datasets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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

// The parts of a folder of pictures with labels. Class names stand in classes.txt, one a line; a folder without it has
// classes without names.
const (
	imagesFolder = "Images"
	labelsFolder = "Labels"
	classesFile  = "classes.txt"

	maxClassesFile = 1 << 20 // bytes of it that are read
)

// ImageLabels are pictures in Images beside their labels in Labels, a label file for each picture, see
// [features.ReadLabels]; rows in the order of the files' names, numbers by their size. Labels are read when the folder is
// opened, a picture when its row is read.
//
// Fields are x, float [3, height, width], and y, float [cells, classes + none + 5] as [features.Grid] has it. Pictures of
// another size than the first are resized, their boxes with them.
type ImageLabels struct {
	info   Info
	folder string
	limit  int64
	grid   features.Grid
	image  features.Image
	files  []labelled
}

// labelled is a picture with what its label file says.
type labelled struct {
	picture string // name in Images
	label   string // name in Labels
	cells   []features.LabelCell
}

func imageLabelsSource() Source {
	return Source{
		Name: "Images with Labels",
		Summary: "a folder of pictures with boxes: Images/N.PNG beside Labels/N.txt with a grid of cells, each with a class, a box and a confidence; or\n" +
			"YOLO text or Pascal VOC XML beside the pictures, in labels or in Annotations",
		Options: []Option{
			{"size", "the first picture's", "side that pictures are brought to in pixels, or WIDTHxHEIGHT"},
			{"grid", "square", "cells a side, or COLUMNSxROWS; of files that list boxes the least at which none share a cell, up to 13"},
			{"classes", "those of " + classesFile, "class names, parted by commas; else data.yaml, obj.names, the labels' own"},
		},
		Accepts: func(path string, info fs.FileInfo) bool {
			if !info.IsDir() {
				return false
			}
			images, err := os.Stat(filepath.Join(path, imagesFolder))
			return err == nil && images.IsDir() || hasBoxLabels(path)
		},
		Open: func(c Config) (Dataset, error) {
			if hasBoxLabels(c.Path) {
				return OpenBoxLabels(c)
			}
			return OpenImageLabels(c)
		},
	}
}

// OpenImageLabels opens the folder at Config.Path.
func OpenImageLabels(c Config) (Dataset, error) {
	d := &ImageLabels{folder: c.Path, limit: c.MemoryLimit}
	if d.limit <= 0 {
		d.limit = rows.DefaultLimit
	}
	d.info.Name = filepath.Base(c.Path)
	s := newSettings(d.info.Name, c.Set)
	width, height := s.pair("size", "x", 8, 4096, 0)
	columns, lines := s.pair("grid", "x", 1, 256, 0)
	named := s.text("classes", "")
	if err := s.done(); err != nil {
		return nil, err
	}
	if err := d.list(); err != nil {
		return nil, err
	}
	if c.Limit > 0 && c.Limit < len(d.files) {
		d.files = d.files[:c.Limit]
	}
	classes, err := d.readLabels()
	if err != nil {
		return nil, err
	}
	names, err := d.classNames(named, classes)
	if err != nil {
		return nil, err
	}
	cells := len(d.files[0].cells)
	if columns == 0 {
		for columns*columns < cells {
			columns++
		}
		lines = columns
	}
	if columns*lines != cells { // set or missing, the option is what to change
		return nil, optionError("%s: %d cells do not fill a grid of %d × %d; set grid=COLUMNSxROWS",
			d.path(labelsFolder, d.files[0].label), cells, columns, lines)
	}
	if width == 0 {
		first, err := features.ReadImage(d.path(imagesFolder, d.files[0].picture), d.limit)
		if err != nil {
			return nil, err
		}
		width, height = first.Bounds().Dx(), first.Bounds().Dy()
	}
	d.info.Recipe = detectionRecipe(names, width, height, columns, lines)
	if err := d.info.Recipe.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	d.grid, d.image = d.info.Recipe.Grid(), *d.info.Recipe.Image
	d.info.Rows = len(d.files)
	d.info.Fields = []Field{
		{FieldX, onnx.Float, []int64{3, int64(height), int64(width)}},
		{FieldY, onnx.Float, d.grid.TargetDims()},
	}
	return d, nil
}

func (d *ImageLabels) path(folder, name string) string { return filepath.Join(d.folder, folder, name) }

// list pairs pictures with label files by their names.
func (d *ImageLabels) list() error {
	labels, err := os.ReadDir(filepath.Join(d.folder, labelsFolder))
	if err != nil {
		return err
	}
	byStem := make(map[string]string)
	for _, e := range labels {
		if stem, ok := strings.CutSuffix(e.Name(), ".txt"); ok && !strings.HasPrefix(stem, ".") {
			byStem[stem] = e.Name()
		}
	}
	pictures, err := os.ReadDir(filepath.Join(d.folder, imagesFolder))
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, e := range pictures {
		stem := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		label, ok := byStem[stem]
		switch {
		case !ok:
			return fmt.Errorf("%s: it has no %s", d.path(imagesFolder, e.Name()), filepath.Join(labelsFolder, stem+".txt"))
		case seen[stem]:
			return fmt.Errorf("%s: two pictures have this name, and only one label file", d.path(imagesFolder, e.Name()))
		}
		seen[stem] = true
		d.files = append(d.files, labelled{picture: e.Name(), label: label})
	}
	for stem, label := range byStem {
		if !seen[stem] {
			return fmt.Errorf("%s: it has no picture in %s", d.path(labelsFolder, label), imagesFolder)
		}
	}
	if len(d.files) == 0 {
		return fmt.Errorf("%s: there are no pictures", filepath.Join(d.folder, imagesFolder))
	}
	slices.SortFunc(d.files, func(a, b labelled) int { return compareNames(a.label, b.label) })
	return nil
}

// compareNames puts 2.txt before 10.txt, and numbers before words.
func compareNames(a, b string) int {
	na, errA := strconv.Atoi(strings.TrimSuffix(a, ".txt"))
	nb, errB := strconv.Atoi(strings.TrimSuffix(b, ".txt"))
	switch {
	case errA == nil && errB == nil && na != nb:
		return cmp.Compare(na, nb)
	case errA == nil && errB != nil:
		return -1
	case errA != nil && errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}

// readLabels reads every label file and gives the number of classes.
func (d *ImageLabels) readLabels() (classes int, err error) {
	for i := range d.files {
		path := d.path(labelsFolder, d.files[i].label)
		f, _, err := rows.Open(path)
		if err != nil {
			return 0, err
		}
		n, cells, err := features.ReadLabels(f, path)
		f.Close()
		switch {
		case err != nil:
			return 0, err
		case i > 0 && n != classes:
			return 0, fmt.Errorf("%s: %d classes, the files before it have %d", path, n, classes)
		case i > 0 && len(cells) != len(d.files[0].cells):
			return 0, fmt.Errorf("%s: %d cells, the files before it have %d", path, len(cells), len(d.files[0].cells))
		}
		classes, d.files[i].cells = n, cells
	}
	return classes, nil
}

// classNames gives the names set, those of the folder, or numbers.
func (d *ImageLabels) classNames(set string, classes int) ([]string, error) {
	var names []string
	from := "option classes"
	if set != "" {
		names = strings.Split(set, ",")
	} else {
		from = filepath.Join(d.folder, classesFile)
		f, _, err := rows.Open(from)
		if errors.Is(err, fs.ErrNotExist) {
			for i := range classes {
				names = append(names, fmt.Sprintf("class %d", i))
			}
			return names, nil
		} else if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxClassesFile))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		names = strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	}
	if len(names) != classes && set != "" {
		return nil, optionError("%s: %d names, the label files have %d classes", from, len(names), classes)
	}
	if len(names) != classes {
		return nil, fmt.Errorf("%s: %d names, the label files have %d classes", from, len(names), classes)
	}
	return names, nil
}

// Info describes the pictures.
func (d *ImageLabels) Info() Info { return d.info }

// Read decodes pictures.
func (d *ImageLabels) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(d.info, rows, into)
	x, y := into[0].Float32s(), into[1].Float32s()
	nx, ny := d.info.Fields[0].Len(), d.info.Fields[1].Len()
	for i, row := range rows {
		f := d.files[row]
		img, err := features.ReadImage(d.path(imagesFolder, f.picture), d.limit)
		if err != nil {
			return err
		}
		d.image.Fill(x[i*nx:(i+1)*nx], img)
		own := d.grid // the labels are in this picture's own pixels
		own.Width, own.Height = img.Bounds().Dx(), img.Bounds().Dy()
		if err := own.EncodeLabels(f.cells, y[i*ny:(i+1)*ny]); err != nil {
			return fmt.Errorf("%s: %w", d.path(labelsFolder, f.label), err)
		}
	}
	return nil
}

// Digest hashes the names and bytes of all files, and the class names.
func (d *ImageLabels) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "classes %q grid %v\n", d.info.Recipe.Classes, d.grid)
	for _, f := range d.files {
		for _, part := range [][2]string{{imagesFolder, f.picture}, {labelsFolder, f.label}} {
			file, _, err := rows.Open(d.path(part[0], part[1]))
			if err != nil {
				return "", err
			}
			whole := sha256.New()
			_, err = io.Copy(whole, file)
			file.Close()
			if err != nil {
				return "", err
			}
			fmt.Fprintf(h, "%q %x\n", part[1], whole.Sum(nil))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
