"""Loads the initializers of a folder of models, by name, into PyTorch twins of the networks and compares outputs.

    python3 scripts/interop/check_twins.py FOLDER

For every NETWORK-OPSET.onnx check.py left NETWORK-OPSET.initializers.npz, the initializers as the onnx package reads them, beside
NETWORK-OPSET.npz, inputs and the outputs that the suite computes. The twin must take every parameter and give every output within
1e-5 + 1e-4 |expected|. Prints a table, exits 1 where anything fails or there is nothing to check. Needs PyTorch and NumPy.
"""

import pathlib
import sys

import numpy
import torch

import twins

ABSOLUTE, RELATIVE = 1e-5, 1e-4


def check(path):
    """The number of parameters and the largest difference of the output."""
    network = path.name.removesuffix(".initializers.npz").rsplit("-", 1)[0]
    with numpy.load(path) as file:
        weights = {name: a for name, a in file.items() if name.endswith((".weight", ".bias"))}
    kind = twins.TWINS[network]
    with numpy.load(path.with_name(path.name.replace(".initializers", ""))) as file:
        inputs, want = [torch.tensor(file[name]) for name in kind.inputs], file["y"]
    with torch.no_grad():
        got = kind(weights, twins.Dense)(*inputs).numpy()
    if got.shape != want.shape:
        raise ValueError(f"the output is {list(got.shape)}, want {list(want.shape)}")
    gap = numpy.abs(got - want)
    if not (gap <= ABSOLUTE + RELATIVE * numpy.abs(want)).all():
        raise ValueError(f"the output differs by {gap.max():.3g}")
    return len(weights), float(gap.max())


def main():
    if len(sys.argv) != 2:
        print("usage: check_twins.py FOLDER", file=sys.stderr)
        return 2
    paths = sorted(pathlib.Path(sys.argv[1]).glob("*.initializers.npz"), key=lambda p: (p.name.rsplit("-", 1)[0], len(p.name), p.name))
    width = max((len(p.name) for p in paths), default=0)
    failed, seen = 0, set()
    print(f"{'initializers':{width}}  parameters  largest difference")
    for path in paths:
        seen.add(path.name.rsplit("-", 1)[0])
        try:
            parameters, gap = check(path)
            print(f"{path.name:{width}}  {parameters:10}  {gap:.3g}")
        except Exception as error:
            failed += 1
            print(f"{path.name:{width}}  FAIL: {type(error).__name__}: {error}")
    missing = set(twins.TWINS) - seen
    if missing:
        print(f"interop: no file of {', '.join(sorted(missing))}")
    print(f"interop: {len(paths) - failed} PyTorch twins agree, {failed} fail; PyTorch {torch.__version__}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
