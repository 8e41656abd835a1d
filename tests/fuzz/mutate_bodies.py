"""Changes to graphs inside of graphs, and to the functions of a model."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from tests.fuzz import hostile
from tests.fuzz.case import SECRET_FILE
from tests.fuzz.mutate_nodes import any_graph, value_names

_FLOAT = TensorProto.FLOAT
_OUTSIDE = 25
"""Numbers of a weight outside of the model."""


def wrap(random: Random, model: ModelProto, _: Path) -> None:
    """Move the main graph's nodes into the body of If, Loop or Scan, with more or fewer outputs."""
    graph = model.graph
    inner = GraphProto(name="inner")
    inner.node.extend(graph.node)
    inner.output.extend(graph.output)
    match random.randrange(6):
        case 0 if inner.output:
            del inner.output[random.randrange(len(inner.output))]
        case 1:
            inner.output.extend(list(inner.output)[:1])
        case 2:
            inner.input.extend(graph.input)
        case _:
            pass
    outputs = [output.name for output in graph.output]
    other = GraphProto.FromString(inner.SerializeToString())
    del graph.node[:]
    for name, kind in (("yes", TensorProto.BOOL), ("three", TensorProto.INT64)):
        value = numpy_helper.from_array(np.asarray(3, helper.tensor_dtype_to_np_dtype(kind)), name)
        graph.initializer.append(value)
    match random.randrange(4):
        case 0 | 1:
            condition = random.choice(("yes", "three", *value_names(graph)))
            node = helper.make_node(
                "If", [condition], outputs, then_branch=inner, else_branch=other
            )
        case 2:
            inner.input.insert(0, helper.make_tensor_value_info("go", TensorProto.BOOL, []))
            inner.input.insert(0, helper.make_tensor_value_info("turn", TensorProto.INT64, []))
            inner.output.insert(0, helper.make_tensor_value_info("go", TensorProto.BOOL, []))
            node = helper.make_node("Loop", ["three", "yes"], outputs, body=inner)
        case _:
            node = helper.make_node("Scan", value_names(graph)[:1], outputs, body=inner)
            node.attribute.append(
                helper.make_attribute("num_scan_inputs", random.choice((0, 1, 2, -1)))
            )
    graph.node.append(node)


def nest(random: Random, model: ModelProto, _: Path) -> None:
    """Hang a graph as an attribute on a node that may not take one, some levels deep."""
    graph = any_graph(random, model)
    if not graph.node:
        return
    inner = GraphProto(name=hostile.name(random))
    for _level in range(random.choice((1, 1, 2, 10, 20))):
        outer = GraphProto(name="outer")
        outer.output.append(helper.make_tensor_value_info("deep", _FLOAT, None))
        outer.node.append(helper.make_node("If", ["yes"], ["deep"], then_branch=inner))
        inner = outer
    node = random.choice(graph.node)
    name = random.choice(("body", "then_branch", "else_branch", "other"))
    node.attribute.append(AttributeProto(name=name, type=AttributeProto.GRAPH, g=inner))


def break_body(random: Random, model: ModelProto, _: Path) -> None:
    """Change the ports of the graph of an If, Loop or Scan, or drop the graph."""
    bodies = [
        (node, place)
        for node in model.graph.node
        for place, attribute in enumerate(node.attribute)
        if attribute.HasField("g")
    ]
    if not bodies:
        wrap(random, model, _)
        return
    node, place = random.choice(bodies)
    body = node.attribute[place].g
    match random.randrange(6):
        case 0:
            del body.output[random.randrange(len(body.output) + 1) :]
        case 1:
            del body.input[random.randrange(len(body.input) + 1) :]
        case 2:
            body.output.add(name=random.choice((*value_names(body), hostile.name(random))))
        case 3:
            del node.attribute[place]
        case 4:
            body.input.append(helper.make_tensor_value_info(hostile.name(random), _FLOAT, [2]))
        case _:
            body.initializer.extend(model.graph.initializer)


def add_function(random: Random, model: ModelProto, folder: Path) -> None:
    """Call a function of the model: sound, recursive, of wrong ports, with weights outside."""
    graph = model.graph
    function = FunctionProto(name="Mine", domain="local", input=["a"], output=["b"])
    version = model.opset_import[0].version if model.opset_import else 17
    function.opset_import.add(domain="", version=version)
    function.opset_import.add(domain="local", version=1)
    function.node.extend(_body(random, folder))
    model.opset_import.add(domain="local", version=1)
    match random.randrange(12):
        case 0:
            function.input.append("more")
        case 1:
            function.name, function.domain = "Relu", ""
        case 2:
            function.name = hostile.name(random)
        case 3:
            model.functions.append(function)
        case 4:
            function.attribute.append("alpha")
        case _:
            pass
    model.functions.append(function)
    other = FunctionProto.FromString(function.SerializeToString())
    other.name = "Other"
    model.functions.append(other)
    read = random.choice(value_names(graph))
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == read:
                node.input[place] = "called"
    call = helper.make_node(function.name, [read], ["called"], domain=function.domain)
    graph.node.insert(0, call)


def _body(random: Random, folder: Path) -> list[NodeProto]:
    """Return the nodes of a function from ``a`` to ``b``."""
    match random.randrange(6):
        case 0:  # each of the two functions calls the other
            called = random.choice(("Mine", "Other"))
            return [helper.make_node(called, ["a"], ["b"], domain="local")]
        case 1:
            weight = numpy_helper.from_array(np.ones(_OUTSIDE, np.float32), "weight")
            weight.ClearField("raw_data")
            weight.data_location = TensorProto.EXTERNAL
            place = random.choice(("function.data", "../secret.bin", SECRET_FILE))
            weight.external_data.add(key="location", value=place)
            (folder / "function.data").write_bytes(bytes(4 * _OUTSIDE))
            constant = helper.make_node("Constant", [], ["w"], value=weight)
            return [constant, helper.make_node("Mul", ["a", "w"], ["b"])]
        case 2:
            return [helper.make_node("Relu", [hostile.name(random)], ["b"])]
        case 3:
            alpha = AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="alpha")
            node = helper.make_node("LeakyRelu", ["a"], ["b"])
            node.attribute.append(alpha)
            return [node]
        case _:
            return [helper.make_node("Relu", ["a"], ["b"])]


MUTATORS = (wrap, nest, break_body, break_body, add_function, add_function)
