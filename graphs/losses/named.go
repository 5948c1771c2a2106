package losses

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gonyx/gonyx/graphs"
)

// Names of the losses that a network from elsewhere can be trained with.
const (
	BinaryName      = "binary-crossentropy"
	CategoricalName = "categorical-crossentropy"
	LogitsName      = "categorical-crossentropy-logits"
	SquaredName     = "mse"
	YOLOName        = "yolo"
)

// Names lists them.
func Names() []string {
	return []string{BinaryName, CategoricalName, LogitsName, SquaredName, YOLOName}
}

// Named gives the loss of that name. yolo needs the shape of the detector's output, the others do not look at it.
func Named(name string, shape YOLOShape) (func(output, target graphs.Value) Loss, error) {
	switch name {
	case BinaryName:
		return BinaryCrossEntropy, nil
	case CategoricalName:
		return CategoricalCrossEntropy, nil
	case LogitsName:
		return LogitsCrossEntropy, nil
	case SquaredName:
		return MeanSquaredError, nil
	case YOLOName:
		return func(output, target graphs.Value) Loss { return YOLO(shape, output, target) }, nil
	}
	return nil, fmt.Errorf("there is no loss %q; there are %s", name, strings.Join(Names(), ", "))
}

// Categorical says whether the loss of that name holds scores of classes against the right ones.
func Categorical(name string) bool {
	return slices.Contains([]string{CategoricalName, LogitsName}, name)
}
