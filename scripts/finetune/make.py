#!/usr/bin/env python3
"""Writes fixtures/finetune: a small classifier exported by PyTorch, rows to train it on, and the weights that PyTorch gets by
training on. Run from the repository's root with PyTorch 1.13 (Debian's python3-torch).

classifier.onnx        opset 17, any batch; convolution, batch norm with given statistics, dense layers; its output are logits
classifier-one.onnx    the same at opset 11 with a batch of exactly one
rows.npz               x float32 [32, 1, 12, 12], y int64 [32]
trained.npz            the weights after two epochs of batches of 8 in order, SGD 0.05 with momentum 0.9, and the mean loss of each epoch
frozen.npz             the same with the first convolution left as it is
"""

import copy
import numpy as np
import torch
from torch import nn

torch.manual_seed(4)
torch.set_num_threads(1)
out = "fixtures/finetune/"

model = nn.Sequential()
model.add_module("conv1", nn.Conv2d(1, 4, 3, padding=1))
model.add_module("norm", nn.BatchNorm2d(4))
model.add_module("relu1", nn.ReLU())
model.add_module("pool", nn.MaxPool2d(2))
model.add_module("conv2", nn.Conv2d(4, 6, 3))
model.add_module("relu2", nn.ReLU())
model.add_module("flatten", nn.Flatten())
model.add_module("dense", nn.Linear(96, 4))
with torch.no_grad():
    model.norm.running_mean.copy_(torch.randn(4) * 0.2)
    model.norm.running_var.copy_(torch.rand(4) + 0.5)
    model.norm.weight.copy_(torch.rand(4) + 0.5)
    model.norm.bias.copy_(torch.randn(4) * 0.1)
model.eval()  # the statistics stay as they are

y = torch.arange(32) % 4
x = torch.rand(32, 1, 12, 12) * 0.5
for i, label in enumerate(y):
    x[i, 0, 3 * label : 3 * label + 3] += 0.5

keep = torch.onnx.TrainingMode.PRESERVE
torch.onnx.export(model, x[:2], out + "classifier.onnx", opset_version=17, training=keep, input_names=["image"], output_names=["prediction"],
                  dynamic_axes={"image": {0: "N"}, "prediction": {0: "N"}})
torch.onnx.export(model, x[:1], out + "classifier-one.onnx", opset_version=11, training=keep, input_names=["image"], output_names=["scores"])
np.savez(out + "rows.npz", x=x.numpy(), y=y.numpy())


def train(model, parameters, path):
    step = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    losses = []
    for _ in range(2):
        total = 0.0
        for at in range(0, 32, 8):
            step.zero_grad()
            loss = nn.functional.cross_entropy(model(x[at : at + 8]), y[at : at + 8])
            loss.backward()
            step.step()
            total += loss.item() * 8
        losses.append(total / 32)
    arrays = {name: p.detach().numpy() for name, p in model.named_parameters()}
    np.savez(path, **arrays, losses=np.array(losses))


whole = copy.deepcopy(model)
train(whole, whole.parameters(), out + "trained.npz")
part = copy.deepcopy(model)
train(part, [p for name, p in part.named_parameters() if not name.startswith("conv1.")], out + "frozen.npz")
