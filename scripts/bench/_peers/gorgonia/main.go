// Command gorgonia trains networks with stock Gorgonia, as a contestant of the benchmark, written as its user would write them. YOLO's loss
// is the mean squared error; where a pooling rounds up, the picture has a padding of one.
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
	in     map[string]*G.Node
	params G.Nodes
}

func must(n *G.Node, err error) *G.Node {
	if err != nil {
		panic(err)
	}
	return n
}

func (n *network) weight(init G.InitWFn, dims ...int) *G.Node {
	w := G.NewTensor(n.g, tensor.Float32, len(dims), G.WithShape(dims...), G.WithName(fmt.Sprint("w", len(n.params))), G.WithInit(init))
	n.params = append(n.params, w)
	return w
}

type activation func(*G.Node) (*G.Node, error)

func (n *network) dense(x *G.Node, in, out int, act activation) *G.Node {
	product := must(G.Mul(x, n.weight(G.GlorotU(1), in, out)))
	return must(act(must(G.BroadcastAdd(product, n.weight(G.Zeroes(), 1, out), nil, []byte{0}))))
}

func (n *network) conv(x *G.Node, in, out, kernel, pad int, act activation) *G.Node {
	maps := must(G.Conv2d(x, n.weight(G.GlorotU(1), out, in, kernel, kernel), tensor.Shape{kernel, kernel}, []int{pad, pad}, []int{1, 1}, []int{1, 1}))
	return must(act(must(G.BroadcastAdd(maps, n.weight(G.Zeroes(), 1, out, 1, 1), nil, []byte{0, 2, 3}))))
}

func pool(x *G.Node, pad int) *G.Node {
	return must(G.MaxPool2D(x, tensor.Shape{2, 2}, []int{pad, pad}, []int{2, 2}))
}

func double(x *G.Node) *G.Node { return must(G.Upsample2D(x, 2)) }

func linear(x *G.Node) (*G.Node, error) { return x, nil }
func leaky(x *G.Node) (*G.Node, error)  { return G.LeakyRelu(x, 0.3) }

// number is a constant.
func number(v float32) *G.Node { return G.NewConstant(v) }

// entropy is the mean binary cross-entropy of y.
func entropy(y, target *G.Node) *G.Node { return must(G.Mean(must(G.BinaryXent(y, target)))) }

// build makes a network and gives its loss.
func (n *network) build(name string) *G.Node {
	x := n.in["x"]
	batch := x.Shape()[0]
	switch name {
	case "autoencoder":
		sizes := []int{784, 128, 64, 64, 64, 128}
		h := x
		for i := range sizes[1:] {
			h = n.dense(h, sizes[i], sizes[i+1], G.Rectify)
		}
		return entropy(n.dense(h, 128, 784, G.Sigmoid), x)
	case "news":
		p := n.dense(n.dense(x, 10000, 512, G.Rectify), 512, 4, func(z *G.Node) (*G.Node, error) { return G.SoftMax(z) })
		return must(G.Neg(must(G.Mean(must(G.Sum(must(G.HadamardProd(must(G.Log(p)), n.in["y"])), 1))))))
	case "yolo":
		h := pool(n.conv(n.conv(x, 3, 16, 1, 0, linear), 16, 32, 3, 0, leaky), 0)
		h = pool(n.conv(n.conv(h, 32, 16, 3, 0, linear), 16, 32, 3, 0, leaky), 0)
		h = must(G.Reshape(h, tensor.Shape{batch, 5408}))
		y := n.dense(n.dense(h, 5408, 256, G.Sigmoid), 256, 32, G.Sigmoid)
		return must(G.Mean(must(G.Square(must(G.Sub(y, n.in["y"]))))))
	case "conv-autoencoder":
		h := pool(n.conv(x, 1, 16, 3, 1, G.Rectify), 0)
		h = pool(n.conv(h, 16, 8, 3, 1, G.Rectify), 0)
		h = pool(n.conv(h, 8, 8, 3, 1, G.Rectify), 1)
		h = double(n.conv(h, 8, 8, 3, 1, G.Rectify))
		h = double(n.conv(h, 8, 8, 3, 1, G.Rectify))
		h = double(n.conv(h, 8, 16, 3, 0, G.Rectify))
		return entropy(n.conv(h, 16, 1, 3, 1, G.Sigmoid), x)
	case "vae":
		h := n.dense(x, 784, 128, G.Rectify)
		mean, spread := n.dense(h, 128, 2, linear), n.dense(h, 128, 2, linear)
		z := must(G.Add(mean, must(G.HadamardProd(must(G.Exp(must(G.HadamardProd(spread, number(0.5))))), n.in["epsilon"]))))
		y := n.dense(n.dense(z, 2, 128, G.Rectify), 128, 784, G.Sigmoid)
		apart := must(G.Sub(must(G.Sub(must(G.Add(spread, number(1))), must(G.Square(mean)))), must(G.Exp(spread))))
		loss := must(G.Sub(must(G.Sum(must(G.BinaryXent(y, x)))), must(G.HadamardProd(must(G.Sum(apart)), number(0.5)))))
		return must(G.HadamardDiv(loss, number(float32(batch))))
	}
	panic("no network " + name)
}

func load(r contestant.Request) (contestant.Subject, error) {
	runtime.GOMAXPROCS(r.Threads)
	n := &network{g: G.NewGraph(), in: make(map[string]*G.Node)}
	batches := make(map[string][]tensor.Tensor)
	for _, in := range r.Inputs {
		dims := append([]int{r.Rows}, in.Dims[1:]...)
		if in.Name == "y" && r.Model == "yolo" {
			dims = []int{r.Rows, 32}
		}
		size := len(in.Data) / in.Dims[0] * r.Rows
		for k := range in.Dims[0] / r.Rows {
			batches[in.Name] = append(batches[in.Name], tensor.New(tensor.WithShape(dims...), tensor.WithBacking(in.Data[k*size:(k+1)*size])))
		}
		n.in[in.Name] = G.NewTensor(n.g, tensor.Float32, len(dims), G.WithShape(dims...), G.WithName(in.Name))
	}
	loss := n.build(r.Model)
	if _, err := G.Grad(loss, n.params...); err != nil {
		return contestant.Subject{}, err
	}
	vm := G.NewTapeMachine(n.g, G.BindDualValues(n.params...))
	solver := G.NewAdamSolver(G.WithLearnRate(1e-3))
	steps := 0
	return contestant.Subject{Run: func() error {
		for name, list := range batches {
			if err := G.Let(n.in[name], list[steps%len(list)]); err != nil {
				return err
			}
		}
		steps++
		defer vm.Reset()
		if err := vm.RunAll(); err != nil {
			return err
		}
		return solver.Step(G.NodesToValueGrads(n.params))
	}}, nil
}
