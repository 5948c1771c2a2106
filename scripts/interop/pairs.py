"""Writes pairs of models that are the same network and pairs that are not, made with the onnx package, for fixtures/foreign/pairs.tar.gz.

    python3 scripts/interop/pytorch.py TEMP
    python scripts/interop/pairs.py TEMP fixtures/foreign/pairs.tar.gz

TEMP holds the sequence-*.onnx that PyTorch exported. The bases are those and some written with the helper: convolutions, recurrent
layers with every input, attention, quantization, subgraphs, old opsets. Every base is changed in every way that keeps the meaning and in
every way that changes it. pairs.csv in the archive lists them: base, other, same or different, and what a description of the difference
must mention. Needs the onnx package and NumPy.
"""

import csv
import gzip
import io
import pathlib
import random
import sys
import tarfile

import numpy
import onnx
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference, version_converter

RNG = numpy.random.default_rng(11)


def floats(*shape):
    return (RNG.standard_normal(shape) / 2).astype(numpy.float32)


def model(nodes, inputs, outputs, weights=(), opset=21, types=None):
    def info(name, dims):
        return helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), dims)

    graph = helper.make_graph(nodes, "base", [info(*i) for i in inputs.items()], [info(*o) for o in outputs.items()],
                              [numpy_helper.from_array(v, k) for k, v in dict(weights).items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 19 else 10)
    onnx.checker.check_model(made, full_check=True)
    return made


def bases(folder):
    node = helper.make_node
    yield "convolution", model(
        [node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]), node("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"], "norm"),
         node("Relu", ["n"], ["r"], "relu"), node("AveragePool", ["r"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
         node("Flatten", ["p"], ["f"], "flatten"), node("Gemm", ["f", "k", "d"], ["g"], "dense", transB=1),
         node("Sub", ["g", "d"], ["y"], "shift")],
        {"x": ["n", 2, 6, 6]}, {"y": ["n", 4]},
        {"w": floats(3, 2, 3, 3), "b": floats(3), "s": floats(3), "o": floats(3), "m": floats(3), "v": abs(floats(3)) + 1, "k": floats(4, 27),
         "d": floats(4)})
    state = {"w": floats(2, 16, 3), "r": floats(2, 16, 4), "b": floats(2, 32), "p": floats(2, 12)}
    yield "lstm", model(
        [node("LSTM", ["x", "w", "r", "b", "", "h0", "c0", "p"], ["y", "h", "c"], "lstm", direction="bidirectional", hidden_size=4),
         node("Sub", ["h", "c"], ["z"], "gap")],
        {"x": [5, "n", 3], "h0": [2, "n", 4], "c0": [2, "n", 4]}, {"y": [5, 2, "n", 4], "z": [2, "n", 4]}, state)
    yield "gru", model(
        [node("GRU", ["x", "w", "r", "b", "lengths"], ["y", "h"], "gru", hidden_size=4, linear_before_reset=1), node("Tanh", ["h"], ["z"], "last")],
        {"x": [5, 2, 3], "lengths": [2]}, {"y": [5, 1, 2, 4], "z": [1, 2, 4]}, {"w": floats(1, 12, 3), "r": floats(1, 12, 4), "b": floats(1, 24)},
        types={"lengths": TensorProto.INT32})
    yield "rnn", model(
        [node("RNN", ["x", "w", "r"], ["y"], "rnn", hidden_size=4, direction="reverse"), node("Squeeze", ["y", "axes"], ["z"], "squeeze")],
        {"x": [5, "n", 3]}, {"z": [5, "n", 4]}, {"w": floats(1, 4, 3), "r": floats(1, 4, 4), "axes": numpy.array([1])}, opset=14)
    yield "attention", model(
        [node("MatMul", ["x", "wq"], ["q"], "query"), node("MatMul", ["x", "wk"], ["k"], "key"), node("MatMul", ["x", "wv"], ["v"], "value"),
         node("Attention", ["q", "k", "v"], ["y"], "attention", q_num_heads=2, kv_num_heads=2, is_causal=1)],
        {"x": ["n", 5, 4]}, {"y": ["n", 5, 4]}, {"wq": floats(4, 4), "wk": floats(4, 4), "wv": floats(4, 4)}, opset=23)
    yield "heads", model(
        [node("MatMul", ["x", "wq"], ["q"], "query"), node("Reshape", ["q", "split"], ["q4"], "queries"),
         node("Transpose", ["q4"], ["qt"], "by_head", perm=[0, 2, 1, 3]), node("Transpose", ["q4"], ["kt"], "by_key", perm=[0, 2, 3, 1]),
         node("MatMul", ["qt", "kt"], ["s"], "scores"), node("Div", ["s", "root"], ["d"], "scale"), node("Softmax", ["d"], ["a"], "weights", axis=-1),
         node("MatMul", ["a", "qt"], ["y"], "mix"), node("LayerNormalization", ["y", "g"], ["z"], "norm")],
        {"x": ["n", 5, 4]}, {"z": ["n", 2, 5, 2]}, {"wq": floats(4, 4), "split": numpy.array([0, 0, 2, 2]), "root": numpy.float32(1.5), "g": floats(2)},
        opset=17)
    yield "quantized", model(
        [node("QuantizeLinear", ["x", "scale", "zero"], ["q"], "quantize"), node("DequantizeLinear", ["q", "scale", "zero"], ["d"], "dequantize"),
         node("MatMul", ["d", "w"], ["y"], "dense")],
        {"x": ["n", 4]}, {"y": ["n", 3]}, {"scale": numpy.float32(0.1), "zero": numpy.uint8(3), "w": floats(4, 3)}, opset=13)
    body = helper.make_graph([node("Mul", ["state", "w"], ["next"], "step"), node("Identity", ["go"], ["on"], "on")], "body",
                             [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                              helper.make_tensor_value_info("state", TensorProto.FLOAT, ["n", 3])],
                             [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n", 3])])
    yield "loop", model([node("Loop", ["times", "", "x"], ["l"], "loop", body=body), node("Sub", ["l", "w"], ["y"], "gap")],
                        {"x": ["n", 3]}, {"y": ["n", 3]}, {"times": numpy.array(3), "w": floats(3)}, opset=16)
    yield "old", model(
        [node("Upsample", ["x", "scales"], ["u"], "up", mode="nearest"), node("Clip", ["u"], ["k"], "clip", min=-1.0, max=1.0),
         node("ReduceSum", ["k"], ["s"], "sum", axes=[2, 3], keepdims=0), node("TopK", ["s"], ["t", "i"], "best", k=2),
         node("Dropout", ["t"], ["y"], "drop", ratio=0.3)],
        {"x": ["n", 3, 4, 4]}, {"y": ["n", 2], "i": ["n", 2]}, {"scales": numpy.array([1, 1, 2, 2], numpy.float32)}, opset=9,
        types={"i": TensorProto.INT64})
    for path in sorted(folder.glob("sequence-*.onnx")):
        yield "pytorch-" + path.stem.removeprefix("sequence-"), onnx.load(path)


def opset(m):
    return next(o.version for o in m.opset_import if o.domain in ("", "ai.onnx"))


def subgraphs(graph):
    yield graph
    for n in graph.node:
        for a in n.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                yield from subgraphs(a.g)


# What keeps the meaning.

def renamed(m):
    def value(name):
        return name and "v/" + name[::-1]

    for g in subgraphs(m.graph):
        g.name = "other"
        for n in g.node:
            n.name = "n/" + n.name[::-1]
            n.input[:], n.output[:] = [value(x) for x in n.input], [value(x) for x in n.output]
        for v in (*g.input, *g.output, *g.value_info):
            v.name = value(v.name)
            for d in v.type.tensor_type.shape.dim:
                if d.dim_param:
                    d.dim_param = "size_" + d.dim_param
        for t in g.initializer:
            t.name = value(t.name)


def reordered(m):
    rng, g = random.Random(5), m.graph
    waiting, done, order = list(g.node), {t.name for t in g.initializer} | {v.name for v in g.input} | {""}, []

    def reads(n):
        inner = [x for a in n.attribute if a.type == onnx.AttributeProto.GRAPH for sub in subgraphs(a.g) for k in sub.node for x in k.input]
        made = {x for a in n.attribute if a.type == onnx.AttributeProto.GRAPH for sub in subgraphs(a.g)
                for x in [*(o for k in sub.node for o in k.output), *(v.name for v in sub.input)]}
        return [*n.input, *(x for x in inner if x not in made)]

    while waiting:
        n = rng.choice([n for n in waiting if all(x in done for x in reads(n))])
        waiting.remove(n)
        order.append(n)
        done.update(n.output)
    nodes, tensors = [n.SerializeToString() for n in order], [t.SerializeToString() for t in g.initializer]
    rng.shuffle(tensors)
    del g.node[:], g.initializer[:]
    g.node.extend(onnx.NodeProto.FromString(n) for n in nodes)
    g.initializer.extend(onnx.TensorProto.FromString(t) for t in tensors)


def typed(m):
    for t in m.graph.initializer:
        a = numpy_helper.to_array(t)
        t.CopyFrom(helper.make_tensor(t.name, t.data_type, a.shape, a.ravel().tolist()))


def constants(m):
    made = []
    for t in m.graph.initializer:
        value = onnx.TensorProto()
        value.CopyFrom(t)
        value.name = ""
        made.append(helper.make_node("Constant", [], [t.name], "constant " + t.name, value=value))
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in m.graph.node]
    del m.graph.initializer[:], m.graph.node[:]
    m.graph.node.extend(made + nodes)


def copied(m):
    count = 0
    for n in m.graph.node:
        for i, x in enumerate(n.input):
            for t in list(m.graph.initializer):
                if t.name == x:
                    count += 1
                    twin = m.graph.initializer.add()
                    twin.CopyFrom(t)
                    twin.name = n.input[i] = f"{x} copy {count}"


def identities(m):
    g, nodes = m.graph, []
    taken = {v.name for v in g.output}
    for n in g.node:
        for i, x in enumerate(n.input):
            if x and not any(x == t.name for t in g.initializer):
                n.input[i] = f"{x} handed to {n.name} {i}"
                nodes.append(helper.make_node("Identity", [x], [n.input[i]]))
        renames = {o: o + " inside" for o in n.output if o in taken}
        n.output[:] = [renames.get(o, o) for o in n.output]
        nodes.append(onnx.NodeProto.FromString(n.SerializeToString()))
        nodes.extend(helper.make_node("Identity", [inside], [o]) for o, inside in renames.items())
    del g.node[:]
    g.node.extend(nodes)


def stated(m):
    """Attributes that are left out are given their default, those at their default are left out."""
    for g in subgraphs(m.graph):
        for n in g.node:
            schema = defs.get_schema(n.op_type, opset(m), n.domain)
            given = {a.name: a for a in n.attribute}
            for name, a in schema.attributes.items():
                if not a.default_value.type:
                    continue
                default = helper.get_attribute_value(a.default_value)
                if name not in given:
                    n.attribute.append(helper.make_attribute(name, default))
                elif helper.get_attribute_value(given[name]) == default:
                    n.attribute.remove(given[name])


def cluttered(m):
    x = m.graph.input[0].name
    m.graph.node.append(helper.make_node("Identity", [x], ["nobody reads this"], "spare"))
    m.graph.initializer.append(numpy_helper.from_array(numpy.ones(3, numpy.float32), "spare weight"))


def described(m):
    inferred = shape_inference.infer_shapes(m)
    m.CopyFrom(inferred)
    m.doc_string, m.producer_name, m.producer_version, m.graph.doc_string = "words", "somebody", "9", "more words"
    helper.set_model_props(m, {"a": "b"})
    for n in m.graph.node:
        n.doc_string = "a node"


def functioned(m):
    """Every node without subgraphs is called through a function of its own."""
    calls = []
    for k, n in enumerate(m.graph.node):
        if any(a.type == onnx.AttributeProto.GRAPH for a in n.attribute) or "" in n.output:
            calls.append(n)
            continue
        inside = onnx.NodeProto.FromString(n.SerializeToString())
        inputs = [f"in{i}" if x else "" for i, x in enumerate(n.input)]
        inside.input[:], inside.output[:] = inputs, [f"out{i}" for i in range(len(n.output))]
        m.functions.append(helper.make_function("local", f"F{k}", [x for x in inputs if x], list(inside.output), [inside], list(m.opset_import)))
        calls.append(helper.make_node(f"F{k}", [x for x in n.input if x], list(n.output), n.name, domain="local"))
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in calls]
    del m.graph.node[:]
    m.graph.node.extend(nodes)
    m.opset_import.append(helper.make_opsetid("local", 1))
    m.ir_version = max(m.ir_version, 8)


SAME = [renamed, reordered, typed, constants, copied, identities, stated, cluttered, described, functioned]


def converted(m):
    """The onnx package's own converter, to every later opset that it knows the way to, with what differs then.

    It leaves coordinate_transformation_mode at its default where it makes a Resize of opset 11, which is not what went before.
    """
    old = opset(m) < 11 and any(n.op_type in ("Upsample", "Resize") for n in m.graph.node)
    for to in range(opset(m) + 1, 26):
        try:
            yield to, version_converter.convert_version(m, to), "coordinate_transformation_mode" if old and to > 10 else ""
        except Exception as error:
            print(f"  opset {to}: {str(error).splitlines()[0][:100]}")
            return


# What changes it: each gives what a description must mention, or None where there is nothing to change.

def bit(m):
    for t in m.graph.initializer:
        a = numpy_helper.to_array(t).copy()
        if a.dtype == numpy.float32 and any(t.name in n.input for n in m.graph.node):
            a.reshape(-1).view(numpy.uint32)[-1] ^= 1
            t.CopyFrom(numpy_helper.from_array(a, t.name))
            return t.name
    return None


ATTRIBUTES = {"LSTM": ("clip", 1.0), "GRU": ("clip", 1.0), "RNN": ("clip", 1.0), "Softmax": ("axis", 0), "LayerNormalization": ("epsilon", 0.5),
              "Gemm": ("alpha", 2.0), "AveragePool": ("count_include_pad", 1), "BatchNormalization": ("epsilon", 0.5), "Attention": ("is_causal", 0),
              "QuantizeLinear": ("axis", 0), "Clip": ("max", 0.5), "TopK": ("k", 1)}


def attribute(op):
    def change(m):
        name, value = ATTRIBUTES[op]
        for n in m.graph.node:
            if n.op_type != op or name not in defs.get_schema(op, opset(m)).attributes:
                continue
            kept = [a for a in n.attribute if a.name != name]
            del n.attribute[:]
            n.attribute.extend(kept + [helper.make_attribute(name, value)])
            if op == "TopK":
                for v in m.graph.output:
                    v.type.tensor_type.shape.dim[1].dim_value = value
            return name
        return None

    change.__name__ = "attribute-" + op
    return change


def swapped(m):
    for n in m.graph.node:
        at = {"Sub": (0, 1), "Div": (0, 1), "Pow": (0, 1), "LSTM": (5, 6), "Attention": (0, 1)}.get(n.op_type)
        if at and len(n.input) > at[1] and n.input[at[0]] != n.input[at[1]]:
            n.input[at[0]], n.input[at[1]] = n.input[at[1]], n.input[at[0]]
            return "swapped" if n.op_type != "Sub" else n.op_type
    return None


def dropped(m):
    for n in list(m.graph.node):
        if n.op_type in ("Relu", "Tanh", "Clip", "Softmax", "LayerNormalization", "BatchNormalization", "Erf", "Sqrt"):
            for k in m.graph.node:
                k.input[:] = [n.input[0] if x == n.output[0] else x for x in k.input]
            for v in m.graph.output:
                if v.name == n.output[0]:
                    m.graph.node.append(helper.make_node("Identity", [n.input[0]], [v.name]))
            m.graph.node.remove(n)
            return n.op_type
    return None


def doubled(m):
    for v in (*m.graph.input, *m.graph.output, *m.graph.value_info):
        if v.type.tensor_type.elem_type == TensorProto.FLOAT:
            v.type.tensor_type.elem_type = TensorProto.DOUBLE
    tensors = [*m.graph.initializer, *(a.t for n in m.graph.node for a in n.attribute if a.type == onnx.AttributeProto.TENSOR)]
    for t in tensors:
        if t.data_type == TensorProto.FLOAT:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(numpy.float64), t.name))
    for n in m.graph.node:
        if n.op_type in ("QuantizeLinear", "Upsample", "Loop"):
            return None
    return "double"


def one_type(m):
    for t in m.graph.initializer:
        if t.data_type == TensorProto.FLOAT and sum(t.name in n.input for g in subgraphs(m.graph) for n in g.node) == 1 and len(t.dims) == 1:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(numpy.float16), t.name))
            cast = helper.make_node("Cast", [t.name], [t.name + " widened"], "widen", to=TensorProto.FLOAT)
            for n in m.graph.node:
                n.input[:] = [cast.output[0] if x == t.name else x for x in n.input]
            m.graph.node.insert(0, cast)
            return "widen"
    return None


def fixed(m):
    for v in m.graph.input:
        for d in v.type.tensor_type.shape.dim:
            if d.dim_param:
                d.ClearField("dim_param")
                d.dim_value = 2
                return "input"
    return None


def outputs_swapped(m):
    if len(m.graph.output) < 2:
        return None
    a, b = [onnx.ValueInfoProto.FromString(v.SerializeToString()) for v in m.graph.output[:2]]
    m.graph.output[0].CopyFrom(b)
    m.graph.output[1].CopyFrom(a)
    return "output 0"


def inputs_swapped(m):
    if len(m.graph.input) < 2:
        return None
    a, b = [onnx.ValueInfoProto.FromString(v.SerializeToString()) for v in m.graph.input[-2:]]
    m.graph.input[-2].CopyFrom(b)
    m.graph.input[-1].CopyFrom(a)
    return ""


OTHERS = {"Relu": "Tanh", "Tanh": "Sigmoid", "Softmax": "LogSoftmax", "Sub": "Mul", "Div": "Mul", "Sqrt": "Exp", "Mul": "Add"}


def replaced(m):
    for g in list(subgraphs(m.graph))[::-1]:
        for n in g.node:
            if n.op_type in OTHERS:
                was, n.op_type = n.op_type, OTHERS[n.op_type]
                return f"{was} against {n.op_type}"
    return None


def nowhere(m):
    """A result that was read is read no longer: the node gets its other operand twice."""
    weights = {t.name for t in m.graph.initializer} | {n.output[0] for n in m.graph.node if n.op_type in ("Constant", "Identity")}
    for n in m.graph.node:
        if n.op_type in ("Sub", "Mul", "Add") and not weights & set(n.input):
            n.input[0] = n.input[1]
            return "output"
    return None


DIFFERENT = [bit, *(attribute(op) for op in ATTRIBUTES), swapped, dropped, doubled, one_type, fixed, outputs_swapped, inputs_swapped, replaced, nowhere]


def numbers(m):
    """What ONNX Runtime makes of the model on fixed inputs, or None where it cannot run it."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(m.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:
        return None
    rng, feed = numpy.random.default_rng(3), {}
    for i in session.get_inputs():
        dims = [d if isinstance(d, int) else 2 for d in i.shape]
        feed[i.name] = numpy.full(dims, 4, numpy.int32) if "int32" in i.type else rng.standard_normal(dims).astype(
            numpy.float64 if "double" in i.type else numpy.float32)
    return session.run(None, feed)


def main(folder, archive):
    rows, files = [], {}

    def add(base, how, made, verdict, mention=""):
        onnx.checker.check_model(made)
        name = f"{base}/{how}.onnx"
        files[name] = made.SerializeToString(deterministic=True)
        rows.append((f"{base}/base.onnx", name, verdict, mention))

    for base, m in bases(folder):
        files[f"{base}/base.onnx"] = m.SerializeToString(deterministic=True)
        want = numbers(m)
        for change in SAME:
            made = onnx.ModelProto.FromString(files[f"{base}/base.onnx"])
            change(made)
            got = numbers(made)
            if want is not None and (got is None or not all(numpy.allclose(a, b, 1e-5, 1e-6) for a, b in zip(want, got))):
                print(f"{base}/{change.__name__}: ONNX Runtime gives {'nothing' if got is None else 'other numbers'}")
            add(base, change.__name__, made, "same")
        for to, made, mention in converted(onnx.ModelProto.FromString(files[f"{base}/base.onnx"])):
            add(base, f"converted-{to}", made, "different" if mention else "same", mention)
        for change in DIFFERENT:
            made = onnx.ModelProto.FromString(files[f"{base}/base.onnx"])
            mention = change(made)
            if mention is not None:
                add(base, change.__name__, made, "different", mention)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    files["pairs.csv"] = table.getvalue().encode()
    with open(archive, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
    print(f"{len(rows)} pairs, {sum(r[2] == 'same' for r in rows)} of them the same")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: pairs.py FOLDER ARCHIVE")
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
