"""Writes the catalogue's networks as Keras exports them, small, for fixtures/foreign.

    python -m venv VENV && VENV/bin/pip install keras==3.15.1 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2
    VENV/bin/python scripts/interop/keras_twins.py fixtures/foreign

Reads NAME.npz, which pytorch.py made, and writes NAME-keras.onnx with Keras's model.export(format="onnx"), which hands the graph to
tf2onnx. Pictures come with channels first, as in the suite, and are turned at the entry; a flattened picture is in the order height,
width, channels and so are the rows of the weight behind it. Keras's own output must be the stored one. tf2onnx numbers
some constants and nodes another way at every run: the files have other bytes then, the same digests. Too heavy for run and CI.
"""

import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy
import onnx
from keras import layers, ops

OPSET = 17


class Layers:
    """Keras layers by the suite's parameter names, and the arrays that each is to hold."""

    def __init__(self, weights):
        self.weights, self.made = weights, []

    def add(self, layer, x, kernel, bias):
        y = layer(x)
        self.made.append((layer, [kernel, bias]))
        return y

    def dense(self, x, name, activation=None, rows=None):
        kernel = self.weights[name + ".weight"]
        layer = layers.Dense(kernel.shape[1], activation=activation, name=name.replace(".", "_"))
        return self.add(layer, x, kernel if rows is None else kernel[rows], self.weights[name + ".bias"])

    def conv(self, x, name, activation=None, padding="valid"):
        kernel = self.weights[name + ".weight"].transpose(2, 3, 1, 0)  # height, width, inputs, outputs
        layer = layers.Conv2D(kernel.shape[3], kernel.shape[:2], activation=activation, padding=padding, name=name.replace(".", "_"))
        return self.add(layer, x, kernel, self.weights[name + ".bias"])

    def fill(self):
        for layer, arrays in self.made:
            layer.set_weights(arrays)


def yolo(n, x):
    x = layers.Permute((2, 3, 1))(x)
    for a, b in (("conv1", "conv2"), ("conv3", "conv4")):
        x = layers.LeakyReLU(negative_slope=0.3)(n.conv(n.conv(x, a), b))
        x = layers.MaxPooling2D()(x)
    height, width, maps = x.shape[1:]
    rows = numpy.arange(maps * height * width).reshape(maps, height, width).transpose(1, 2, 0).ravel()
    x = n.dense(layers.Flatten()(x), "dense1", "sigmoid", rows)
    return layers.Reshape((4, 8))(n.dense(x, "dense2", "sigmoid"))


def autoencoder(n, x):
    for name in ("encoder.dense1", "encoder.dense2", "encoder.dense3", "decoder.dense1", "decoder.dense2"):
        x = n.dense(x, name, "relu")
    return n.dense(x, "decoder.dense3", "sigmoid")


def conv_autoencoder(n, x):
    x = layers.Permute((2, 3, 1))(x)
    for name in ("encoder.conv1", "encoder.conv2", "encoder.conv3"):
        x = layers.MaxPooling2D(padding="same")(n.conv(x, name, "relu", "same"))
    for name, padding in (("decoder.conv1", "same"), ("decoder.conv2", "same"), ("decoder.conv3", "valid")):
        x = layers.UpSampling2D()(n.conv(x, name, "relu", padding))
    return layers.Permute((3, 1, 2))(n.conv(x, "decoder.conv4", "sigmoid", "same"))


def vae(n, x, epsilon):
    h = n.dense(x, "encoder.dense1", "relu")
    mean, log_var = n.dense(h, "encoder.z_mean"), n.dense(h, "encoder.z_log_var")
    z = mean + ops.exp(log_var * 0.5) * epsilon
    return n.dense(n.dense(z, "decoder.dense1", "relu"), "decoder.dense2", "sigmoid")


def news(n, x):
    return n.dense(n.dense(x, "dense1", "relu"), "dense2", "softmax")


NETWORKS = {"yolo": yolo, "autoencoder": autoencoder, "conv-autoencoder": conv_autoencoder, "vae": vae, "news": news}


def main(folder):
    for name, build in NETWORKS.items():
        with numpy.load(folder / f"{name}.npz") as file:
            arrays = dict(file)
        given = {n: arrays.pop(n) for n in ("x", "epsilon") if n in arrays}
        want = arrays.pop("y")
        keras.backend.clear_session()
        inputs = [keras.Input(v.shape[1:], name=n) for n, v in given.items()]
        made = Layers(arrays)
        model = keras.Model(inputs, build(made, *inputs), name=name.replace("-", "_"))
        made.fill()
        numpy.testing.assert_allclose(model(list(given.values())).numpy(), want, 1e-5, 1e-6)
        path = folder / f"{name}-keras.onnx"
        model.export(str(path), format="onnx", opset_version=OPSET, verbose=False)
        onnx.checker.check_model(str(path), full_check=True)
        print(f"{path.name}: {path.stat().st_size} bytes, {len(onnx.load(path).graph.node)} nodes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: keras_twins.py FOLDER")
    main(pathlib.Path(sys.argv[1]))
