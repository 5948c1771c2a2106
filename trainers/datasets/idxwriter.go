package datasets

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/rows"
)

// WriteIDX writes the first epoch of a data set of grey images with labels as a pair of files that [OpenIDX] reads, packed by
// gzip: train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz of the part train, t10k-… of the part test. The folder must be
// there.
func WriteIDX(ctx context.Context, folder, part string, d Dataset) error {
	info := d.Info()
	x, atX := info.Field(FieldX)
	y, atY := info.Field(FieldY)
	if atX < 0 || atY < 0 || len(x.Dims) != 3 || x.Dims[0] != 1 || y.Elem != onnx.Int64 || len(y.Dims) != 0 || info.Recipe == nil || info.Recipe.Image == nil {
		return fmt.Errorf("%s: not a data set of grey images with class numbers", info.Name)
	}
	images := onnx.NewTensor(onnx.Uint8, int64(info.Rows), x.Dims[1], x.Dims[2])
	labels := onnx.NewTensor(onnx.Uint8, int64(info.Rows))
	batch := NewBatch(info, 1)
	for row := range info.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.Read(0, []int{row}, batch); err != nil {
			return err
		}
		grey := info.Recipe.Image.Picture(batch[atX].Float32s())
		for i := range x.Len() {
			images.Data[row*x.Len()+i] = grey.Pix[4*i]
		}
		class := batch[atY].Int64s()[0]
		if class < 0 || class > 255 {
			return fmt.Errorf("%s: row %d: class %d does not fit a byte", info.Name, row, class)
		}
		labels.Data[row] = byte(class)
	}
	prefix := map[string]string{"train": "train", "test": "t10k"}[part]
	if prefix == "" {
		return fmt.Errorf("part %q is neither train nor test", part)
	}
	for name, t := range map[string]*onnx.Tensor{"-images-idx3-ubyte.gz": images, "-labels-idx1-ubyte.gz": labels} {
		if err := rows.WriteFile(filepath.Join(folder, prefix+name), func(w io.Writer) error {
			z := gzip.NewWriter(w) // without a name and a time: the same bytes for the same images
			if err := rows.WriteIDX(z, t); err != nil {
				return err
			}
			return z.Close()
		}); err != nil {
			return err
		}
	}
	return nil
}
