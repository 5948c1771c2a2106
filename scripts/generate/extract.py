"""Writes what the onnx package's operator registry has and onnx-1.23.json lacks, in the form of that file, to stdout.

Facts only: names, versions, arity, types, attributes, defaults; none of the registry's prose. Run it with the onnx
package of the version that the file names:

    python scripts/generate/extract.py >scripts/generate/onnx-1.23-registry.json
    python scripts/generate/extract.py withdrawn >scripts/generate/onnx-1.23-withdrawn.json

The second form writes the deprecated versions that brought their operator: the registry still says what they take.
"""

import json
import pathlib
import sys

import numpy
import onnx
from onnx import defs, helper

VERSION = "1.23.0"

WORDS = {"FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph",
         "FLOATS": "list of floats", "INTS": "list of ints", "STRINGS": "list of strings",
         "TENSORS": "list of tensors", "GRAPHS": "list of graphs", "SPARSE_TENSOR": "sparse_tensor",
         "SPARSE_TENSORS": "list of sparse_tensors", "TYPE_PROTO": "type_proto", "TYPE_PROTOS": "list of type_protos"}


def printed(a):
    """The default as the Changelog prints it."""
    v = helper.get_attribute_value(a.default_value)
    if isinstance(v, bytes):
        return v.decode()
    if isinstance(v, int):
        return str(v)
    if isinstance(v, float):
        return str(numpy.float32(v))
    raise SystemExit(f"extract: the default of attribute {a.name!r}, {v!r}, is of a type that is not written yet")


def attribute(a):
    fact = {"name": a.name, "type": WORDS[a.type.name]}
    if a.required:
        fact["required"] = True
    if a.default_value.type:
        fact["default"] = printed(a)
    return fact


def param(p):
    option = defs.OpSchema.FormalParameterOption
    fact = {"name": p.name, "type": p.type_str}
    if p.option == option.Optional:
        fact["optional"] = True
    if p.option == option.Variadic:
        fact["variadic"] = True
        if not p.is_homogeneous:
            fact["heterogeneous"] = True
    return fact


def arity(least, most, params):
    return {"min": least, "max": -1 if most >= 2**31 - 1 else most, "params": [param(p) for p in params]}


def operator(s, withdrawn=False):
    if s.deprecated and not withdrawn:
        return {"domain": s.domain, "name": s.name, "since": s.since_version, "deprecated": True}
    fact = {"domain": s.domain, "name": s.name, "since": s.since_version}
    if withdrawn:
        fact["withdrawn"] = True
    if s.attributes:
        fact["attributes"] = [attribute(s.attributes[name]) for name in sorted(s.attributes)]
    fact["inputs"] = arity(s.min_input, s.max_input, s.inputs)
    fact["outputs"] = arity(s.min_output, s.max_output, s.outputs)
    fact["types"] = {c.type_param_str: sorted(c.allowed_type_strs) for c in s.type_constraints}
    return fact


def main():
    if onnx.__version__ != VERSION:
        raise SystemExit(f"extract: the onnx package is {onnx.__version__}, the files are of {VERSION}: install that one")
    if sys.argv[1:] == ["withdrawn"]:
        write([operator(s, withdrawn=True) for s in withdrawn()])
        return
    listed = json.loads((pathlib.Path(__file__).parent / "onnx-1.23.json").read_text())["operators"]
    known = {(o["domain"], o["name"], o["since"]) for o in listed}
    lacking = [s for s in defs.get_all_schemas_with_history() if (s.domain, s.name, s.since_version) not in known]
    lacking.sort(key=lambda s: (s.domain, s.name, s.since_version))
    write([operator(s) for s in lacking])


def withdrawn():
    """The deprecated versions that no older version of their operator comes before."""
    schemas = defs.get_all_schemas_with_history()
    first = {}
    for s in schemas:
        key = s.domain, s.name
        first[key] = min(first.get(key, s.since_version), s.since_version)
    found = [s for s in schemas if s.deprecated and s.since_version == first[s.domain, s.name]]
    return sorted(found, key=lambda s: (s.domain, s.name))


def write(facts):
    source = f"the operator registry of the onnx package {VERSION} (Apache-2.0); facts only"
    lines = ",\n".join(json.dumps(fact, separators=(",", ":")) for fact in facts)
    print(f'{{"source":{json.dumps(source)},"operators":[\n{lines}\n]}}')


if __name__ == "__main__":
    main()
