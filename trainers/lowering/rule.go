package lowering

import (
	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
	"github.com/gonyx/gonyx/onnx/ops"
)

// rule says how an operator of the newest version is differentiated.
type rule struct {
	domain string
	name   string
	// wrt says by which inputs there is a gradient; nil: by every float input.
	wrt func(i int) bool
	// reads says what the gradient by input i is computed from, besides the gradient of the output; nil: everything.
	reads func(i int) need
	// gradient makes the gradient by input i. Sizes of all facts are known and float values are float32.
	gradient func(c *call, i int) (gradient, error)
	// together makes all gradients asked for at once, in place of gradient, where that is less work. Plain goes without.
	together func(c *call, wrt []int) (gradient, error)
	// view says whether the output is the first input under another shape, so that nothing needs to be computed. Its
	// gradient is then a view as well, and gradient is not asked.
	view func(c *call) bool
	// forward replaces the operator's own way, where the gradient wants something kept from it.
	forward func(c *call) (ops.Step, bool)
	// stop says that the operator is a constant to gradients: its derivative is zero wherever it has one, or it is asked to be.
	stop bool
}

// gradient writes the gradient of the loss by one input of a node.
type gradient struct {
	scratch int // float32 elements that run needs, of any content
	run     func(*frame)
}

// frame is what a gradient runs on.
type frame struct {
	in      []*onnx.Tensor // the node's inputs; nil where absent or not among what the rule reads
	y       *onnx.Tensor   // the node's output, likewise
	dy      *onnx.Tensor   // gradient of the loss by the output
	dx      *onnx.Tensor   // gradient of the loss by the input, to be written as a whole
	all     []*onnx.Tensor // gradients by several inputs that are made together; nil where nothing reads one
	param   *Param         // whose gradient dx is, where it is that of a parameter alone
	scratch []float32
}

// need is a set of what a gradient reads: bit i for input i, and the output.
type need uint32

const (
	nothing    need = 0
	theOutput  need = 1 << 31
	everything need = 1<<32 - 1
)

// inputs is the set of some inputs.
func inputs(list ...int) need {
	var n need
	for _, i := range list {
		n |= 1 << i
	}
	return n
}

func (n need) input(i int) bool {
	if i >= 31 {
		return n == everything
	}
	return n&(1<<i) != 0
}

// always reads the same, whichever input the gradient is by.
func always(n need) func(int) need { return func(int) need { return n } }

// first is the gradient by the first n inputs.
func first(n int) func(int) bool { return func(i int) bool { return i < n } }

// call is one node at known shapes.
type call struct {
	node  *onnx.Node
	op    ops.Op
	in    []ops.Fact // Absent where an input is not there
	out   []ops.Fact
	k     int            // the output whose gradient is asked for
	cons  []*onnx.Tensor // inputs whose value is known, others nil
	mid   ops.Fact       // of a layer: what its activation reads
	large ops.Fact       // of a layer: what comes of its upsampling

	set    kernels.Set
	pool   *kernels.Pool
	plain  bool        // Options.Plain
	fed    bool        // input 0 is one of the graph's inputs
	argmax []int32     // kept by a pooling's forward for its gradient
	sparse *sparseRows // kept by a product's
}

// attrs reads the node's attributes with the schema's defaults.
func (c *call) attrs() *ops.Attrs {
	s, _ := ops.Schema(c.node.Domain, c.node.OpType, 0)
	return ops.NewAttrs(c.node, s)
}

// dims gives the shape of input i.
func (c *call) dims(i int) []int64 {
	sizes, _ := c.in[i].Sizes()
	return sizes
}

// outDims gives the shape of the output.
func (c *call) outDims() []int64 {
	sizes, _ := c.out[c.k].Sizes()
	return sizes
}

// ints gives the known elements of an integer input, or nil where the input is absent.
func (c *call) ints(i int) ([]int64, bool) {
	if i >= len(c.in) || c.in[i].Absent() {
		return nil, true
	}
	return c.in[i].KnownInts()
}

// count multiplies sizes that inference has checked to fit.
func count(dims []int64) int {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	return n
}

// rules lists every trainable operator, one line a file.
func rules() [][]rule {
	return [][]rule{
		convRules(),
		gemmRules(),
		arithmeticRules(),
		unaryRules(),
		reduceRules(),
		shapeRules(),
		moveRules(),
		poolRules(),
		softmaxRules(),
		batchNormRules(),
		normalizationRules(),
		privateRules(),
	}
}
