"""Quantizes the exported networks with ONNX Runtime's own tools and asks whether the command line computes what ONNX Runtime does.

    python scripts/interop/check_quantized.py GONYX FOLDER

GONYX is the program, FOLDER holds X-13.onnx with inputs in X-13.npz. Every network is quantized with quantize and dequantize nodes
around its operators, with quantized operators, by maps, and with quanta found as it runs; signed and unsigned. Outputs must agree within
1e-5 + 1e-4 |expected|, or within one quantum where they are quantized last, with ONNX Runtime's graph optimizations and without. Each
file must also be summed up, verified and converted to the newest opset with the same network as the result. Prints a line a file, exits 1
where anything fails.
"""

import logging
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.onnx_model import ONNXModel

ABSOLUTE, RELATIVE = 1e-5, 1e-4

# Operators with a quantized form in the standard; ONNX Runtime has more in a domain of its own.
STANDARD = ["Conv", "MatMul", "MaxPool", "Resize", "Reshape", "Flatten"]


class Once(CalibrationDataReader):
    """One batch to find ranges with."""

    def __init__(self, feed):
        self.left = iter([feed])

    def get_next(self):
        return next(self.left, None)


def static(layout, activations, **options):
    def write(source, target, feed):
        quantize_static(str(source), str(target), Once(feed), quant_format=layout, activation_type=activations, weight_type=QuantType.QInt8, **options)

    return write


def dynamic(weights):
    return lambda source, target, feed: quantize_dynamic(str(source), str(target), weight_type=weights)


FORMS = {
    "around": static(QuantFormat.QDQ, QuantType.QUInt8),
    "around, signed": static(QuantFormat.QDQ, QuantType.QInt8),
    "around, by maps": static(QuantFormat.QDQ, QuantType.QUInt8, per_channel=True),
    "operators": static(QuantFormat.QOperator, QuantType.QUInt8, op_types_to_quantize=STANDARD),
    "operators, signed": static(QuantFormat.QOperator, QuantType.QInt8, op_types_to_quantize=STANDARD),
    "operators, by maps": static(QuantFormat.QOperator, QuantType.QUInt8, op_types_to_quantize=STANDARD, per_channel=True),
    "dynamic": dynamic(QuantType.QInt8),
    "dynamic, unsigned": dynamic(QuantType.QUInt8),
}


def ask(program, *args):
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{args[0]}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def quanta(model):
    """The quantum of every output that is quantized last."""
    known = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    outputs = {o.name for o in model.graph.output}
    return {n.output[0]: float(known[n.input[1]]) for n in model.graph.node if n.op_type == "DequantizeLinear" and n.output[0] in outputs}


def check(program, path, feed, folder):
    """The largest difference, in quanta where there are some."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inputs = []
    for name, value in feed.items():
        numpy.save(folder / f"{name}.npy", value)
        inputs += ["--input", f"{name}={folder / name}.npy"]
    ask(program, "run", path, *inputs, "-o", folder / "out.npz")
    ask(program, "inspect", path)
    ask(program, "verify", path)
    ask(program, "convert", path, "--opset", 24, "-o", folder / "newer.onnx")
    ask(program, "compare", path, folder / "newer.onnx")
    with numpy.load(folder / "out.npz", allow_pickle=False) as file:
        got = dict(file)
    largest, unit = 0.0, quanta(model)
    for level in (onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for info, want in zip(session.get_outputs(), session.run(None, feed), strict=True):
            near = ABSOLUTE + RELATIVE * numpy.abs(want) + unit.get(info.name, 0.0)
            gap = numpy.abs(got[info.name].astype(numpy.float64) - want)
            if got[info.name].dtype != want.dtype or not (gap <= near).all():
                raise ValueError(f"output {info.name!r} differs by {gap.max():.3g}, {gap.max() / unit.get(info.name, numpy.inf):.2g} quanta")
            largest = max(largest, gap.max() / unit.get(info.name, 1.0))
    return largest


def main():
    if len(sys.argv) != 3:
        print("usage: check_quantized.py GONYX FOLDER", file=sys.stderr)
        return 2
    logging.disable(logging.WARNING)
    agreed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for source in sorted(pathlib.Path(sys.argv[2]).glob("*-13.onnx")):
            plain = ONNXModel(onnx.load(source))
            plain.replace_gemm_with_matmul()
            del plain.model.metadata_props[:]  # the digest in it is that of another graph from here on
            onnx.save(plain.model, folder / "plain.onnx")
            with numpy.load(source.with_suffix(".npz"), allow_pickle=False) as file:
                feed = {i.name: file[i.name] for i in plain.model.graph.input}
            for form, write in FORMS.items():
                name = source.stem.removesuffix("-13")
                try:
                    write(folder / "plain.onnx", folder / "quantized.onnx", feed)
                    print(f"{name}, {form}: at most {check(sys.argv[1], folder / 'quantized.onnx', feed, folder):.3g} apart")
                    agreed += 1
                except Exception as error:
                    failed += 1
                    print(f"{name}, {form}: FAIL: {type(error).__name__}: {error}")
    print(f"interop: {agreed} quantized models agree, {failed} fail")
    return 1 if failed or not agreed else 0


if __name__ == "__main__":
    sys.exit(main())
