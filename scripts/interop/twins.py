"""The networks of the catalogue written in PyTorch, at any size: the weights say how large they are.

A twin takes its parameters by the names that the ONNX initializers have: dense weights in x out, convolutions out x in x kh x kw.
Needs PyTorch (1.13 is enough) and NumPy, nothing of this repository.
"""

import torch
from torch import nn
from torch.nn import functional


class Dense(nn.Module):
    """A dense layer as the suite writes it: x W + b, W of inputs x outputs."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x):
        return torch.addmm(self.bias, x, self.weight)


def linear(weight, bias):
    """A dense layer as PyTorch writes it: the weight is outputs x inputs."""
    layer = nn.Linear(*weight.shape)
    layer.weight, layer.bias = nn.Parameter(weight.T.contiguous()), nn.Parameter(bias)
    return layer


def conv(weight, bias, padding=0):
    out, channels, height, width = weight.shape
    layer = nn.Conv2d(channels, out, (height, width), padding=padding)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


class Twin(nn.Module):
    """Layers by name, dots included, from named arrays. What is not used is an error."""

    def __init__(self, arrays, dense):
        super().__init__()
        self.arrays, self.dense, self.used = {k: torch.tensor(v) for k, v in arrays.items()}, dense, set()
        self.build()
        unused = set(self.arrays) - self.used
        if unused:
            raise ValueError(f"arrays {sorted(unused)} have no place in {type(self).__name__}")
        del self.arrays

    def take(self, name):
        self.used.update((name + ".weight", name + ".bias"))
        return self.arrays[name + ".weight"], self.arrays[name + ".bias"]

    def put(self, name, layer):
        at = self
        *groups, last = name.split(".")
        for group in groups:
            if not hasattr(at, group):
                at.add_module(group, nn.Module())
            at = getattr(at, group)
        at.add_module(last, layer)

    def put_dense(self, *names):
        for name in names:
            self.put(name, self.dense(*self.take(name)))

    def put_conv(self, padding, *names):
        for name in names:
            self.put(name, conv(*self.take(name), padding=padding))


class YOLO(Twin):
    inputs = ("x",)

    def build(self):
        self.put_conv(0, "conv1", "conv2", "conv3", "conv4")
        self.put_dense("dense1", "dense2")

    def forward(self, x):
        h = functional.leaky_relu(self.conv2(self.conv1(x)), 0.3)
        h = functional.max_pool2d(h, 2)
        h = functional.leaky_relu(self.conv4(self.conv3(h)), 0.3)
        h = functional.max_pool2d(h, 2)
        h = torch.sigmoid(self.dense1(torch.flatten(h, 1)))
        return torch.sigmoid(self.dense2(h)).reshape(-1, 4, 8)  # a 2 x 2 grid, three classes and a box


class Autoencoder(Twin):
    inputs = ("x",)

    def build(self):
        self.put_dense(*(f"{part}.dense{i}" for part in ("encoder", "decoder") for i in (1, 2, 3)))

    def forward(self, x):
        e, d = self.encoder, self.decoder
        for layer in (e.dense1, e.dense2, e.dense3, d.dense1, d.dense2):
            x = torch.relu(layer(x))
        return torch.sigmoid(d.dense3(x))


class ConvAutoencoder(Twin):
    inputs = ("x",)

    def build(self):
        self.put_conv(1, "encoder.conv1", "encoder.conv2", "encoder.conv3", "decoder.conv1", "decoder.conv2", "decoder.conv4")
        self.put_conv(0, "decoder.conv3")

    def forward(self, x):
        e, d = self.encoder, self.decoder
        x = functional.max_pool2d(torch.relu(e.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(e.conv2(x)), 2)
        x = functional.max_pool2d(torch.relu(e.conv3(x)), 2, ceil_mode=True)
        for layer in (d.conv1, d.conv2, d.conv3):
            x = functional.interpolate(torch.relu(layer(x)), scale_factor=2, mode="nearest")
        return torch.sigmoid(d.conv4(x))


class VAE(Twin):
    inputs = ("x", "epsilon")

    def build(self):
        self.put_dense("encoder.dense1", "encoder.z_mean", "encoder.z_log_var", "decoder.dense1", "decoder.dense2")

    def forward(self, x, epsilon):
        e, d = self.encoder, self.decoder
        h = torch.relu(e.dense1(x))
        mean, log_var = e.z_mean(h), e.z_log_var(h)
        z = mean + torch.exp(log_var * 0.5) * epsilon
        return torch.sigmoid(d.dense2(torch.relu(d.dense1(z))))


class News(Twin):
    inputs = ("x",)

    def build(self):
        self.put_dense("dense1", "dense2")

    def forward(self, x):
        return torch.softmax(self.dense2(torch.relu(self.dense1(x))), 1)


TWINS = {"yolo": YOLO, "autoencoder": Autoencoder, "conv-autoencoder": ConvAutoencoder, "vae": VAE, "news": News}
