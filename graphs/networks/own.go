package networks

import (
	"errors"

	"github.com/gonyx/gonyx/graphs"
	"github.com/gonyx/gonyx/graphs/losses"
)

// New makes an instance of a network that is not in the catalogue, for data of the shapes that d says: network takes x [batch, …]
// to the output y, and loss holds that against the data's y, or where there is none, against x. The recipe is Adam, 10 epochs of
// batches of 32.
func New(name string, d Data, network graphs.Layer, loss func(output, target graphs.Value) losses.Loss) (*Instance, error) {
	if d.X == nil {
		return nil, errors.New(name + ": the shape of a row of x is not given")
	}
	i := &Instance{Name: name, Features: d.Recipe, targets: d.Y,
		Recipe: Recipe{Optimizer: "adam", Schedule: "constant", Epochs: 10, BatchSize: 32}}
	return i, i.build("", d.X, network, func(in map[string]graphs.Value, y graphs.Value) losses.Loss {
		if d.Y != nil {
			return loss(y, in["y"])
		}
		return loss(y, target(in))
	})
}
