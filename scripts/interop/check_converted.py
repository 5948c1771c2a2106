"""Converts the bases of a pairs archive to many opsets with the command line and asks ONNX Runtime for the same numbers.

    python scripts/interop/check_converted.py GONYX fixtures/foreign/pairs.tar.gz

GONYX is the program. A conversion that it refuses (exit 3) counts as refused; every other must pass the checker of the onnx package,
load in ONNX Runtime and give what the base gives, within 1e-5 + 1e-4 |expected|. Prints a line a base, exits 1 where anything fails.
"""

import pathlib
import subprocess
import sys
import tarfile
import tempfile

import numpy
import onnx

import pairs

OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24)
ABSOLUTE, RELATIVE = 1e-5, 1e-4


def convert(program, base, opset, out):
    """The converted model, or None where it is refused."""
    done = subprocess.run([program, "convert", base, "--opset", str(opset), "-o", out], capture_output=True, text=True)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        raise ValueError(f"exit {done.returncode}: {done.stderr.strip()}")
    onnx.checker.check_model(str(out), full_check=True)
    return onnx.load(out)


def main():
    if len(sys.argv) != 3:
        print("usage: check_converted.py GONYX ARCHIVE", file=sys.stderr)
        return 2
    failed = agreed = refused = 0
    with tempfile.TemporaryDirectory() as folder, tarfile.open(sys.argv[2]) as archive:
        folder = pathlib.Path(folder)
        for entry in archive.getmembers():
            name, _, file = entry.name.partition("/")
            if file != "base.onnx":
                continue
            base, done = folder / f"{name}.onnx", []
            base.write_bytes(archive.extractfile(entry).read())
            want = pairs.numbers(onnx.load(base))
            if want is None:
                print(f"{name}: FAIL: ONNX Runtime does not run the base")
                failed += 1
                continue
            for opset in OPSETS:
                try:
                    made = convert(sys.argv[1], base, opset, folder / "out.onnx")
                    if made is None:
                        refused += 1
                        continue
                    got = pairs.numbers(made)
                    if got is None or not all(numpy.allclose(a, b, RELATIVE, ABSOLUTE, equal_nan=True) for a, b in zip(got, want, strict=True)):
                        raise ValueError("ONNX Runtime gives " + ("nothing" if got is None else "other numbers"))
                    done.append(opset)
                except Exception as error:
                    failed += 1
                    print(f"{name} at opset {opset}: FAIL: {type(error).__name__}: {error}")
            agreed += len(done)
            print(f"{name}: {len(done)} opsets agree, from {min(done, default='none')} to {max(done, default='none')}")
    print(f"interop: {agreed} conversions agree, {refused} are refused, {failed} fail")
    return 1 if failed or not agreed else 0


if __name__ == "__main__":
    sys.exit(main())
