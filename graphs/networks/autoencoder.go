package networks

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
	"github.com/gonyx/gonyx/onnx/features"
)

// The dense autoencoder: a picture squeezed through a short code and drawn again.

func autoencoder() Network {
	return Network{
		Name:    "autoencoder",
		Summary: "dense autoencoder of pictures, or filter of noise",
		Dataset: "mnist",
		Rows:    10000,
		Usual:   Data{X: []int64{784}},
		Options: []Option{
			{"units1", "128", "units of the outer hidden layers"},
			{"units2", "64", "units of the inner hidden layers"},
			{"code", "64", "length of the code"},
			{"output", "sigmoid", "last layer: sigmoid, or softmax as the article has it"},
			{"form", "functions", "how the network is written, as composed functions or as one stack: both are the same model"},
			{"noise", "0", "standard deviation of noise on the pictures that the network learns to take away"},
		},
		Build: buildAutoencoder,
	}
}

type autoencoderSizes struct {
	pixels, units1, units2, code int64
	output                       graphs.Activation
}

func buildAutoencoder(s *Settings, d Data) (*Instance, error) {
	z := autoencoderSizes{pixels: rowLen(d.X)}
	if z.pixels < 1 {
		return nil, fmt.Errorf("autoencoder: x is %v a row, want one number or more", d.X)
	}
	z.units1, z.units2, z.code = s.Size("units1"), s.Size("units2"), s.Size("code")
	z.output = map[string]graphs.Activation{"sigmoid": graphs.Sigmoid, "softmax": graphs.Softmax}[s.OneOf("output", "sigmoid", "softmax")]
	layers := map[string]graphs.Layer{"functions": z.functional, "stack": z.sequential()}[s.OneOf("form", "functions", "stack")]
	noise := s.Float("noise", 0, 10)
	s.Use("noise", noise)
	if err := s.Err(); err != nil {
		return nil, err
	}
	i := &Instance{Name: "autoencoder", Settings: s.Used(), Features: reconstruction(d, z.pixels), Noise: noise,
		Recipe: Recipe{Optimizer: "adam", Schedule: "cosine", Epochs: 10, BatchSize: 100}}
	if err := i.build("dense autoencoder: pictures [batch, pixels] in 0..1 to the same", []int64{z.pixels}, layers,
		func(in map[string]graphs.Value, y graphs.Value) losses.Loss {
			return losses.BinaryCrossEntropy(y, target(in))
		}); err != nil {
		return nil, err
	}
	return i, i.parts(
		part{"encoder", []int64{z.pixels}, "code", z.encoder()},
		part{"decoder", []int64{z.code}, "y", z.decoder()},
	)
}

// functional composes two models, each a layer of the whole.
func (z autoencoderSizes) functional(x graphs.Value) graphs.Value { // [batch, 784]
	code := z.encoder()(x)   // [batch, 64]
	return z.decoder()(code) // [batch, 784]
}

func (z autoencoderSizes) encoder() graphs.Layer {
	return graphs.Named("encoder", graphs.Sequential(
		graphs.Dense("dense1", z.units1, graphs.Relu), // [batch, 128]
		graphs.Dense("dense2", z.units2, graphs.Relu), // [batch, 64]
		graphs.Dense("dense3", z.code, graphs.Relu),   // [batch, 64]
	))
}

func (z autoencoderSizes) decoder() graphs.Layer {
	return graphs.Named("decoder", graphs.Sequential(
		graphs.Dense("dense1", z.units2, graphs.Relu), // [batch, 64]
		graphs.Dense("dense2", z.units1, graphs.Relu), // [batch, 128]
		graphs.Dense("dense3", z.pixels, z.output),    // [batch, 784]
	))
}

// sequential is the same network as one stack of layers.
func (z autoencoderSizes) sequential() graphs.Layer {
	return graphs.Sequential(
		graphs.Dense("encoder.dense1", z.units1, graphs.Relu),
		graphs.Dense("encoder.dense2", z.units2, graphs.Relu),
		graphs.Dense("encoder.dense3", z.code, graphs.Relu),
		graphs.Dense("decoder.dense1", z.units2, graphs.Relu),
		graphs.Dense("decoder.dense2", z.units1, graphs.Relu),
		graphs.Dense("decoder.dense3", z.pixels, z.output),
	)
}

// reconstruction is the recipe of networks that give their input again.
func reconstruction(d Data, pixels int64) *features.Recipe {
	f := features.Recipe{}
	if d.Recipe != nil {
		f = *d.Recipe
	}
	f.Task, f.Classes, f.Detection, f.Text = features.TaskReconstruction, nil, nil, nil // what goes in comes out, whatever else the data knows
	if f.Image == nil {
		side := int64(1)
		for side*side < pixels {
			side++
		}
		switch {
		case len(d.X) == 3 && (d.X[0] == 1 || d.X[0] == 3):
			f.Image = &features.Image{Width: int(d.X[2]), Height: int(d.X[1]), Channels: features.Gray, Scale: features.DefaultScale}
			if d.X[0] == 3 {
				f.Image.Channels = features.RGB
			}
		case len(d.X) == 1 && side*side == pixels:
			f.Image = &features.Image{Width: int(side), Height: int(side), Channels: features.Gray, Scale: features.DefaultScale}
		}
	}
	return &f
}
