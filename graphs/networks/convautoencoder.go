package networks

import (
	"fmt"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
)

// The convolutional autoencoder: the code is a small picture of its own.

func convAutoencoder() Network {
	return Network{
		Name:    "conv-autoencoder",
		Summary: "convolutional autoencoder of pictures, or filter of noise",
		Dataset: "mnist",
		Rows:    10000,
		Usual:   Data{X: []int64{1, 28, 28}},
		Options: []Option{
			{"filters1", "16", "maps of the outer convolutions"},
			{"filters2", "8", "maps of the inner convolutions"},
			{"noise", "0", "standard deviation of noise on the pictures that the network learns to take away"},
		},
		Build: buildConvAutoencoder,
	}
}

type convAutoencoderSizes struct{ channels, filters1, filters2 int64 }

func buildConvAutoencoder(s *Settings, d Data) (*Instance, error) {
	x, err := pictureDims(d)
	if err != nil {
		return nil, fmt.Errorf("conv-autoencoder: %w", err)
	}
	if x[1] != 28 || x[2] != 28 {
		return nil, fmt.Errorf("conv-autoencoder: pictures are %d × %d, this network halves 28 three times and comes back to 28", x[2], x[1])
	}
	z := convAutoencoderSizes{x[0], s.Size("filters1"), s.Size("filters2")}
	noise := s.Float("noise", 0, 10)
	s.Use("noise", noise)
	if err := s.Err(); err != nil {
		return nil, err
	}
	i := &Instance{Name: "conv-autoencoder", Settings: s.Used(), Features: reconstruction(d, rowLen(d.X)), Noise: noise,
		Recipe: Recipe{Optimizer: "adam", Schedule: "cosine", Epochs: 5, BatchSize: 100}}
	if err := i.build("convolutional autoencoder: pictures [batch, channels, 28, 28] in 0..1 to the same", x,
		func(x graphs.Value) graphs.Value { return z.decoder()(z.encoder()(x)) },
		func(in map[string]graphs.Value, y graphs.Value) losses.Loss {
			return losses.BinaryCrossEntropy(y, target(in))
		}); err != nil {
		return nil, err
	}
	return i, i.parts(
		part{"encoder", x, "code", z.encoder()},
		part{"decoder", []int64{z.filters2, 4, 4}, "y", z.decoder()},
	)
}

func (z convAutoencoderSizes) encoder() graphs.Layer { // [batch, 1, 28, 28]
	return graphs.Named("encoder", graphs.Sequential(
		graphs.Conv2D("conv1", z.filters1, 3, graphs.Same, graphs.Relu), // [batch, 16, 28, 28]
		graphs.MaxPool2D("pool1", 2),                                    // [batch, 16, 14, 14]
		graphs.Conv2D("conv2", z.filters2, 3, graphs.Same, graphs.Relu), // [batch, 8, 14, 14]
		graphs.MaxPool2D("pool2", 2),                                    // [batch, 8, 7, 7]
		graphs.Conv2D("conv3", z.filters2, 3, graphs.Same, graphs.Relu), // [batch, 8, 7, 7]
		graphs.MaxPool2D("pool3", 2, 0, 0, 1, 1),                        // [batch, 8, 4, 4]
	))
}

func (z convAutoencoderSizes) decoder() graphs.Layer { // [batch, 8, 4, 4]
	return graphs.Named("decoder", graphs.Sequential(
		graphs.Conv2D("conv1", z.filters2, 3, graphs.Same, graphs.Relu),    // [batch, 8, 4, 4]
		graphs.UpSampling2D("up1", 2),                                      // [batch, 8, 8, 8]
		graphs.Conv2D("conv2", z.filters2, 3, graphs.Same, graphs.Relu),    // [batch, 8, 8, 8]
		graphs.UpSampling2D("up2", 2),                                      // [batch, 8, 16, 16]
		graphs.Conv2D("conv3", z.filters1, 3, graphs.Valid, graphs.Relu),   // [batch, 16, 14, 14]
		graphs.UpSampling2D("up3", 2),                                      // [batch, 16, 28, 28]
		graphs.Conv2D("conv4", z.channels, 3, graphs.Same, graphs.Sigmoid), // [batch, 1, 28, 28]
	))
}
