package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// Images are the pictures of a folder; sub-folders, where there are any, are classes. Rows are in the order of the names, class by
// class. A picture is read when its row is.
//
// Fields are x, float [channels, height, width], and with classes y, int64 [].
type Images struct {
	info   Info
	folder string
	limit  int64
	image  features.Image
	files  []imageFile
}

type imageFile struct {
	path  string // below the folder
	class int64
}

func imagesSource() Source {
	return Source{
		Name:    "folder of images",
		Summary: "a folder of pictures; its sub-folders are classes",
		Options: []Option{
			{"size", "the first picture's", "side that pictures are brought to in pixels, or WIDTHxHEIGHT"},
			{"channels", "rgb", "rgb, or gray"},
		},
		Accepts: func(path string, info fs.FileInfo) bool {
			if !info.IsDir() {
				return false
			}
			_, files, err := listImages(path, 1)
			return err == nil && len(files) > 0
		},
		Open: func(c Config) (Dataset, error) { return OpenImages(c) },
	}
}

// OpenImages opens the folder at Config.Path.
func OpenImages(c Config) (Dataset, error) {
	d := &Images{folder: c.Path, limit: c.MemoryLimit}
	if d.limit <= 0 {
		d.limit = rows.DefaultLimit
	}
	d.info.Name = filepath.Base(c.Path)
	s := newSettings(d.info.Name, c.Set)
	width, height := s.pair("size", "x", 1, 4096, 0)
	channels := features.Channels(s.oneOf("channels", string(features.RGB), string(features.Gray)))
	if err := s.done(); err != nil {
		return nil, err
	}
	classes, files, err := listImages(c.Path, 0)
	if err != nil {
		return nil, err
	}
	if d.files = files; len(files) == 0 {
		return nil, fmt.Errorf("%s: there are no pictures", c.Path)
	}
	if width == 0 {
		first, err := features.ReadImage(filepath.Join(d.folder, files[0].path), d.limit)
		if err != nil {
			return nil, err
		}
		width, height = first.Bounds().Dx(), first.Bounds().Dy()
	}
	d.image = features.Image{Width: width, Height: height, Channels: channels, Scale: features.DefaultScale}
	d.info.Recipe = &features.Recipe{Image: &d.image, Classes: classes}
	d.info.Rows = len(files)
	d.info.Fields = []Field{{FieldX, onnx.Float, []int64{int64(channels.Count()), int64(height), int64(width)}}}
	if classes != nil {
		d.info.Fields = append(d.info.Fields, Field{FieldY, onnx.Int64, []int64{}})
	}
	return First(d, c.Limit), nil
}

// listImages finds the pictures of a folder, or those of its sub-folders, which then are the classes; the first so many, 0: all.
func listImages(folder string, most int) (classes []string, files []imageFile, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, err
	}
	var own []imageFile
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case !e.IsDir() && isImage(e.Name()):
			own = append(own, imageFile{path: e.Name()})
		case e.IsDir():
			inside, err := os.ReadDir(filepath.Join(folder, e.Name()))
			if err != nil {
				return nil, nil, err
			}
			before := len(files)
			for _, f := range inside {
				if !f.IsDir() && isImage(f.Name()) && !strings.HasPrefix(f.Name(), ".") {
					files = append(files, imageFile{filepath.Join(e.Name(), f.Name()), int64(len(classes))})
				}
			}
			if len(files) > before {
				classes = append(classes, e.Name())
			}
		}
		if most > 0 && len(own)+len(files) >= most {
			break
		}
	}
	if len(own) > 0 && len(files) > 0 {
		return nil, nil, fmt.Errorf("%s: pictures beside folders of pictures: which class are they? move them into one", folder)
	}
	if len(own) > 0 {
		classes, files = nil, own
	}
	slices.SortStableFunc(files, func(a, b imageFile) int {
		if a.class != b.class {
			return int(a.class - b.class)
		}
		return compareNames(stem(a.path), stem(b.path))
	})
	return classes, files, nil
}

func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

func isImage(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp":
		return true
	}
	return false
}

// Info describes the pictures.
func (d *Images) Info() Info { return d.info }

// Read decodes pictures.
func (d *Images) Read(_ int, rows []int, into []*onnx.Tensor) error {
	mustFit(d.info, rows, into)
	x, n := into[0].Float32s(), d.image.Len()
	for i, row := range rows {
		f := d.files[row]
		img, err := features.ReadImage(filepath.Join(d.folder, f.path), d.limit)
		if err != nil {
			return err
		}
		d.image.Fill(x[i*n:(i+1)*n], img)
		if len(into) > 1 {
			into[1].Int64s()[i] = f.class
		}
	}
	return nil
}

// Digest hashes the names, classes and bytes of all files, and how they are read.
func (d *Images) Digest() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "images %v classes %q\n", d.image, d.info.Recipe.Classes)
	for _, f := range d.files {
		file, _, err := rows.Open(filepath.Join(d.folder, f.path))
		if err != nil {
			return "", err
		}
		whole := sha256.New()
		_, err = io.Copy(whole, file)
		file.Close()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d %x\n", filepath.ToSlash(f.path), f.class, whole.Sum(nil))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
