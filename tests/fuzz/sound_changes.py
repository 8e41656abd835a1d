"""Changes that mostly leave a model sound, so that what comes after loading is tried, too."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from onnx import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    helper,
    numpy_helper,
)

from tests.fuzz import hostile
from tests.fuzz.mutate_nodes import graphs, value_names

_FILE = "sound.data"
_SCALES = (0.0, 1e-30, 1e-8, 0.01, 1.0, -3.0, 1e4, 1e20, 1e38)


def free_axes(random: Random, model: ModelProto, _: Path) -> None:
    """Write axes of inputs as exporters do: by a name, as -1 or 0, or not at all."""
    for info in (*model.graph.input, *model.graph.output):
        for dim in info.type.tensor_type.shape.dim:
            match random.randrange(6):
                case 0:
                    dim.dim_value = random.choice((-1, 0))
                case 1:
                    dim.dim_param = random.choice(("n", "batch", hostile.name(random)))
                case 2:
                    dim.Clear()
                case _:
                    pass


def scale(random: Random, model: ModelProto, _: Path) -> None:
    """Multiply float weights, whole, one channel or one number of them."""
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or not tensor.raw_data or random.random() < 0.5:
            continue
        array = np.array(numpy_helper.to_array(tensor))
        if not array.size:
            continue
        factor = random.choice(_SCALES)
        with np.errstate(all="ignore"):
            match random.randrange(4):
                case 0:
                    array *= factor
                case 1 if array.ndim:
                    array[..., 0] *= factor
                case 2 if array.ndim:
                    array[0] *= factor
                case _:
                    array.flat[random.randrange(array.size)] *= factor
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def rename(random: Random, model: ModelProto, _: Path) -> None:
    """Give one value another name, wherever it is named."""
    old, new = random.choice(value_names(model.graph)), hostile.name(random)
    if not new or not old or new in value_names(model.graph):
        return
    for graph in graphs(model.graph):
        for named in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            if named.name == old:
                named.name = new
        for node in graph.node:
            for ports in (node.input, node.output):
                ports[:] = [new if name == old else name for name in ports]


def store(random: Random, model: ModelProto, folder: Path) -> None:
    """Keep weights in another way: in a file, as a Constant, among the inputs, or sparse."""
    graph = model.graph
    tensors = [tensor for tensor in graph.initializer if tensor.raw_data]
    if not tensors:
        return
    tensor = random.choice(tensors)
    match random.randrange(4):
        case 0:
            _outside(tensor, folder / _FILE)
        case 1:
            constant = helper.make_node("Constant", [], [tensor.name], value=tensor)
            graph.initializer.remove(tensor)
            graph.node.insert(0, constant)
        case 2:
            shape = list(tensor.dims)
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
        case _:
            array = numpy_helper.to_array(tensor)
            places = np.flatnonzero(array).astype(np.int64)
            sparse = SparseTensorProto(dims=array.shape)
            values = array.reshape(-1)[places]
            sparse.values.CopyFrom(numpy_helper.from_array(values, tensor.name))
            sparse.indices.CopyFrom(numpy_helper.from_array(places, "places"))
            graph.initializer.remove(tensor)
            graph.sparse_initializer.append(sparse)


def _outside(tensor: TensorProto, file: Path) -> None:
    offset = file.stat().st_size if file.exists() else 0
    with file.open("ab") as stream:
        stream.write(tensor.raw_data)
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file.name), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))


def into_function(random: Random, model: ModelProto, _: Path) -> None:
    """Move a node into a function of the model."""
    plain = [node for node in model.graph.node if not any(a.HasField("g") for a in node.attribute)]
    if not plain:
        return
    node = random.choice(plain)
    name = f"function{len(model.functions)}"
    inputs = list(dict.fromkeys(filter(None, node.input)))
    outputs = [output for output in node.output if output]
    function = FunctionProto(name=name, domain="local", input=inputs, output=outputs)
    function.opset_import.extend(model.opset_import)
    function.node.append(node)
    call = helper.make_node(name, inputs, outputs, domain="local")
    node.CopyFrom(call)
    model.functions.append(function)
    if all(entry.domain != "local" for entry in model.opset_import):
        model.opset_import.add(domain="local", version=1)


def into_branch(random: Random, model: ModelProto, _: Path) -> None:
    """Move all nodes into a branch of an If that is always taken."""
    graph = model.graph
    inner = GraphProto(name="branch", node=graph.node, output=graph.output)
    outputs = [output.name for output in graph.output]
    if not outputs or not all(any(name in node.output for node in graph.node) for name in outputs):
        return
    del graph.node[:]
    taken = numpy_helper.from_array(np.asarray(True), "taken")
    graph.initializer.append(taken)
    other = GraphProto.FromString(inner.SerializeToString())
    condition = "taken"
    if random.random() < 0.3:
        graph.node.append(helper.make_node("Not", ["taken"], ["not_taken"]))
        condition = "not_taken"
    node = helper.make_node("If", [condition], outputs, then_branch=inner, else_branch=other)
    graph.node.append(node)


def insert(random: Random, model: ModelProto, _: Path) -> None:
    """Put operators that do nothing, or little, behind values of the main graph."""
    nodes: list[NodeProto] = []
    for index, node in enumerate(model.graph.node):
        copy = NodeProto.FromString(node.SerializeToString())
        nodes.append(copy)
        for place, name in enumerate(copy.output):
            if name and random.random() < 0.2:
                copy.output[place] = f"{name}_{index}"
                operator = random.choice(("Identity", "Identity", "Relu", "Neg", "Tanh", "Dropout"))
                nodes.append(helper.make_node(operator, [copy.output[place]], [name]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def raise_version(random: Random, model: ModelProto, _: Path) -> None:
    """Say a later opset, in which most operators are what they were."""
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and 0 < entry.version < 26:
            entry.version = random.randrange(entry.version, 27)
    model.ir_version = max(model.ir_version, random.choice((8, 9, 10)))


def name_nodes(random: Random, model: ModelProto, _: Path) -> None:
    """Give nodes names: none, all the same, or hostile ones."""
    same = hostile.name(random)
    for node in model.graph.node:
        node.name = random.choice((same, same, "", hostile.name(random)))


CHANGES = (
    *(free_axes, free_axes, scale, scale, rename, store, store, into_function, into_branch),
    *(insert, insert, raise_version, name_nodes),
)
