"""Holds the schemas on stdin, as main.go prints them, against the onnx package's registry. Exits 1 where they differ."""

import json
import struct
import sys

import onnx
from onnx import defs, helper

WORDS = {"FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph",
         "FLOATS": "list of floats", "INTS": "list of ints", "STRINGS": "list of strings",
         "TENSORS": "list of tensors", "GRAPHS": "list of graphs", "SPARSE_TENSOR": "sparse_tensor",
         "SPARSE_TENSORS": "list of sparse_tensors", "TYPE_PROTO": "type_proto", "TYPE_PROTOS": "list of type_protos"}


def spell(t):
    """The one spelling of a type: map(int64,float) is map(int64,tensor(float))."""
    t = t.replace(" ", "")
    for word in ("seq", "optional"):
        if t.startswith(word + "("):
            return f"{word}({spell(t[len(word) + 1:-1])})"
    if t.startswith("map("):
        key, value = t[4:-1].split(",", 1)
        return f"map({key},{spell(value if '(' in value else f'tensor({value})')})"
    return t


def params(formal, variables):
    option = defs.OpSchema.FormalParameterOption
    return [(p.name, p.type_str if p.type_str in variables else spell(p.type_str), p.option == option.Optional,
             p.option == option.Variadic, p.option == option.Variadic and not p.is_homogeneous) for p in formal]


def default(a):
    v = helper.get_attribute_value(a.default_value)
    if isinstance(v, float):
        return struct.pack(">f", v).hex()
    if isinstance(v, bytes):
        return v.decode()
    if isinstance(v, (list, tuple)) or hasattr(v, "__iter__") and not isinstance(v, str):
        return [x.decode() if isinstance(x, bytes) else x for x in v]
    return v


def bound(n):
    return -1 if n >= 2**31 - 1 else n


def theirs(s, withdrawn):
    if s.deprecated and not withdrawn:
        return {"deprecated": True}
    variables = {c.type_param_str for c in s.type_constraints}
    return {
        "deprecated": s.deprecated,
        "inputs": (s.min_input, bound(s.max_input), params(s.inputs, variables)),
        "outputs": (s.min_output, bound(s.max_output), params(s.outputs, variables)),
        "attributes": {a.name: (WORDS[a.type.name], a.required) for a in s.attributes.values()},
        "defaults": {a.name: default(a) for a in s.attributes.values() if a.default_value.type != 0},
        "types": {c.type_param_str: sorted(map(spell, c.allowed_type_strs)) for c in s.type_constraints},
    }


def ours(o):
    if o["Deprecated"]:
        return {"deprecated": True}
    listed = {side: (o[side]["Min"], o[side]["Max"], [
        (p["Name"], p["Type"], p["Optional"], p["Variadic"], p["Heterogeneous"]) for p in o[side]["Params"] or []])
        for side in ("Inputs", "Outputs")}
    return {
        "deprecated": o["Withdrawn"],
        "inputs": listed["Inputs"],
        "outputs": listed["Outputs"],
        "attributes": {a["Name"]: (o["Words"][a["Name"]], a["Required"]) for a in o["Attributes"] or []},
        "defaults": o["Defaults"],
        "types": {variable: sorted(types) for variable, types in o["Constraints"].items()},
    }


def main():
    here = {(o["Domain"], o["Name"], o["Since"]): ours(o) for o in json.load(sys.stdin)}
    withdrawn = {key for key, o in here.items() if o["deprecated"] and "inputs" in o}
    there = {}
    for s in defs.get_all_schemas_with_history():
        key = s.domain, s.name, s.since_version
        there[key] = theirs(s, key in withdrawn)
    wrong = []
    for key in sorted(set(there) - set(here)):
        wrong.append(f"{key}: only in the onnx package")
    for key in sorted(set(here) - set(there)):
        wrong.append(f"{key}: only in onnx/schema")
    for key in sorted(set(here) & set(there)):
        for part in there[key]:
            if here[key].get(part) != there[key][part]:
                wrong.append(f"{key}: {part}: got {here[key].get(part)}, want {there[key][part]}")
    for line in wrong:
        print("check-schema:", line, file=sys.stderr)
    print(f"check-schema: {len(here)} versions held against onnx {onnx.__version__}: {len(wrong)} differences")
    return 1 if wrong or not here else 0


if __name__ == "__main__":
    sys.exit(main())
