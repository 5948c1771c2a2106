"""Writes the catalogue's networks as PyTorch exports them, small, for fixtures/foreign.

    python3 scripts/interop/pytorch.py fixtures/foreign

For every network: NAME.npz with weights, inputs and PyTorch's output; NAME-pytorch.onnx with dense layers as nn.Linear exports them
(a transposed weight); NAME-pytorch-addmm-OPSET.onnx with dense layers as the suite has them. Further recurrent and attention networks
that the suite has not in its catalogue. The seed makes the numbers; the same version of PyTorch makes the same files.
"""

import pathlib
import sys

import numpy
import torch
from torch import nn

import twins

SHAPES = {
    "yolo": ([3, 32, 32], {"conv1": (4, 3, 1, 1), "conv2": (8, 4, 3, 3), "conv3": (4, 8, 3, 3), "conv4": (8, 4, 3, 3), "dense1": (200, 16),
                           "dense2": (16, 32)}),
    "autoencoder": ([36], {"encoder.dense1": (36, 17), "encoder.dense2": (17, 9), "encoder.dense3": (9, 5), "decoder.dense1": (5, 9),
                           "decoder.dense2": (9, 17), "decoder.dense3": (17, 36)}),
    "conv-autoencoder": ([1, 28, 28], {"encoder.conv1": (4, 1, 3, 3), "encoder.conv2": (3, 4, 3, 3), "encoder.conv3": (3, 3, 3, 3),
                                       "decoder.conv1": (3, 3, 3, 3), "decoder.conv2": (3, 3, 3, 3), "decoder.conv3": (4, 3, 3, 3),
                                       "decoder.conv4": (1, 4, 3, 3)}),
    "vae": ([36], {"encoder.dense1": (36, 10), "encoder.z_mean": (10, 2), "encoder.z_log_var": (10, 2), "decoder.dense1": (2, 10),
                   "decoder.dense2": (10, 36)}),
    "news": ([50], {"dense1": (50, 12), "dense2": (12, 4)}),
}

OPSETS = (9, 11, 13, 17)


def export(module, inputs, names, path, opset=17):
    axes = {name: {0: "batch"} for name in (*names, "y")}
    torch.onnx.export(module.eval(), inputs, str(path), opset_version=opset, input_names=list(names), output_names=["y"], dynamic_axes=axes)


def catalogue(folder):
    for network, (dims, layers) in SHAPES.items():
        rng = numpy.random.default_rng(len(network))
        weights = {}
        for name, shape in layers.items():
            convolution = len(shape) == 4
            fan = numpy.prod(shape[1:]) if convolution else shape[0]
            weights[name + ".weight"] = (rng.standard_normal(shape) / numpy.sqrt(fan)).astype(numpy.float32)
            weights[name + ".bias"] = rng.uniform(-0.1, 0.1, shape[0] if convolution else shape[1]).astype(numpy.float32)
        inputs = {"x": rng.random([2, *dims], dtype=numpy.float32)}
        if network == "vae":
            inputs["epsilon"] = rng.standard_normal([2, 2]).astype(numpy.float32)
        given = tuple(torch.tensor(v) for v in inputs.values())
        twin = twins.TWINS[network](weights, twins.linear)
        with torch.no_grad():
            y = twin(*given).numpy()
        numpy.savez_compressed(folder / f"{network}.npz", **weights, **inputs, y=y)
        export(twin, given, inputs, folder / f"{network}-pytorch.onnx")
        for opset in OPSETS:
            plain = twins.TWINS[network](weights, twins.Dense)
            export(plain, given, inputs, folder / f"{network}-pytorch-addmm-{opset}.onnx", opset)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.core = kind(3, 4, **options)

    def forward(self, x):
        return self.core(x)[0]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.core = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        return self.core(x, x, x, need_weights=False)[0]


def sequences(folder):
    """Networks that only pairs.py uses."""
    for name, make in {
        "lstm": lambda: Recurrent(nn.LSTM, bidirectional=True, batch_first=True),
        "gru": lambda: Recurrent(nn.GRU),
        "rnn": lambda: Recurrent(nn.RNN, nonlinearity="relu"),
        "attention": Attention,
        "transformer": lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
    }.items():
        torch.manual_seed(1)
        x = torch.randn(2, 5, 3 if name in ("lstm", "gru", "rnn") else 4)
        module = make()
        # In training mode the encoder is exported node by node, not as one fast path.
        axes = {"x": {0: "n"}, "y": {0: "n"}}
        torch.onnx.export(module, (x,), str(folder / f"sequence-{name}.onnx"), opset_version=17, input_names=["x"], output_names=["y"],
                          dynamic_axes=axes, training=torch.onnx.TrainingMode.PRESERVE)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: pytorch.py FOLDER")
    out = pathlib.Path(sys.argv[1])
    catalogue(out)
    sequences(out)
