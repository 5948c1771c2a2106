"""Writes the catalogue's networks laid out as Keras's exporters do, small, for fixtures/foreign.

    python scripts/interop/nhwc.py fixtures/foreign

Reads NAME.npz, which pytorch.py made, and writes NAME-nhwc.onnx with the onnx package's helper: pictures are turned to height, width,
channels at the entry and back around every convolution and pooling, dense layers are MatMul and Add, a flattened picture is in that
order and so are the rows of the weight behind it. Needs the onnx package and NumPy.
"""

import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]


class Writer:
    def __init__(self, weights):
        self.weights, self.nodes, self.initializers, self.count = weights, [], [], 0

    def node(self, op, inputs, **attributes):
        self.count += 1
        out = f"{op.lower()}_{self.count}:0"
        self.nodes.append(helper.make_node(op, inputs, [out], f"model/{op.lower()}_{self.count}", **attributes))
        return out

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def dense(self, x, name, rows=None):
        w = self.weights[name + ".weight"]
        w = self.constant(f"{name}/MatMul/ReadVariableOp:0", w if rows is None else w[rows])
        b = self.constant(f"{name}/BiasAdd/ReadVariableOp:0", self.weights[name + ".bias"])
        return self.node("Add", [self.node("MatMul", [x, w]), b])

    def nchw(self, x, op, inputs=(), **attributes):
        """An operator that knows channels first alone, on a picture with channels last."""
        x = self.node("Transpose", [x], perm=TO_NCHW)
        return self.node("Transpose", [self.node(op, [x, *inputs], **attributes)], perm=TO_NHWC)

    def conv(self, x, name, pad=0):
        w = self.constant(f"{name}/Conv2D/ReadVariableOp:0", self.weights[name + ".weight"])
        b = self.constant(f"{name}/BiasAdd/ReadVariableOp:0", self.weights[name + ".bias"])
        return self.nchw(x, "Conv", [w, b], auto_pad="SAME_UPPER" if pad else "VALID",
                         kernel_shape=list(self.weights[name + ".weight"].shape[2:]), strides=[1, 1], dilations=[1, 1], group=1)

    def pool(self, x, padding="VALID"):
        return self.nchw(x, "MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad=padding)

    def model(self, y, inputs, output, opset=15):
        values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["unk__1", *dims]) for n, dims in inputs.items()]
        out = [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["unk__1", *output])]
        self.nodes.append(helper.make_node("Identity", [y], ["out"], "out"))
        graph = helper.make_graph(self.nodes, "tf2onnx", values, out, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="helper")
        onnx.checker.check_model(model, full_check=True)
        return model


def yolo(w):
    x = w.node("Transpose", ["x"], perm=TO_NHWC)
    for a, b in (("conv1", "conv2"), ("conv3", "conv4")):
        x = w.pool(w.node("LeakyRelu", [w.conv(w.conv(x, a), b)], alpha=0.3))
    maps, units = w.weights["conv4.weight"].shape[0], w.weights["dense1.weight"].shape[0]
    side = int((units // maps) ** 0.5)
    rows = numpy.arange(units).reshape(maps, side, side).transpose(1, 2, 0).ravel()
    x = w.node("Reshape", [x, w.constant("flatten/Const:0", numpy.array([-1, units]))])
    x = w.node("Sigmoid", [w.dense(x, "dense1", rows)])
    x = w.node("Sigmoid", [w.dense(x, "dense2")])
    return w.node("Reshape", [x, w.constant("reshape/shape:0", numpy.array([-1, 4, 8]))])


def autoencoder(w):
    x = "x"
    for name in ("encoder.dense1", "encoder.dense2", "encoder.dense3", "decoder.dense1", "decoder.dense2"):
        x = w.node("Relu", [w.dense(x, name)])
    return w.node("Sigmoid", [w.dense(x, "decoder.dense3")])


def conv_autoencoder(w):
    x = w.node("Transpose", ["x"], perm=TO_NHWC)
    for name in ("encoder.conv1", "encoder.conv2", "encoder.conv3"):
        x = w.pool(w.node("Relu", [w.conv(x, name, 1)]), "SAME_UPPER")
    scales = w.constant("scales:0", numpy.array([1, 1, 2, 2], numpy.float32))
    for name, pad in (("decoder.conv1", 1), ("decoder.conv2", 1), ("decoder.conv3", 0)):
        x = w.node("Relu", [w.conv(x, name, pad)])
        x = w.nchw(x, "Resize", ["", scales], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric")
    return w.node("Transpose", [w.node("Sigmoid", [w.conv(x, "decoder.conv4", 1)])], perm=TO_NCHW)


def vae(w):
    h = w.node("Relu", [w.dense("x", "encoder.dense1")])
    mean, log_var = w.dense(h, "encoder.z_mean"), w.dense(h, "encoder.z_log_var")
    half = w.node("Mul", [w.constant("lambda/mul/x:0", numpy.float32(0.5)), log_var])
    z = w.node("Add", [mean, w.node("Mul", [w.node("Exp", [half]), "epsilon"])])
    return w.node("Sigmoid", [w.dense(w.node("Relu", [w.dense(z, "decoder.dense1")]), "decoder.dense2")])


def news(w):
    return w.node("Softmax", [w.dense(w.node("Relu", [w.dense("x", "dense1")]), "dense2")], axis=1)


NETWORKS = {"yolo": yolo, "autoencoder": autoencoder, "conv-autoencoder": conv_autoencoder, "vae": vae, "news": news}


def main(folder):
    for name, build in NETWORKS.items():
        with numpy.load(folder / f"{name}.npz") as file:
            arrays = dict(file)
        inputs = {n: list(arrays.pop(n).shape[1:]) for n in ("x", "epsilon") if n in arrays}
        output = list(arrays.pop("y").shape[1:])
        w = Writer(arrays)
        onnx.save(w.model(build(w), inputs, output), folder / f"{name}-nhwc.onnx")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: nhwc.py FOLDER")
    main(pathlib.Path(sys.argv[1]))
