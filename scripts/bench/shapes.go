package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"github.com/gonyx/gonyx/onnx"
)

// shapeDuels are single operators of common shapes.
func shapeDuels(folder string) ([]duel, error) {
	window := func(kernel, pad int64) []*onnx.Attribute {
		return []*onnx.Attribute{onnx.AttrInts("kernel_shape", kernel, kernel), onnx.AttrInts("pads", pad, pad, pad, pad)}
	}
	var list []duel
	for _, s := range []struct {
		name  string
		op    string
		x, w  []int64
		attrs []*onnx.Attribute
		batch []int64
	}{
		{"GEMM 1024³", "MatMul", []int64{1024}, []int64{1024, 1024}, nil, []int64{1024}},
		{"conv 64→64 3×3 on 56²", "Conv", []int64{64, 56, 56}, []int64{64, 64, 3, 3}, window(3, 1), []int64{1, 32}},
		{"depthwise 3×3 on 112²×32", "Conv", []int64{32, 112, 112}, []int64{32, 1, 3, 3}, append(window(3, 1), onnx.AttrInt("group", 32)), []int64{1, 32}},
		{"1×1 128→128 on 28²", "Conv", []int64{128, 28, 28}, []int64{128, 128, 1, 1}, window(1, 0), []int64{1, 32}},
	} {
		random := rand.New(rand.NewPCG(seed, seed))
		w := onnx.NewTensor(onnx.Float, s.w...)
		w.Name = "w"
		for i := range w.Float32s() {
			w.Float32s()[i] = random.Float32() - 0.5
		}
		g := &onnx.Graph{Name: s.name, Opsets: []onnx.Opset{{Version: opset}}, Initializers: []*onnx.Tensor{w}}
		g.Inputs = []*onnx.ValueInfo{{Name: "x", Type: onnx.TensorType(onnx.Float, append([]onnx.Dim{onnx.Symbol("batch")}, onnx.FixedDims(s.x...)...)...)}}
		y := []onnx.Dim{onnx.Symbol("batch"), onnx.Fixed(s.w[0])}
		if len(s.x) == 3 { // the window keeps height and width
			y = append(y, onnx.FixedDims(s.x[1:]...)...)
		}
		g.Outputs = []*onnx.ValueInfo{{Name: "y", Type: onnx.TensorType(onnx.Float, y...)}}
		g.Nodes = []*onnx.Node{{Name: "node", OpType: s.op, Inputs: []string{"x", "w"}, Outputs: []string{"y"}, Attributes: s.attrs}}
		file := strings.Fields(s.name)[0]
		path := filepath.Join(folder, file+".onnx")
		if err := writeFile(path, g); err != nil {
			return nil, err
		}
		for _, batch := range s.batch {
			in, err := writeInputs(folder, file, g, batch, kind{share: 1})
			if err != nil {
				return nil, err
			}
			name := s.name
			if len(s.batch) > 1 {
				name += fmt.Sprintf(", batch %d", batch)
			}
			list = append(list, duel{Name: name, Subject: s.name, Kind: "run", Model: path, In: in, Rows: batch, Short: batch != 1})
		}
	}
	return list, nil
}
