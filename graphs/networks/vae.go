package networks

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx"
)

// The variational autoencoder (Kingma and Welling, "Auto-Encoding Variational Bayes", 2013) with a plane as latent space.

func vae() Network {
	return Network{
		Name:    "vae",
		Summary: "variational autoencoder of pictures with a latent plane",
		Dataset: "mnist",
		Rows:    10000,
		Usual:   Data{X: []int64{784}},
		Options: []Option{
			{"units", "128", "units of the hidden layers"},
			{"latent", "2", "dimensions of the latent space"},
		},
		Build: buildVAE,
	}
}

// EpsilonInput is the noise of the reparametrisation: a plain input, zeros where nobody gives it, so that z is its mean.
const EpsilonInput = "epsilon"

type vaeSizes struct{ pixels, units, latent int64 }

func buildVAE(s *Settings, d Data) (*Instance, error) {
	z := vaeSizes{pixels: rowLen(d.X), units: s.Size("units")}
	if d.Noise != nil {
		z.latent = s.Agree("latent", rowLen(d.Noise))
		s.Use("latent", z.latent)
	} else {
		z.latent = s.Size("latent")
	}
	if z.pixels < 1 {
		return nil, fmt.Errorf("vae: x is %v a row, want one number or more", d.X)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	i := &Instance{Name: "vae", Settings: s.Used(), Features: reconstruction(d, z.pixels),
		Draws:  []Draw{{EpsilonInput, []int64{z.latent}}},
		Recipe: Recipe{Optimizer: "adam", Schedule: "constant", Epochs: 40, BatchSize: 100}}

	m := graphs.New("vae")
	m.Doc("variational autoencoder: pictures [batch, pixels] in 0..1 and noise epsilon [batch, latent] to pictures")
	e := z.encode(input(m, "x", []int64{z.pixels}), input(m, EpsilonInput, []int64{z.latent}))
	m.Output("y", z.decode(e.z))
	var err error
	if i.Model, err = m.Model(); err != nil {
		return nil, err
	}

	t := graphs.New("vae training")
	x := input(t, "x", []int64{z.pixels})
	e = z.encode(x, input(t, EpsilonInput, []int64{z.latent}))
	y := z.decode(e.z)
	if err := i.train(t, y, losses.VAE(y, x, e.mean, e.logVar)); err != nil {
		return nil, err
	}

	enc := graphs.New("vae encoder")
	enc.Doc("pictures [batch, pixels] and noise epsilon [batch, latent] to the latent distribution and a point of it")
	e = z.encode(input(enc, "x", []int64{z.pixels}), input(enc, EpsilonInput, []int64{z.latent}))
	enc.Output("z_mean", e.mean)
	enc.Output("z_log_var", e.logVar)
	enc.Output("z", e.z)
	dec := graphs.New("vae decoder")
	dec.Doc("points of the latent space [batch, latent] to pictures [batch, pixels]")
	dec.Output("y", z.decode(input(dec, "z", []int64{z.latent})))
	for name, b := range map[string]*graphs.Builder{"encoder": enc, "decoder": dec} {
		p, err := b.Model()
		if err != nil {
			return nil, err
		}
		i.Parts = append(i.Parts, Part{name, p})
	}
	if i.Parts[0].Name != "encoder" {
		i.Parts[0], i.Parts[1] = i.Parts[1], i.Parts[0]
	}
	return i, nil
}

// latent is the distribution that a picture stands for, and a point drawn from it.
type latent struct{ mean, logVar, z graphs.Value }

// encode gives z = μ + σ·ε with σ = exp(log σ² / 2): the randomness comes in from outside, so that gradients reach μ and σ.
func (z vaeSizes) encode(x, epsilon graphs.Value) latent { // [batch, 784], [batch, 2]
	var l latent
	b := x.Builder()
	b.In("encoder", func() {
		h := graphs.Dense("dense1", z.units, graphs.Relu)(x)      // [batch, 128]
		l.mean = graphs.Dense("z_mean", z.latent, nil)(h)         // [batch, 2]
		l.logVar = graphs.Dense("z_log_var", z.latent, nil)(h)    // [batch, 2]
		half := l.logVar.Mul(b.Const("half", onnx.Scalar32(0.5))) // [batch, 2]
		l.z = l.mean.Add(half.Exp().Mul(epsilon))                 // [batch, 2]
	})
	return l
}

func (z vaeSizes) decode(point graphs.Value) graphs.Value { // [batch, 2]
	return graphs.Named("decoder", graphs.Sequential(
		graphs.Dense("dense1", z.units, graphs.Relu),     // [batch, 128]
		graphs.Dense("dense2", z.pixels, graphs.Sigmoid), // [batch, 784]
	))(point)
}
