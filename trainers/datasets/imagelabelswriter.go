package datasets

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gonyx/gonyx/onnx/features"
	"github.com/gonyx/gonyx/onnx/rows"
)

// WriteImageLabels writes the first epoch of a data set of detections as a folder that [OpenImageLabels] opens: row n as
// Images/n.PNG and Labels/n.txt, boxes rounded to whole pixels, and the class names. The folder is made where it is not
// there; files in it are overwritten. done, where not nil, is told of each picture written.
func WriteImageLabels(ctx context.Context, folder string, d Dataset, done func(rows int)) error {
	info := d.Info()
	if info.Recipe == nil || info.Recipe.Task != features.TaskDetection || len(info.Fields) != 2 {
		return fmt.Errorf("%s: not a data set of pictures with boxes", info.Name)
	}
	for _, sub := range []string{imagesFolder, labelsFolder} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o777); err != nil {
			return err
		}
	}
	names := strings.Join(info.Recipe.Classes, "\n") + "\n"
	if err := writeText(filepath.Join(folder, classesFile), names); err != nil {
		return err
	}
	grid, batch := info.Recipe.Grid(), NewBatch(info, 1)
	for row := range info.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.Read(0, []int{row}, batch); err != nil {
			return err
		}
		cells, lost := grid.Labels(grid.Objects(batch[1].Float32s()))
		if lost != nil {
			return fmt.Errorf("%s: row %d: two objects in one cell: %v", info.Name, row, lost)
		}
		var picture, label bytes.Buffer
		if err := png.Encode(&picture, info.Recipe.Image.Picture(batch[0].Float32s())); err != nil {
			return err
		}
		if err := features.WriteLabels(&label, grid.Classes, cells); err != nil {
			return err
		}
		stem := strconv.Itoa(row)
		if err := writeText(filepath.Join(folder, imagesFolder, stem+".PNG"), picture.String()); err != nil {
			return err
		}
		if err := writeText(filepath.Join(folder, labelsFolder, stem+".txt"), label.String()); err != nil {
			return err
		}
		if done != nil {
			done(row + 1)
		}
	}
	return nil
}

func writeText(path, text string) error {
	return rows.WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
