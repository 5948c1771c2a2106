package graphs

import (
	"strings"
	"testing"

	"github.com/gonyx/gonyx/onnx"
)

// The hashes of weights are SHA-256 over the encoding that sumOfTensor documents, taken with Python's hashlib.
func TestPrintedForm(t *testing.T) {
	k := branches(true, node("", "Mul", "h,k", "o1"))
	unbound := network()
	unbound.Initializers[2].Data = nil
	cases := map[string]struct {
		g    *onnx.Graph
		want string
	}{
		"a network": {unbound, `
graph "net"
  %0 = input "x" : float[batch,2,6,6]
  %1 = input "ids" : int64[n]
  %2 = Conv(%0, conv1.weight:float[3,2,3,3]#81363302, conv1.bias:float[3]=[9,9.25,9.5]) {auto_pad="NOTSET", group=1, pads=[1,1,1,1]} : float[batch,3,6,6]
  %3 = Relu(%2) : float[batch,3,6,6]
  %4 = MaxPool(%3) {auto_pad="NOTSET", ceil_mode=0, kernel_shape=[2,2], storage_order=0, strides=[2,2]} : float[batch,3,3,3]
  %5 = Flatten(%4) {axis=1} : float[batch,27]
  %6 = Gemm(%5, dense1.weight:float[27,4]?, dense1.bias:float[4]=[10,10.25,10.5,10.75]) {alpha=1, beta=1, transA=0, transB=0} : float[batch,4]
  %7 = Sigmoid(%6) : float[batch,4]
  %8 = Sub(%6, %7) : float[batch,4]
  %9 = Gather(table:float[7,5]#7b3dd0fa, %1) {axis=0} : float[n,5]
  output "y" = %8 : float[batch,4]
  output "e" = %9 : float[n,5]
`},
		"subgraphs": {k, `
graph ""
  %0 = input "x" : float[n]
  %1 = input "c" : bool[]
  %2 = Abs(%0) : float[n]
  %3 = If(%1) around(%2, %0) : float[n]
    else_branch =
      graph "else"
        %0 = Sub(^0, ^1)
        output "o2" = %0
    then_branch =
      graph "then"
        %0 = Mul(^0, k:float[]=2)
        output "o1" = %0
  output "y" = %3 : float[n]
`},
		"outputs, defaults and operands left out": {
			func() *onnx.Graph {
				g := graphOf(13, "x,w", "y", []*onnx.Tensor{named("w", onnx.Scalar32(0.5)), named("k", onnx.FromInt64s([]int64{2, 4}))},
					node("s", "Split", "x,k", "a,b"), node("l", "Clip", "b,,w", "y"))
				g.Inputs[0].Type, g.Inputs[1].Type = floats(fixed(6)), floats()
				return g
			}(), `
graph ""
  %0 = input "x" : float[6]
  %1 = input "w" : float[] = w:float[]=0.5
  %2 = Split(%0, k:int64[2]=[2,4]) {axis=0} : float[2], float[4]
  %3 = Clip(%2.1, -, %1) : float[4]
  output "y" = %3 : float[4]
`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := Canonical(c.g)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := f.String(), strings.TrimPrefix(c.want, "\n"); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestDigestIsPinned holds the digest of one network still: it is stamped into files, so a change of the form that changes it
// must be meant, and changes the version in the digest's preamble.
func TestDigestIsPinned(t *testing.T) {
	got, err := Digest(network())
	if err != nil {
		t.Fatal(err)
	}
	const want = "8cae28a6d94ddc9457ddf0f6f3ec454ae09e8a48af8b29435e0ec86779e39f89"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
