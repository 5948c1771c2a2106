package ops

import (
	"errors"

	"github.com/gonyx/gonyx/onnx"
	"github.com/gonyx/gonyx/onnx/kernels"
)

// ErrUnsupported marks a graph that is valid but has an operator, a version or an element type this module cannot run
// yet. It never means that the graph is wrong.
var ErrUnsupported = errors.New("not supported")

// Op is one node's operator with its attributes read.
type Op interface {
	// Infer gives the facts of the outputs from those of the inputs. The fact of an absent optional input is Absent.
	// It must refuse what Eval would refuse, as far as facts tell.
	Infer(env *Env, in []Fact) ([]Fact, error)
	// Eval computes the outputs. An absent optional input is nil. Inputs are never written; an output may be an input
	// or share its memory only where the operator says so by returning it unchanged.
	Eval(env *Env, in []onnx.Value) ([]onnx.Value, error)
}

// Specializer is an [Op] with a fast way.
type Specializer interface {
	// Specialize gives a step for inputs of exactly these facts (all shapes known), or false where there is none. consts
	// holds the inputs whose values never change, others are nil; weights are packed here, once.
	Specialize(t Target, in []Fact, consts []*onnx.Tensor) (Step, bool)
}

// Target is what a plan runs on.
type Target struct {
	Set     kernels.Set
	Pool    *kernels.Pool // nil: one thread
	Weights *Weights      // where packed weights are shared; nil: each step has its own
}

// Step is a compiled node: it writes outputs of known shape into memory that the plan owns.
type Step struct {
	Scratch int  // bytes of scratch memory that Run needs, 64-byte aligned
	Kept    int  // bytes of memory that stay from run to run, zero before the first one
	InPlace bool // the first output may share the memory of the first input where both have the same bytes
	Run     func(*Frame) error
	// Stage is what Run does to each image of the first input by itself, where a region of the kernels can do it; else nil.
	Stage *kernels.Stage
	// Link is what the step does to each number of one input, where a chain of the kernels can do it; else nil.
	Link *Link
	// Then gives the step that also applies links to its result, nil where it has no such way. Operands of the links are inputs behind
	// its own.
	Then func(links []Link) Step
	// Own makes what belongs to one run, for the frame; nil where there is nothing.
	Own func() any
}

// Frame is what a [Step] runs on. It belongs to one run.
type Frame struct {
	In      []*onnx.Tensor // nil where an optional input is absent
	Out     []*onnx.Tensor // nil where an output is not wanted
	Scratch []byte
	Kept    []byte
	Own     any // what the step's Own made
}

// ScratchFloats sees the scratch memory as float32 elements.
func (f *Frame) ScratchFloats() []float32 { return onnx.ElementsOf[float32](f.Scratch) }

// KeptFloats sees the memory that stays as float32 elements.
func (f *Frame) KeptFloats() []float32 { return onnx.ElementsOf[float32](f.Kept) }

// Class says how exactly an operator's result is defined; it sets the tolerance of every comparison.
type Class uint8

// The numeric classes.
const (
	Exact  Class = iota // moves or compares: equal to the bit
	Rounds              // computes: equal within the operator's rounding
	Random              // draws: only type and shape are defined
)

// Meaning is an operator's entry in the table.
type Meaning struct {
	Domain string
	Name   string
	Class  Class
	// New reads the attributes of a node of the newest version. It is nil for an operator that can be lifted but not run.
	New func(*Attrs) Op
	// Upgrade and Downgrade hold the rewrites between neighbouring versions of the operator. Upgrade[v] turns a node of the
	// version before v into nodes of opset v. Downgrade[v] turns a node of version v into nodes of opset v-1. A step
	// that is missing is done by the schema alone where it allows that, see [schema.Superset].
	Upgrade   map[int64]Rewrite
	Downgrade map[int64]Rewrite
}

// Rewrite turns one node into nodes of a neighbouring version.
type Rewrite func(*Rewriter) error
