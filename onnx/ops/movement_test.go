package ops

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// given1 is a node of the newest version with what it is given.
type given1 struct {
	op    string
	attrs []*onnx.Attribute
	in    []*onnx.Tensor // nil is absent
}

func (g given1) node(outputs int) *onnx.Node {
	n := &onnx.Node{OpType: g.op, Attributes: g.attrs}
	for i := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprint("y", i))
	}
	return n
}

func prepare(t *testing.T, n *onnx.Node) Op {
	t.Helper()
	op, _, err := NewTable().Op(n)
	if err != nil {
		t.Fatalf("%s: %v", n.OpType, err)
	}
	return op
}

func floats32(dims []int64, v ...float32) *onnx.Tensor { return onnx.FromFloat32s(v, dims...) }

func row(v ...float32) *onnx.Tensor { return onnx.FromFloat32s(v, int64(len(v))) }

func i64(v ...int64) *onnx.Tensor { return onnx.FromInt64s(v, int64(len(v))) }

// counted is 0, 1, 2, … in a shape.
func counted(dims ...int64) *onnx.Tensor {
	t := onnx.NewTensor(onnx.Float, dims...)
	for i := range t.Float32s() {
		t.Float32s()[i] = float32(i)
	}
	return t
}

func printed(v onnx.Value) string {
	t, ok := v.(*onnx.Tensor)
	if !ok {
		return fmt.Sprintf("%T", v)
	}
	switch t.Type {
	case onnx.Float:
		return fmt.Sprint(t.Dims, t.Float32s())
	case onnx.Int64:
		return fmt.Sprint(t.Dims, t.Int64s())
	case onnx.String:
		return fmt.Sprint(t.Dims, t.Strings)
	}
	return fmt.Sprint(t.Dims, t.Data)
}

func ints(name string, v ...int64) *onnx.Attribute { return onnx.AttrInts(name, v...) }
func num(name string, v int64) *onnx.Attribute     { return onnx.AttrInt(name, v) }
func text(name, v string) *onnx.Attribute          { return onnx.AttrString(name, v) }
func with(a ...*onnx.Attribute) []*onnx.Attribute  { return a }
func tensors(t ...*onnx.Tensor) []*onnx.Tensor     { return t }

// Results that can be seen by eye.
func TestMovementByEye(t *testing.T) {
	line := floats32([]int64{1, 1, 4}, 1, 2, 3, 4)
	packed := &onnx.Tensor{Type: onnx.Uint4, Dims: []int64{5}, Data: []byte{0x21, 0x43, 0x05}}
	six := &onnx.Tensor{Type: onnx.Float6E2M3, Dims: []int64{4}, Data: []byte{0x01, 0x20, 0xfc}} // 1, 0, 2, 63
	cases := map[string]struct {
		given1
		want []string
	}{
		"transpose a matrix":              {given1{"Transpose", nil, tensors(counted(2, 3))}, []string{"[3 2] [0 3 1 4 2 5]"}},
		"transpose by a permutation":      {given1{"Transpose", with(ints("perm", 1, 0, 2)), tensors(counted(2, 2, 2))}, []string{"[2 2 2] [0 1 4 5 2 3 6 7]"}},
		"flatten before the first axis":   {given1{"Flatten", with(num("axis", 0)), tensors(counted(2, 2))}, []string{"[1 4] [0 1 2 3]"}},
		"flatten from the end":            {given1{"Flatten", with(num("axis", -1)), tensors(counted(1, 2, 2))}, []string{"[2 2] [0 1 2 3]"}},
		"squeeze all":                     {given1{"Squeeze", nil, tensors(counted(1, 2, 1))}, []string{"[2] [0 1]"}},
		"squeeze one of two":              {given1{"Squeeze", nil, tensors(counted(1, 2, 1), i64(-1))}, []string{"[1 2] [0 1]"}},
		"unsqueeze at both ends":          {given1{"Unsqueeze", nil, tensors(counted(2), i64(0, -1))}, []string{"[1 2 1] [0 1]"}},
		"concatenate columns":             {given1{"Concat", with(num("axis", -1)), tensors(counted(2, 1), counted(2, 2))}, []string{"[2 3] [0 0 1 1 2 3]"}},
		"split into what is left":         {given1{"Split", with(num("num_outputs", 2)), tensors(counted(3))}, []string{"[2] [0 1]", "[1] [2]"}},
		"split by sizes":                  {given1{"Split", nil, tensors(counted(3), i64(1, 2))}, []string{"[1] [0]", "[2] [1 2]"}},
		"slice backwards":                 {given1{"Slice", nil, tensors(counted(5), i64(-1), i64(math.MinInt64), i64(0), i64(-2))}, []string{"[3] [4 2 0]"}},
		"slice beyond the ends":           {given1{"Slice", nil, tensors(counted(3), i64(-9), i64(9))}, []string{"[3] [0 1 2]"}},
		"slice of nothing":                {given1{"Slice", nil, tensors(counted(3), i64(2), i64(1))}, []string{"[0] []"}},
		"slice in the widest steps":       {given1{"Slice", nil, tensors(counted(3), i64(2), i64(math.MinInt64), i64(0), i64(math.MinInt64))}, []string{"[1] [2]"}},
		"slice of four-bit elements":      {given1{"Slice", nil, tensors(packed, i64(1), i64(4))}, []string{"[3] [50 4]"}},
		"slice of six-bit elements":       {given1{"Slice", nil, tensors(six, i64(2), i64(4))}, []string{"[2] [194 15]"}},
		"gather rows from the end":        {given1{"Gather", nil, tensors(counted(3, 2), i64(-1, 0))}, []string{"[2 2] [4 5 0 1]"}},
		"gather a scalar index":           {given1{"Gather", with(num("axis", 1)), tensors(counted(2, 2), onnx.Scalar64(1))}, []string{"[2] [1 3]"}},
		"gather words":                    {given1{"Gather", nil, tensors(onnx.FromStrings([]string{"chat", "rat"}, 2), i64(1, 1, 0))}, []string{"[3] [rat rat chat]"}},
		"pad with a value":                {given1{"Pad", nil, tensors(row(1, 2), i64(1, 2), onnx.Scalar32(9))}, []string{"[5] [9 1 2 9 9]"}},
		"pad and crop":                    {given1{"Pad", nil, tensors(row(1, 2, 3), i64(-1, 1))}, []string{"[3] [2 3 0]"}},
		"pad by reflection":               {given1{"Pad", with(text("mode", "reflect")), tensors(row(1, 2, 3), i64(2, 3))}, []string{"[8] [3 2 1 2 3 2 1 2]"}},
		"pad by the edge":                 {given1{"Pad", with(text("mode", "edge")), tensors(row(1, 2), i64(1, 2))}, []string{"[5] [1 1 2 2 2]"}},
		"pad by wrapping":                 {given1{"Pad", with(text("mode", "wrap")), tensors(row(1, 2, 3), i64(2, 1))}, []string{"[6] [2 3 1 2 3 1]"}},
		"pad one of two axes":             {given1{"Pad", nil, tensors(counted(1, 2), i64(1, 0), nil, i64(-1))}, []string{"[1 3] [0 0 1]"}},
		"expand both ways":                {given1{"Expand", nil, tensors(counted(2, 1), i64(2, 1, 2))}, []string{"[2 2 2] [0 0 1 1 0 0 1 1]"}},
		"part of a shape":                 {given1{"Shape", with(num("start", -2), num("end", 9)), tensors(counted(4, 3, 2))}, []string{"[2] [3 2]"}},
		"shape past the end":              {given1{"Shape", with(num("start", 2), num("end", 1)), tensors(counted(4, 3, 2))}, []string{"[0] []"}},
		"size of nothing":                 {given1{"Size", nil, tensors(counted(4, 0))}, []string{"[] [0]"}},
		"constant of a shape":             {given1{"ConstantOfShape", with(onnx.AttrTensor("value", i64(7))), tensors(i64(2, 1))}, []string{"[2 1] [7 7]"}},
		"constant of an empty shape":      {given1{"ConstantOfShape", nil, tensors(i64())}, []string{"[] [0]"}},
		"constant ints":                   {given1{"Constant", with(ints("value_ints", 1, 2)), nil}, []string{"[2] [1 2]"}},
		"tile":                            {given1{"Tile", nil, tensors(counted(1, 2), i64(2, 2))}, []string{"[2 4] [0 1 0 1 0 1 0 1]"}},
		"greatest of pairs":               {given1{"MaxPool", with(ints("kernel_shape", 2), ints("strides", 2)), tensors(line)}, []string{"[1 1 2] [2 4]", "[1 1 2] [1 3]"}},
		"greatest, rounded up":            {given1{"MaxPool", with(ints("kernel_shape", 3), ints("strides", 2), num("ceil_mode", 1)), tensors(line)}, []string{"[1 1 2] [3 4]", "[1 1 2] [2 3]"}},
		"greatest with a hole":            {given1{"MaxPool", with(ints("kernel_shape", 2), ints("dilations", 2)), tensors(line)}, []string{"[1 1 2] [3 4]", "[1 1 2] [2 3]"}},
		"greatest, counted in columns":    {given1{"MaxPool", with(ints("kernel_shape", 1, 1), num("storage_order", 1)), tensors(counted(1, 1, 2, 2))}, []string{"[1 1 2 2] [0 1 2 3]", "[1 1 2 2] [0 2 1 3]"}},
		"greatest of negative numbers":    {given1{"MaxPool", with(ints("kernel_shape", 2), ints("pads", 1, 1)), tensors(floats32([]int64{1, 1, 2}, -3, -4))}, []string{"[1 1 3] [-3 -3 -4]", "[1 1 3] [0 0 1]"}},
		"greatest with nan":               {given1{"MaxPool", with(ints("kernel_shape", 2)), tensors(floats32([]int64{1, 1, 3}, float32(math.NaN()), 5, 1))}, []string{"[1 1 2] [NaN 5]", "[1 1 2] [0 1]"}},
		"mean without padding":            {given1{"AveragePool", with(ints("kernel_shape", 2), ints("pads", 1, 1)), tensors(line)}, []string{"[1 1 5] [1 1.5 2.5 3.5 4]"}},
		"mean with padding":               {given1{"AveragePool", with(ints("kernel_shape", 2), ints("pads", 1, 1), num("count_include_pad", 1)), tensors(line)}, []string{"[1 1 5] [0.5 1.5 2.5 3.5 2]"}},
		"mean, rounded up past padding":   {given1{"AveragePool", with(ints("kernel_shape", 3), ints("strides", 2), num("ceil_mode", 1), num("count_include_pad", 1)), tensors(line)}, []string{"[1 1 2] [2 3.5]"}},
		"mean of the same size, upper":    {given1{"AveragePool", with(ints("kernel_shape", 2), text("auto_pad", "SAME_UPPER")), tensors(line)}, []string{"[1 1 4] [1.5 2.5 3.5 4]"}},
		"mean of the same size, lower":    {given1{"AveragePool", with(ints("kernel_shape", 2), text("auto_pad", "SAME_LOWER")), tensors(line)}, []string{"[1 1 4] [1 1.5 2.5 3.5]"}},
		"norm of pairs":                   {given1{"LpPool", with(ints("kernel_shape", 2), ints("strides", 2), num("p", 1)), tensors(floats32([]int64{1, 1, 4}, 1, -2, 3, 4))}, []string{"[1 1 2] [3 7]"}},
		"global mean":                     {given1{"GlobalAveragePool", nil, tensors(counted(1, 2, 2, 1))}, []string{"[1 2 1 1] [0.5 2.5]"}},
		"global greatest":                 {given1{"GlobalMaxPool", nil, tensors(counted(1, 2, 2, 1))}, []string{"[1 2 1 1] [1 3]"}},
		"convolve a line":                 {given1{"Conv", nil, tensors(line, floats32([]int64{1, 1, 2}, 1, -1))}, []string{"[1 1 3] [-1 -1 -1]"}},
		"convolve with a bias":            {given1{"Conv", nil, tensors(line, floats32([]int64{1, 1, 2}, 1, 1), row(10))}, []string{"[1 1 3] [13 15 17]"}},
		"convolve in steps":               {given1{"Conv", with(ints("strides", 2)), tensors(line, floats32([]int64{1, 1, 2}, 1, 1))}, []string{"[1 1 2] [3 7]"}},
		"convolve with holes":             {given1{"Conv", with(ints("dilations", 3)), tensors(line, floats32([]int64{1, 1, 2}, 1, 1))}, []string{"[1 1 1] [5]"}},
		"convolve with uneven padding":    {given1{"Conv", with(ints("pads", 0, 1)), tensors(line, floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 4] [21 32 43 4]"}},
		"convolve to the same, upper":     {given1{"Conv", with(text("auto_pad", "SAME_UPPER")), tensors(line, floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 4] [21 32 43 4]"}},
		"convolve to the same, lower":     {given1{"Conv", with(text("auto_pad", "SAME_LOWER")), tensors(line, floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 4] [10 21 32 43]"}},
		"convolve each channel":           {given1{"Conv", with(num("group", 2)), tensors(floats32([]int64{1, 2, 2}, 1, 2, 3, 4), floats32([]int64{2, 1, 1}, 1, 10))}, []string{"[1 2 2] [1 2 30 40]"}},
		"convolve all channels":           {given1{"Conv", nil, tensors(floats32([]int64{1, 2, 2}, 1, 2, 3, 4), floats32([]int64{1, 2, 1}, 1, 10))}, []string{"[1 1 2] [31 42]"}},
		"convolve pads row by row":        {given1{"Conv", with(ints("pads", 1, 0, 1, 0)), tensors(floats32([]int64{1, 1, 1, 2}, 1, 2), floats32([]int64{1, 1, 2, 1}, 1, 10))}, []string{"[1 1 2 2] [10 20 1 2]"}},
		"spread a line":                   {given1{"ConvTranspose", with(ints("strides", 2)), tensors(floats32([]int64{1, 1, 2}, 1, 2), floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 4] [1 10 2 20]"}},
		"spread with output padding":      {given1{"ConvTranspose", with(ints("strides", 2), ints("output_padding", 1)), tensors(floats32([]int64{1, 1, 2}, 1, 2), floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 5] [1 10 2 20 0]"}},
		"spread to a shape":               {given1{"ConvTranspose", with(ints("output_shape", 2)), tensors(floats32([]int64{1, 1, 2}, 1, 2), floats32([]int64{1, 1, 2}, 1, 10))}, []string{"[1 1 2] [12 20]"}},
		"nearest twice as large":          {given1{"Resize", with(text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor")), tensors(row(1, 2), nil, row(2))}, []string{"[4] [1 1 2 2]"}},
		"linear with corners":             {given1{"Resize", with(text("mode", "linear"), text("coordinate_transformation_mode", "align_corners")), tensors(row(1, 4), nil, nil, i64(4))}, []string{"[4] [1 2 3 4]"}},
		"linear, half as large":           {given1{"Resize", with(text("mode", "linear")), tensors(row(1, 2, 3, 4), nil, row(0.5))}, []string{"[2] [1.5 3.5]"}},
		"one scale for both axes":         {given1{"Resize", with(text("keep_aspect_ratio_policy", "not_larger")), tensors(counted(1, 2), nil, nil, i64(2, 2))}, []string{"[1 2] [0 1]"}},
		"region beyond the input":         {given1{"Resize", with(text("mode", "linear"), text("coordinate_transformation_mode", "tf_crop_and_resize"), onnx.AttrFloat("extrapolation_value", 9)), tensors(row(1, 2, 3), row(0.5, 1.5), nil, i64(3))}, []string{"[3] [2 3 9]"}},
		"depth first":                     {given1{"DepthToSpace", with(num("blocksize", 2)), tensors(counted(1, 4, 1, 1))}, []string{"[1 1 2 2] [0 1 2 3]"}},
		"depth first of two":              {given1{"DepthToSpace", with(num("blocksize", 2)), tensors(counted(1, 8, 1, 1))}, []string{"[1 2 2 2] [0 2 4 6 1 3 5 7]"}},
		"columns first of two":            {given1{"DepthToSpace", with(num("blocksize", 2), text("mode", "CRD")), tensors(counted(1, 8, 1, 1))}, []string{"[1 2 2 2] [0 1 2 3 4 5 6 7]"}},
		"space to depth":                  {given1{"SpaceToDepth", with(num("blocksize", 2)), tensors(counted(1, 1, 2, 2))}, []string{"[1 4 1 1] [0 1 2 3]"}},
		"gather elements":                 {given1{"GatherElements", with(num("axis", 1)), tensors(counted(2, 2), onnx.FromInt64s([]int64{0, 0, 1, -2}, 2, 2))}, []string{"[2 2] [0 0 3 2]"}},
		"gather positions":                {given1{"GatherND", nil, tensors(counted(2, 2), onnx.FromInt64s([]int64{0, 1, 1, -1}, 2, 2))}, []string{"[2] [1 3]"}},
		"gather positions in batches":     {given1{"GatherND", with(num("batch_dims", 1)), tensors(counted(2, 2), onnx.FromInt64s([]int64{1, 0}, 2, 1))}, []string{"[2] [1 2]"}},
		"scatter and add":                 {given1{"ScatterElements", with(text("reduction", "add")), tensors(row(1, 1), i64(1, 1), row(2, 3))}, []string{"[2] [1 6]"}},
		"scatter blocks":                  {given1{"ScatterND", nil, tensors(counted(2, 2), onnx.FromInt64s([]int64{1}, 1, 1), floats32([]int64{1, 2}, 8, 9))}, []string{"[2 2] [0 1 8 9]"}},
		"two greatest, the earlier first": {given1{"TopK", nil, tensors(row(1, 3, 2, 3), i64(3))}, []string{"[3] [3 3 2]", "[3] [1 3 2]"}},
		"two smallest":                    {given1{"TopK", with(num("largest", 0)), tensors(row(1, 3, 2, 1), i64(2))}, []string{"[2] [1 1]", "[2] [0 3]"}},
		"one of three":                    {given1{"OneHot", nil, tensors(i64(1, -1, 5), onnx.Scalar64(3), row(0, 1))}, []string{"[3 3] [0 1 0 0 0 1 0 0 0]"}},
		"one of two, first axis":          {given1{"OneHot", with(num("axis", 0)), tensors(i64(1, 0, 1), onnx.Scalar64(2), row(0, 1))}, []string{"[2 3] [0 1 0 1 0 1]"}},
		"count down":                      {given1{"Range", nil, tensors(onnx.Scalar64(5), onnx.Scalar64(0), onnx.Scalar64(-2))}, []string{"[3] [5 3 1]"}},
		"count in parts":                  {given1{"Range", nil, tensors(onnx.Scalar32(0), onnx.Scalar32(1), onnx.Scalar32(0.4))}, []string{"[3] [0 0.4 0.8]"}},
		"keep what is true":               {given1{"Compress", nil, tensors(counted(2, 2), &onnx.Tensor{Type: onnx.Bool, Dims: []int64{3}, Data: []byte{0, 1, 1}})}, []string{"[2] [1 2]"}},
		"keep a column":                   {given1{"Compress", with(num("axis", 1)), tensors(counted(2, 2), &onnx.Tensor{Type: onnx.Bool, Dims: []int64{2}, Data: []byte{0, 1}})}, []string{"[2 1] [1 3]"}},
		"upper triangle":                  {given1{"Trilu", nil, tensors(counted(2, 3), onnx.Scalar64(1))}, []string{"[2 3] [0 1 2 0 0 5]"}},
		"lower triangle":                  {given1{"Trilu", with(num("upper", 0)), tensors(counted(2, 3))}, []string{"[2 3] [0 0 0 3 4 0]"}},
		"triangle far off":                {given1{"Trilu", nil, tensors(counted(2, 2), onnx.Scalar64(math.MaxInt64))}, []string{"[2 2] [0 0 0 0]"}},
		"ones beside the diagonal":        {given1{"EyeLike", with(num("k", -1)), tensors(counted(2, 3))}, []string{"[2 3] [0 0 0 1 0 0]"}},
	}
	for name, c := range cases {
		in := make([]onnx.Value, len(c.in))
		for i, x := range c.in {
			if x != nil {
				in[i] = x
			}
		}
		got, err := EvalOp(prepare(t, c.node(len(c.want))), &Env{}, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range c.want {
			if s := printed(got[i]); s != want {
				t.Errorf("%s: output %d: got %s, want %s", name, i, s, want)
			}
		}
	}
}

// dims reads a shape such as "batch 3 ?".
func dims(s string) []onnx.Dim {
	var d []onnx.Dim
	for _, w := range strings.Fields(s) {
		var n int64
		switch _, err := fmt.Sscan(w, &n); {
		case w == "?":
			d = append(d, onnx.UnknownDim())
		case err != nil:
			d = append(d, onnx.Symbol(w))
		default:
			d = append(d, onnx.Fixed(n))
		}
	}
	return d
}

func f32(s string) Fact { return Tensor(onnx.Float, dims(s)...) }

// vector is the fact of an int64 vector of which some elements are known.
func vector(s string) Fact {
	d := dims(s)
	return withElems(Tensor(onnx.Int64, onnx.Fixed(int64(len(d)))), d)
}

// Inference keeps symbols and says no more than it knows.
func TestMovementInfer(t *testing.T) {
	unranked := Unranked(onnx.Float)
	cases := map[string]struct {
		op    string
		attrs []*onnx.Attribute
		in    []Fact
		want  string
	}{
		"flatten a batch":             {"Flatten", nil, []Fact{f32("batch 3 4")}, "[batch,12]"},
		"flatten nothing known":       {"Flatten", nil, []Fact{unranked}, "[?,?]"},
		"flatten two symbols":         {"Flatten", with(num("axis", 2)), []Fact{f32("batch time 4")}, "[?,4]"},
		"transpose a batch":           {"Transpose", nil, []Fact{f32("batch 3")}, "[3,batch]"},
		"transpose nothing known":     {"Transpose", with(ints("perm", 1, 0)), []Fact{unranked}, "[?,?]"},
		"squeeze beside a symbol":     {"Squeeze", nil, []Fact{f32("batch 1 4"), Known(i64(1))}, "[batch,4]"},
		"squeeze what may be one":     {"Squeeze", nil, []Fact{f32("batch 1")}, "?"},
		"unsqueeze a batch":           {"Unsqueeze", nil, []Fact{f32("batch"), Known(i64(1))}, "[batch,1]"},
		"concatenate beside a symbol": {"Concat", with(num("axis", 1)), []Fact{f32("batch 2"), f32("? 3")}, "[batch,5]"},
		"concatenate symbols":         {"Concat", with(num("axis", 0)), []Fact{f32("batch 2"), f32("batch 2")}, "[?,2]"},
		"split beside a symbol":       {"Split", with(num("axis", 1), num("num_outputs", 1)), []Fact{f32("batch 4")}, "[batch,4]"},
		"slice beside a symbol":       {"Slice", nil, []Fact{f32("batch 4"), Known(i64(1)), Known(i64(3)), Known(i64(1))}, "[batch,2]"},
		"slice all of a symbol":       {"Slice", nil, []Fact{f32("batch 4"), Known(i64(0)), Known(i64(math.MaxInt64))}, "[batch,4]"},
		"turn a symbol round":         {"Slice", nil, []Fact{f32("batch"), Known(i64(-1)), Known(i64(math.MinInt64)), Known(i64(0)), Known(i64(-1))}, "[batch]"},
		"slice up to the symbol":      {"Slice", nil, []Fact{f32("batch 4"), Known(i64(0)), vector("batch")}, "[batch,4]"},
		"slice a symbol":              {"Slice", nil, []Fact{f32("batch 4"), Known(i64(1)), Known(i64(3))}, "[?,4]"},
		"slice unknown axes":          {"Slice", nil, []Fact{f32("batch 4"), vector("?"), vector("?"), vector("?")}, "[?,?]"},
		"gather by a batch":           {"Gather", nil, []Fact{f32("10 4"), Tensor(onnx.Int64, onnx.Symbol("batch"))}, "[batch,4]"},
		"pad beside a symbol":         {"Pad", nil, []Fact{f32("batch 4"), Known(i64(0, 1, 0, 1))}, "[batch,6]"},
		"pad by what is not known":    {"Pad", nil, []Fact{f32("batch 4"), vector("? ? ? ?")}, "[?,?]"},
		"expand to a symbol":          {"Expand", nil, []Fact{f32("1 4"), vector("batch 1")}, "[batch,4]"},
		"fill a symbolic shape":       {"ConstantOfShape", nil, []Fact{vector("batch 3")}, "[batch,3]"},
		"tile a symbol once":          {"Tile", nil, []Fact{f32("batch 2"), Known(i64(1, 3))}, "[batch,6]"},
		"reshape by a symbolic shape": {"Reshape", nil, []Fact{f32("batch 4"), vector("batch 2 2")}, "[batch,2,2]"},
		"reshape, zero among symbols": {"Reshape", nil, []Fact{f32("batch 4 2"), vector("0 n")}, "[batch,n]"},
		"reshape with one open":       {"Reshape", nil, []Fact{f32("batch 4"), Known(i64(-1, 2, 2))}, "[batch,2,2]"},
		"pool a batch":                {"MaxPool", with(ints("kernel_shape", 2, 2), ints("strides", 2, 2)), []Fact{f32("batch 3 8 w")}, "[batch,3,4,?]"},
		"pool to the same size":       {"AveragePool", with(ints("kernel_shape", 3), ints("pads", 1, 1)), []Fact{f32("batch 3 w")}, "[batch,3,w]"},
		"pool the whole plane":        {"GlobalAveragePool", nil, []Fact{f32("batch 3 h w")}, "[batch,3,1,1]"},
		"convolve a batch":            {"Conv", nil, []Fact{f32("batch 3 8 8"), f32("16 3 3 3")}, "[batch,16,6,6]"},
		"convolve to the same size":   {"Conv", with(text("auto_pad", "SAME_UPPER")), []Fact{f32("batch 3 h w"), f32("16 3 3 3")}, "[batch,16,h,w]"},
		"spread a batch":              {"ConvTranspose", with(ints("strides", 2)), []Fact{f32("batch 3 8"), f32("3 5 2")}, "[batch,5,16]"},
		"resize a plane":              {"Resize", nil, []Fact{f32("batch 3 8"), Absent, Known(row(1, 1, 2))}, "[batch,3,16]"},
		"resize to a symbol":          {"Resize", nil, []Fact{f32("1 8"), Absent, Absent, vector("1 n")}, "[1,n]"},
		"count to a symbol":           {"Range", nil, []Fact{Known(onnx.Scalar64(0)), withElems(Tensor(onnx.Int64), dims("n")), Known(onnx.Scalar64(1))}, "[n]"},
		"one of a known number":       {"OneHot", nil, []Fact{Tensor(onnx.Int64, onnx.Symbol("batch")), Known(onnx.Scalar64(3)), f32("2")}, "[batch,3]"},
	}
	for name, c := range cases {
		out, err := prepare(t, given1{op: c.op, attrs: c.attrs}.node(1)).Infer(&Env{}, c.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := "?"
		if out[0].Ranked() {
			got = onnx.ShapeString(out[0].Dims())
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// A shape that nodes compute keeps the batch's symbol.
func TestShapeVectorsAreFollowed(t *testing.T) {
	infer := func(op string, attrs []*onnx.Attribute, in ...Fact) Fact {
		t.Helper()
		out, err := prepare(t, given1{op: op, attrs: attrs}.node(1)).Infer(&Env{}, in)
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		return out[0]
	}
	shape := infer("Shape", nil, f32("batch 3 4"))
	batch := infer("Gather", nil, shape, Known(onnx.Scalar64(0)))
	if batch.Rank() != 0 {
		t.Fatalf("a scalar index gives rank %d, want 0", batch.Rank())
	}
	rest := infer("Size", nil, f32("3 4"))
	joined := infer("Concat", with(num("axis", 0)), infer("Unsqueeze", nil, batch, Known(i64(0))), infer("Unsqueeze", nil, rest, Known(i64(0))))
	for name, c := range map[string]struct {
		f    Fact
		want string
	}{
		"joined":   {joined, "[batch,12]"},
		"cut":      {infer("Slice", nil, shape, Known(i64(0)), Known(i64(2))), "[batch,3]"},
		"backward": {infer("Slice", nil, shape, Known(i64(-1)), Known(i64(-9)), Known(i64(0)), Known(i64(-1))), "[4,3,batch]"},
		"squeezed": {infer("Squeeze", nil, infer("Slice", nil, shape, Known(i64(0)), Known(i64(1))), Known(i64(0))), "[batch]"},
		"known":    {infer("Slice", nil, shape, Known(i64(1)), Known(i64(3))), "[3,4]"},
	} {
		elems, _ := c.f.Ints()
		if got := onnx.ShapeString(elems); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// What cannot work is refused before anything runs.
func TestMovementRefuses(t *testing.T) {
	cases := map[string]struct {
		op    string
		attrs []*onnx.Attribute
		in    []Fact
		want  string
	}{
		"axis of concat":             {"Concat", with(num("axis", 2)), []Fact{f32("2 3"), f32("2 3")}, "axis 2 is outside"},
		"concat of other sizes":      {"Concat", with(num("axis", 0)), []Fact{f32("2 3"), f32("2 4")}, "does not match"},
		"concat of other ranks":      {"Concat", with(num("axis", 0)), []Fact{f32("2 3"), f32("2")}, "has 1 axes"},
		"axis of flatten":            {"Flatten", with(num("axis", 3)), []Fact{f32("2 3")}, "axis 3 is not from"},
		"permutation of other rank":  {"Transpose", with(ints("perm", 1, 0)), []Fact{f32("2 3 4")}, "has 2 axes, the input 3"},
		"squeeze of size 2":          {"Squeeze", nil, []Fact{f32("2 1"), Known(i64(0))}, "only an axis of size 1"},
		"squeeze outside":            {"Squeeze", nil, []Fact{f32("2 1"), Known(i64(5))}, "axis 5 is outside"},
		"unsqueeze twice":            {"Unsqueeze", nil, []Fact{f32("2"), Known(i64(0, -3))}, "named twice"},
		"split of another sum":       {"Split", nil, []Fact{f32("4"), Known(i64(2, 3))}, "adds up to 5"},
		"split of a negative size":   {"Split", nil, []Fact{f32("4"), Known(i64(5, -1))}, "cannot be"},
		"split of another count":     {"Split", nil, []Fact{f32("4"), Known(i64(4))}, "has 1 sizes"},
		"split by nothing":           {"Split", nil, []Fact{f32("4")}, "neither"},
		"slice in steps of 0":        {"Slice", nil, []Fact{f32("4"), Known(i64(0)), Known(i64(1)), Known(i64(0)), Known(i64(0))}, "step of 0"},
		"slice of another axis":      {"Slice", nil, []Fact{f32("4"), Known(i64(0)), Known(i64(1)), Known(i64(1))}, "axis 1 is outside"},
		"slice of uneven operands":   {"Slice", nil, []Fact{f32("4"), Known(i64(0, 0)), Known(i64(1))}, "has 1 numbers"},
		"gather outside":             {"Gather", nil, []Fact{f32("4"), Known(i64(4))}, "index 4 is outside axis 0 of size 4"},
		"gather far below":           {"Gather", nil, []Fact{f32("4"), Known(i64(-5))}, "index -5 is outside"},
		"pads of other rank":         {"Pad", nil, []Fact{f32("4"), Known(i64(1))}, "pads has 1 numbers, want 2"},
		"crop more than there is":    {"Pad", nil, []Fact{f32("4"), Known(i64(-3, -2))}, "leave nothing"},
		"reflect nothing":            {"Pad", with(text("mode", "reflect")), []Fact{f32("0"), Known(i64(1, 0))}, "nothing to repeat"},
		"expand to another size":     {"Expand", nil, []Fact{f32("3"), Known(i64(2))}, "do not broadcast"},
		"expand to less than none":   {"Expand", nil, []Fact{f32("3"), Known(i64(-1))}, "negative size"},
		"a negative shape":           {"ConstantOfShape", nil, []Fact{Known(i64(-1))}, "negative dimension"},
		"a kernel that does not fit": {"MaxPool", with(ints("kernel_shape", 5)), []Fact{f32("1 1 4")}, "does not fit axis 2 of size 4"},
		"pads as large as a kernel":  {"MaxPool", with(ints("kernel_shape", 2), ints("pads", 2, 0)), []Fact{f32("1 1 4")}, "must be less than"},
		"steps of 0":                 {"AveragePool", with(ints("kernel_shape", 2), ints("strides", 0)), []Fact{f32("1 1 4")}, "is not at least 1"},
		"a pool of a matrix":         {"AveragePool", with(ints("kernel_shape", 2)), []Fact{f32("1 4")}, "no spatial axis"},
		"a kernel of other rank":     {"AveragePool", with(ints("kernel_shape", 2)), []Fact{f32("1 1 4 4")}, "has 1 numbers, want 2"},
		"a global pool of a matrix":  {"GlobalMaxPool", nil, []Fact{f32("1 4")}, "has 2 axes"},
		"other channels":             {"Conv", nil, []Fact{f32("1 3 4"), f32("1 2 2")}, "takes 2 channels"},
		"groups that do not divide":  {"Conv", with(num("group", 2)), []Fact{f32("1 4 4"), f32("3 2 2")}, "do not divide"},
		"a convolution too large":    {"Conv", nil, []Fact{f32("1 3 4"), f32("1 3 5")}, "does not fit"},
		"a bias of other length":     {"Conv", nil, []Fact{f32("1 3 4"), f32("2 3 1"), f32("3")}, "bias"},
		"spread of other channels":   {"ConvTranspose", nil, []Fact{f32("1 3 4"), f32("2 1 2")}, "channels"},
		"spread cropped away":        {"ConvTranspose", with(ints("pads", 9, 9)), []Fact{f32("1 3 4"), f32("3 1 2")}, "leave nothing"},
		"a condition of many":        {"Compress", nil, []Fact{f32("1"), Known(&onnx.Tensor{Type: onnx.Bool, Dims: []int64{2}, Data: []byte{0, 1}})}, "there are 1 elements"},
		"steps that go nowhere":      {"Range", nil, []Fact{Known(onnx.Scalar64(0)), Known(onnx.Scalar64(1)), Known(onnx.Scalar64(0))}, "is no range"},
		"steps that are nan":         {"Range", nil, []Fact{Known(onnx.Scalar32(0)), Known(onnx.Scalar32(1)), Known(onnx.Scalar32(float32(math.NaN())))}, "is no range"},
		"more than there are":        {"TopK", nil, []Fact{f32("3"), Known(i64(4))}, "K is 4"},
		"repeats below none":         {"Tile", nil, []Fact{f32("3"), Known(i64(-1))}, "negative number"},
		"repeats beyond bounds":      {"Tile", nil, []Fact{f32("1000000"), Known(i64(math.MaxInt64))}, "more elements than fit"},
		"scales and sizes":           {"Resize", nil, []Fact{f32("3"), Absent, Known(row(1)), Known(i64(3))}, "not both"},
		"a scale of 0":               {"Resize", nil, []Fact{f32("3"), Absent, Known(row(0))}, "is not above 0"},
		"scales of other rank":       {"Resize", nil, []Fact{f32("3 3"), Absent, Known(row(1))}, "has 1 numbers, want 2"},
		"channels in odd blocks":     {"DepthToSpace", with(num("blocksize", 2)), []Fact{f32("1 6 1 1")}, "do not divide"},
		"positions too long":         {"GatherND", nil, []Fact{f32("3"), Tensor(onnx.Int64, dims("1 2")...)}, "want 1 to 1"},
		"updates of other shape":     {"ScatterND", nil, []Fact{f32("3 4"), Tensor(onnx.Int64, dims("2 1")...), f32("2 5")}, "updates are [2,5]"},
		"reshape to other counts":    {"Reshape", nil, []Fact{f32("3 4"), Known(i64(5))}, "do not fit"},
		"reshape with two open":      {"Reshape", nil, []Fact{f32("3 4"), Known(i64(-1, -1))}, "more than one -1"},
		"reshape copies no axis":     {"Reshape", nil, []Fact{f32("3"), Known(i64(3, 0))}, "does not have"},
	}
	for name, c := range cases {
		outputs := 1
		if c.op == "Split" {
			outputs = 2
		}
		_, err := prepare(t, given1{op: c.op, attrs: c.attrs}.node(outputs)).Infer(&Env{}, c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

// Every fast way of these operators computes what Eval does.
func TestMovementFastWays(t *testing.T) {
	x := counted(2, 3, 4, 5)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(math.Sin(float64(i)))
	}
	long := onnx.NewTensor(onnx.Int64, 3, 4)
	for i := range long.Int64s() {
		long.Int64s()[i] = int64(i)
	}
	cases := map[string]given1{
		"transpose a matrix":      {"Transpose", nil, tensors(counted(5, 7))},
		"transpose a stack":       {"Transpose", with(ints("perm", 0, 2, 3, 1)), tensors(x)},
		"transpose all":           {"Transpose", nil, tensors(x)},
		"transpose integers":      {"Transpose", nil, tensors(long)},
		"flatten":                 {"Flatten", nil, tensors(x)},
		"squeeze":                 {"Squeeze", nil, tensors(counted(1, 3), i64(0))},
		"unsqueeze":               {"Unsqueeze", nil, tensors(x, i64(1))},
		"concatenate":             {"Concat", with(num("axis", 1)), tensors(x, x, x)},
		"split":                   {"Split", with(num("axis", 2)), tensors(x, i64(1, 3))},
		"slice":                   {"Slice", nil, tensors(x, i64(-1, 0), i64(-9, 4), i64(3, 2), i64(-2, 3))},
		"gather":                  {"Gather", with(num("axis", 2)), tensors(x, i64(3, -4, 1))},
		"pad":                     {"Pad", nil, tensors(x, i64(0, 1, -1, 2, 1, 0, 3, -2), onnx.Scalar32(5))},
		"pad with zeros":          {"Pad", nil, tensors(x, i64(0, 0, 1, 1, 0, 0, 1, 1))},
		"pad by reflection":       {"Pad", with(text("mode", "reflect")), tensors(x, i64(0, 0, 1, 2, 0, 0, 3, 4))},
		"expand":                  {"Expand", nil, tensors(counted(3, 1, 2), i64(2, 1, 4, 1))},
		"tile":                    {"Tile", nil, tensors(counted(2, 3), i64(2, 3))},
		"greatest":                {"MaxPool", with(ints("kernel_shape", 2, 3), ints("strides", 2, 1), ints("pads", 0, 1, 1, 0), num("ceil_mode", 1)), tensors(x)},
		"mean":                    {"AveragePool", with(ints("kernel_shape", 2, 3), ints("pads", 1, 1, 0, 2)), tensors(x)},
		"mean with padding":       {"AveragePool", with(ints("kernel_shape", 3, 2), ints("strides", 2, 2), num("ceil_mode", 1), num("count_include_pad", 1), ints("pads", 1, 1, 1, 1)), tensors(x)},
		"mean with holes":         {"AveragePool", with(ints("kernel_shape", 2, 2), ints("dilations", 2, 3), text("auto_pad", "SAME_LOWER")), tensors(x)},
		"global mean":             {"GlobalAveragePool", nil, tensors(x)},
		"global greatest":         {"GlobalMaxPool", nil, tensors(x)},
		"convolve":                {"Conv", with(ints("strides", 2, 1), ints("pads", 1, 0, 2, 1), ints("dilations", 1, 2)), tensors(x, counted(4, 3, 2, 2), row(1, 2, 3, 4))},
		"convolve in groups":      {"Conv", with(num("group", 3), text("auto_pad", "SAME_LOWER")), tensors(x, counted(6, 1, 3, 2))},
		"depth to space":          {"DepthToSpace", with(num("blocksize", 2)), tensors(counted(2, 8, 2, 3))},
		"depth to space, columns": {"DepthToSpace", with(num("blocksize", 2), text("mode", "CRD")), tensors(counted(2, 8, 2, 3))},
		"space to depth":          {"SpaceToDepth", with(num("blocksize", 2)), tensors(counted(2, 3, 4, 6))},
		"nearest":                 {"Resize", nil, tensors(x, nil, row(1, 1, 2.5, 0.6))},
		"nearest, in blocks":      {"Resize", nil, tensors(x, nil, row(1, 1, 2, 2))},
		"nearest, tall blocks":    {"Resize", with(text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor")), tensors(x, nil, row(1, 1, 3, 1))},
		"nearest, no blocks":      {"Resize", with(text("nearest_mode", "ceil")), tensors(x, nil, row(1, 1, 2, 2))},
		"nearest, more channels":  {"Resize", nil, tensors(x, nil, row(1, 2, 2, 2))},
	}
	for name, c := range cases {
		outputs := 1
		if c.op == "Split" {
			outputs = 2
		}
		op := prepare(t, c.node(outputs))
		in, facts, none := make([]onnx.Value, len(c.in)), make([]Fact, len(c.in)), make([]*onnx.Tensor, len(c.in))
		for i, v := range c.in {
			if v != nil {
				in[i], facts[i] = v, Tensor(v.Type, onnx.FixedDims(v.Dims...)...)
			}
		}
		want, err := EvalOp(op, &Env{}, in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, set := range kernels.Supported() {
			for kind, consts := range map[string][]*onnx.Tensor{"constants": append(none[:1:1], c.in[1:]...), "no constants": none} {
				step, ok := op.(Specializer).Specialize(Target{Set: set}, facts, consts)
				if !ok {
					if kind == "constants" {
						t.Errorf("%s on %v: there is no fast way", name, set)
					}
					continue
				}
				f := &Frame{In: c.in, Scratch: onnx.AlignedBytes(step.Scratch)}
				for _, w := range want[:outputs] {
					f.Out = append(f.Out, onnx.NewTensor(w.(*onnx.Tensor).Type, w.(*onnx.Tensor).Dims...))
				}
				for _, y := range f.Out { // what was there before must not matter
					for i := range y.Data {
						y.Data[i] = 0xa5
					}
				}
				if err := step.Run(f); err != nil {
					t.Errorf("%s on %v with %s: %v", name, set, kind, err)
					continue
				}
				for i, y := range f.Out {
					if d := farthest(y, want[i].(*onnx.Tensor)); d != "" {
						t.Errorf("%s on %v with %s: output %d: %s", name, set, kind, i, d)
					}
				}
			}
		}
	}
}

// farthest says where two tensors differ by more than rounding.
func farthest(got, want *onnx.Tensor) string {
	if want.Type != onnx.Float {
		if string(got.Data) != string(want.Data) {
			return fmt.Sprintf("got %v, want %v", printed(got), printed(want))
		}
		return ""
	}
	for i, w := range want.Float32s() {
		if g := got.Float32s()[i]; !(math.Abs(float64(g-w)) <= 1e-6+1e-5*math.Abs(float64(w))) {
			return fmt.Sprintf("element %d: got %v, want %v", i, g, w)
		}
	}
	return ""
}

// A computed index that is out of range is an error, not a panic, on the fast way, too.
func TestFastGatherRefusesIndex(t *testing.T) {
	op := prepare(t, given1{op: "Gather"}.node(1))
	step, ok := op.(Specializer).Specialize(Target{Set: kernels.Supported()[0]}, []Fact{f32("3"), Tensor(onnx.Int64, dims("1")...)}, make([]*onnx.Tensor, 2))
	if !ok {
		t.Fatal("there is no fast way")
	}
	err := step.Run(&Frame{In: tensors(row(1, 2, 3), i64(3)), Out: tensors(row(0))})
	if err == nil || !strings.Contains(err.Error(), "index 3 is outside") {
		t.Errorf("got %v, want an error about index 3", err)
	}
}
