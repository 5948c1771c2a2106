package datasets

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// BoxLabels are pictures with a label file each that lists the objects in it, YOLO text or Pascal VOC XML, see [features.ReadYOLO] and
// [features.ReadVOC]. The files stand beside the pictures, or in a folder labels or Annotations beside theirs. Rows are in the order of the pictures'
// names. A picture without a file has nothing in it.
//
// Fields are x, float [3, height, width], and y, float [cells, classes + none + 5] as [features.Grid] has it. A cell holds one object: others
// are left out, and Config.Warn is told how many and of which files.
type BoxLabels struct {
	info   Info
	folder string
	limit  int64
	grid   features.Grid
	image  features.Image
	files  []boxFile
}

// boxFile is a picture with its objects, in fractions of it.
type boxFile struct {
	picture, label string // below the folder; label is empty where there is none
	boxes          []features.Box
	names          []string // of the boxes' classes, where the label file has names
}

// boxFolders are where the pictures of a data set may stand, below its folder, in the order in which they are looked for.
var boxFolders = [...]string{"JPEGImages", "images/train", "images", "obj_train_data", "img", "train/images", "data/img", imagesFolder, "."}

// Bounds of what is chosen where nothing is set.
const (
	mostGrid    = 13
	longestSide = 128
)

// hasBoxLabels says whether a folder holds pictures with label files that list objects. The first file with anything in it decides.
func hasBoxLabels(folder string) bool {
	files, err := listBoxFiles(folder)
	if err != nil {
		return false
	}
	for _, f := range files {
		if filepath.Ext(f.label) == ".xml" {
			return true
		}
		if f.label == "" {
			continue
		}
		line, err := firstLine(filepath.Join(folder, f.label))
		if words := strings.Fields(line); err == nil && len(words) > 0 {
			// Five numbers, and a centre within the picture is no whole number; a grid of cells has nothing but whole ones.
			return len(words) == 5 && strings.Contains(line, ".")
		}
	}
	return false
}

// firstLine gives the first line of a file that is not blank.
func firstLine(path string) (string, error) {
	f, _, err := rows.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			return text, nil
		}
	}
	return "", lines.Err()
}

// listBoxFiles pairs pictures with label files.
func listBoxFiles(folder string) ([]boxFile, error) {
	for _, sub := range boxFolders {
		entries, err := os.ReadDir(filepath.Join(folder, filepath.FromSlash(sub)))
		if err != nil {
			continue
		}
		places := labelPlaces(folder, filepath.FromSlash(sub))
		var files []boxFile
		labelled := false
		for _, e := range entries {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !isImage(e.Name()) {
				continue
			}
			f := boxFile{picture: filepath.Join(filepath.FromSlash(sub), e.Name())}
			for _, p := range places {
				for _, ext := range []string{".txt", ".xml"} {
					if name := stem(e.Name()) + ext; f.label == "" && p.names[name] {
						f.label = filepath.Join(p.folder, name)
					}
				}
			}
			labelled = labelled || f.label != ""
			files = append(files, f)
		}
		if labelled {
			slices.SortFunc(files, func(a, b boxFile) int { return compareNames(stem(a.picture), stem(b.picture)) })
			return files, nil
		}
	}
	return nil, fmt.Errorf("%s: there are no pictures with label files", folder)
}

// labelPlace is a folder of label files with what is in it.
type labelPlace struct {
	folder string // below the data set's
	names  map[string]bool
}

// labelPlaces lists the folders that may hold the labels of the pictures in sub.
func labelPlaces(folder, sub string) []labelPlace {
	slashed := filepath.ToSlash(sub)
	candidates := []string{slashed}
	for _, pair := range [][2]string{{"images", "labels"}, {"JPEGImages", "Annotations"}, {"images", "annotations"}} {
		parts := strings.Split(slashed, "/")
		if at := slices.Index(parts, pair[0]); at >= 0 {
			parts[at] = pair[1]
			candidates = append(candidates, strings.Join(parts, "/"))
		}
	}
	if strings.EqualFold(slashed, imagesFolder) {
		candidates = append(candidates, labelsFolder)
	}
	var places []labelPlace
	for _, c := range candidates {
		entries, err := os.ReadDir(filepath.Join(folder, filepath.FromSlash(c)))
		if err != nil {
			continue
		}
		p := labelPlace{filepath.FromSlash(c), make(map[string]bool)}
		for _, e := range entries {
			if !e.IsDir() {
				p.names[e.Name()] = true
			}
		}
		places = append(places, p)
	}
	return places
}

// OpenBoxLabels opens the folder at Config.Path.
func OpenBoxLabels(c Config) (*BoxLabels, error) {
	d := &BoxLabels{folder: c.Path, limit: c.MemoryLimit}
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
	var err error
	if d.files, err = listBoxFiles(c.Path); err != nil {
		return nil, err
	}
	if c.Limit > 0 && c.Limit < len(d.files) {
		d.files = d.files[:c.Limit]
	}
	if err := d.readLabels(); err != nil {
		return nil, err
	}
	names, err := d.classNames(named)
	if err != nil {
		return nil, err
	}
	if width == 0 {
		if width, height, err = d.firstSize(); err != nil {
			return nil, err
		}
	}
	if columns == 0 {
		columns = d.smallestGrid(len(names))
		lines = columns
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
	d.report(c)
	return d, nil
}

// detectionRecipe is what data of detections knows of its features.
func detectionRecipe(names []string, width, height, columns, lines int) *features.Recipe {
	return &features.Recipe{
		Task:    features.TaskDetection,
		Classes: names,
		Image:   &features.Image{Width: width, Height: height, Channels: features.RGB, Scale: features.DefaultScale},
		Detection: &features.Detection{Columns: columns, Rows: lines, BoxesPerCell: 1,
			ScoreThreshold: features.DefaultScoreThreshold, IOUThreshold: features.DefaultIOUThreshold},
	}
}

// readLabels reads every label file.
func (d *BoxLabels) readLabels() error {
	objects := 0
	for i := range d.files {
		f := &d.files[i]
		if f.label == "" {
			continue
		}
		path := filepath.Join(d.folder, f.label)
		r, _, err := rows.Open(path)
		if err != nil {
			return err
		}
		if filepath.Ext(f.label) == ".xml" {
			var boxes []features.NamedBox
			boxes, err = features.ReadVOC(r, path)
			for _, b := range boxes {
				f.boxes, f.names = append(f.boxes, b.Box), append(f.names, b.Name)
			}
		} else {
			f.boxes, err = features.ReadYOLO(r, path)
		}
		r.Close()
		if err != nil {
			return err
		}
		objects += len(f.boxes)
	}
	if objects == 0 {
		return fmt.Errorf("%s: the label files have no objects", d.folder)
	}
	return nil
}

// firstSize gives the first picture's size, made smaller until its longer side is within bounds.
func (d *BoxLabels) firstSize() (width, height int, err error) {
	first, err := features.ReadImage(filepath.Join(d.folder, d.files[0].picture), d.limit)
	if err != nil {
		return 0, 0, err
	}
	width, height = first.Bounds().Dx(), first.Bounds().Dy()
	if long := max(width, height); long > longestSide {
		width, height = max(8, width*longestSide/long), max(8, height*longestSide/long)
	}
	return width, height, nil
}

// smallestGrid gives the cells a side at which the fewest objects share a cell, the least number of equals.
func (d *BoxLabels) smallestGrid(classes int) int {
	best, fewest := 1, -1
	for side := 1; side <= mostGrid && fewest != 0; side++ {
		g := features.Grid{Columns: side, Rows: side, Boxes: 1, Classes: classes, Width: 1, Height: 1}
		y := make([]float32, g.Cells()*(classes+6))
		lost := 0
		for _, f := range d.files {
			lost += len(g.Encode(f.boxes, y))
		}
		if fewest < 0 || lost < fewest {
			best, fewest = side, lost
		}
	}
	return best
}

// report says which objects are left out, and how many pictures have no label file.
func (d *BoxLabels) report(c Config) {
	y := make([]float32, d.info.Fields[1].Len())
	objects, lost, files, bare := 0, 0, 0, 0
	for _, f := range d.files {
		if f.label == "" {
			bare++
		}
		objects += len(f.boxes)
		if n := len(d.unit().Encode(f.boxes, y)); n > 0 {
			lost += n
			if files++; files <= maxWarnings {
				c.warn("%s: %d of %d objects share a cell with another and are left out", filepath.Join(d.folder, f.label), n, len(f.boxes))
			}
		}
	}
	if lost > 0 {
		c.warn("%s: %d of %d objects in %d files are left out: a cell of the grid %d × %d holds one; a finer one is --set grid=N", d.folder, lost, objects,
			files, d.grid.Columns, d.grid.Rows)
	}
	if bare > 0 {
		c.warn("%s: %d of %d pictures have no label file and count as empty", d.folder, bare, len(d.files))
	}
}

// unit is the grid over a picture of size 1, which the boxes are in fractions of.
func (d *BoxLabels) unit() features.Grid {
	g := d.grid
	g.Width, g.Height = 1, 1
	return g
}

// Info describes the pictures.
func (d *BoxLabels) Info() Info { return d.info }

// Read decodes pictures.
func (d *BoxLabels) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(d.info, rows, into)
	x, y := into[0].Float32s(), into[1].Float32s()
	nx, ny := d.info.Fields[0].Len(), d.info.Fields[1].Len()
	for i, row := range rows {
		f := d.files[row]
		img, err := features.ReadImage(filepath.Join(d.folder, f.picture), d.limit)
		if err != nil {
			return err
		}
		d.image.Fill(x[i*nx:(i+1)*nx], img)
		d.unit().Encode(f.boxes, y[i*ny:(i+1)*ny]) // what found no place was reported when the folder was opened
	}
	return nil
}

// Digest hashes the names and bytes of all pictures, their objects, and the class names.
func (d *BoxLabels) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "boxes classes %q grid %v\n", d.info.Recipe.Classes, d.grid)
	for _, f := range d.files {
		file, _, err := rows.Open(filepath.Join(d.folder, f.picture))
		if err != nil {
			return "", err
		}
		whole := sha256.New()
		_, err = io.Copy(whole, file)
		file.Close()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %x %v\n", filepath.Base(f.picture), whole.Sum(nil), f.boxes)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
