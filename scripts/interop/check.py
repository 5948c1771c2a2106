"""Asks the onnx package and ONNX Runtime about a folder of models.

For every X.onnx there is an X.npz with its inputs and expected outputs under their names in the graph. The model must pass
onnx.checker with full_check, load in ONNX Runtime and give every output within 1e-5 + 1e-4 |expected|. Leaves the initializers
in X.initializers.npz for check_twins.py. Prints a table, exits 1 where anything fails or there is nothing to check.
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime

ABSOLUTE, RELATIVE = 1e-5, 1e-4


def compare(name, got, want):
    """The largest difference, or an error."""
    if got.dtype != want.dtype or got.shape != want.shape:
        raise ValueError(f"output {name!r} is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}")
    if got.dtype.kind not in "fc":
        if not numpy.array_equal(got, want):
            raise ValueError(f"output {name!r} differs")
        return 0.0
    if not numpy.array_equal(numpy.isnan(got), numpy.isnan(want)):
        raise ValueError(f"output {name!r} has NaN at other places")
    wide = numpy.complex128 if got.dtype.kind == "c" else numpy.float64
    a, b = got.astype(wide), want.astype(wide)
    with numpy.errstate(invalid="ignore"):  # infinity less itself
        gap = numpy.where((a == b) | numpy.isnan(b), 0.0, numpy.abs(a - b))
    if not (gap <= numpy.where(numpy.isfinite(b), ABSOLUTE + RELATIVE * numpy.abs(b), 0.0)).all():
        raise ValueError(f"output {name!r} differs by {gap.max():.3g}")
    return float(gap.max(initial=0.0))


def check(path):
    """Facts of the model and the largest difference of its outputs."""
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path))
    numpy.savez(path.with_suffix(".initializers.npz"), **{t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer})
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with numpy.load(path.with_suffix(".npz"), allow_pickle=False) as file:
        arrays = dict(file)
    outputs = [o.name for o in session.get_outputs()]
    feed = {i.name: arrays.pop(i.name) for i in session.get_inputs()}
    if set(arrays) != set(outputs):
        raise ValueError(f"{path.with_suffix('.npz').name} has {sorted(arrays)} besides the inputs, want {sorted(outputs)}")
    gaps = [compare(name, got, arrays[name]) for name, got in zip(outputs, session.run(outputs, feed), strict=True)]
    return opset, model.ir_version, len(model.graph.node), max(gaps)


def main():
    if len(sys.argv) != 2:
        print("usage: check.py FOLDER", file=sys.stderr)
        return 2
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"), key=lambda p: (p.stem.rsplit("-", 1)[0], len(p.stem), p.stem))
    width = max((len(p.name) for p in paths), default=0)
    failed = 0
    print(f"{'model':{width}}  opset  ir  nodes  largest difference")
    for path in paths:
        try:
            opset, ir, nodes, gap = check(path)
            print(f"{path.name:{width}}  {opset:5}  {ir:2}  {nodes:5}  {gap:.3g}")
        except Exception as error:  # any failure of a foreign runtime is a line of the table
            failed += 1
            print(f"{path.name:{width}}  FAIL: {type(error).__name__}: {error}")
    print(f"interop: {len(paths) - failed} models agree, {failed} fail; "
          f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
