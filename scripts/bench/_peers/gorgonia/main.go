// Command gorgonia trains networks with stock Gorgonia, as a contestant of the benchmark. Of the convolutional autoencoder it has the first
// three convolutions and two poolings only: it has no way back up; convolutions have no bias. The loss is the mean squared error.
package main

import (
	"fmt"
	"runtime"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gonyx/gonyx/scripts/bench/_peers/contestant"
)

func main() { contestant.Serve("Gorgonia v0.9.18", load) }

// network is a graph as it grows. Its methods panic, which the contestant makes an error of.
type network struct {
	g      *G.ExprGraph
	params G.Nodes
}

func must(n *G.Node, err error) *G.Node {
	if err != nil {
		panic(err)
	}
	return n
}

func (n *network) weight(dims ...int) *G.Node {
	w := G.NewTensor(n.g, tensor.Float32, len(dims), G.WithShape(dims...), G.WithName(fmt.Sprint("w", len(n.params))), G.WithInit(G.GlorotU(1)))
	n.params = append(n.params, w)
	return w
}

func (n *network) dense(x *G.Node, in, out int, act func(*G.Node) (*G.Node, error)) *G.Node {
	z := must(G.BroadcastAdd(must(G.Mul(x, n.weight(in, out))), n.weight(1, out), nil, []byte{0}))
	return must(act(z))
}

func (n *network) conv(x *G.Node, in, out, kernel, pad int, act func(*G.Node) (*G.Node, error)) *G.Node {
	return must(act(must(G.Conv2d(x, n.weight(out, in, kernel, kernel), tensor.Shape{kernel, kernel}, []int{pad, pad}, []int{1, 1}, []int{1, 1}))))
}

func pool(x *G.Node) *G.Node {
	return must(G.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{2, 2}))
}

func linear(x *G.Node) (*G.Node, error) { return x, nil }
func leaky(x *G.Node) (*G.Node, error)  { return G.LeakyRelu(x, 0.1) }

// build makes a network over x and gives its output.
func (n *network) build(name string, x *G.Node) *G.Node {
	batch := x.Shape()[0]
	switch name {
	case "autoencoder":
		sizes := []int{784, 128, 64, 64, 64, 128}
		h := x
		for i := range sizes[1:] {
			h = n.dense(h, sizes[i], sizes[i+1], G.Rectify)
		}
		return n.dense(h, 128, 784, G.Sigmoid)
	case "news":
		return n.dense(n.dense(x, 10000, 512, G.Rectify), 512, 4, G.Sigmoid)
	case "yolo":
		h := pool(n.conv(n.conv(x, 3, 16, 1, 0, linear), 16, 32, 3, 0, leaky))
		h = pool(n.conv(n.conv(h, 32, 16, 3, 0, linear), 16, 32, 3, 0, leaky))
		h = must(G.Reshape(h, tensor.Shape{batch, 5408}))
		return n.dense(n.dense(h, 5408, 256, G.Sigmoid), 256, 32, G.Sigmoid)
	case "conv-autoencoder":
		h := pool(n.conv(x, 1, 16, 3, 1, G.Rectify))
		return n.conv(pool(n.conv(h, 16, 8, 3, 1, G.Rectify)), 8, 8, 3, 1, G.Rectify)
	}
	panic("no network " + name)
}

func load(r contestant.Request) (contestant.Subject, error) {
	runtime.GOMAXPROCS(r.Threads)
	n := &network{g: G.NewGraph()}
	var x *G.Node
	for _, in := range r.Inputs {
		if in.Name != "x" {
			continue
		}
		v, err := in.Read()
		if err != nil {
			return contestant.Subject{}, err
		}
		x = G.NewTensor(n.g, tensor.Float32, len(in.Dims), G.WithShape(in.Dims...), G.WithName("x"),
			G.WithValue(tensor.New(tensor.WithShape(in.Dims...), tensor.WithBacking(v))))
	}
	out := n.build(r.Model, x)
	target := tensor.New(tensor.WithShape(out.Shape()...), tensor.Of(tensor.Float32))
	y := G.NewTensor(n.g, tensor.Float32, out.Dims(), G.WithShape(out.Shape()...), G.WithName("y"), G.WithValue(target))
	loss := must(G.Mean(must(G.Square(must(G.Sub(out, y))))))
	if _, err := G.Grad(loss, n.params...); err != nil {
		return contestant.Subject{}, err
	}
	vm := G.NewTapeMachine(n.g, G.BindDualValues(n.params...))
	solver := G.NewAdamSolver(G.WithLearnRate(1e-3))
	return contestant.Subject{Run: func() error {
		defer vm.Reset()
		if err := vm.RunAll(); err != nil {
			return err
		}
		return solver.Step(G.NodesToValueGrads(n.params))
	}}, nil
}
