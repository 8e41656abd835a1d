"""Loops that never end: the runtime would run them until somebody stops it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator

import onnx
from onnx import numpy_helper

from qconv.graph.operators.facts import Family, Movement, Operator
from qconv.graph.operators.table import STANDARD_DOMAINS, standard_operator

_MOST_TURNS = 1 << 31
"""Turns of a loop that would take an hour with an empty body; exporters write 2^63 - 1 for none."""

_DECIDES = 2
"""Inputs by which a Loop decides, the count of its turns and its condition; an If has one."""

Constants = ChainMap[str, onnx.TensorProto]


def endless_loops(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield each Loop without a count of turns whose condition, once it is true, stays so.

    What the condition is shows where it is passed on as it came, or is a constant.
    """
    yield from _endless(proto.graph.node, proto.graph.initializer, ChainMap())
    for function in proto.functions:
        yield from _endless(function.node, (), ChainMap())


def _endless(
    nodes: Iterable[onnx.NodeProto], initializers: Iterable[onnx.TensorProto], outer: Constants
) -> Iterator[onnx.NodeProto]:
    known = outer.new_child({tensor.name: tensor for tensor in initializers})
    for node in nodes:
        for attribute in node.attribute:
            if _is_constant(node) and attribute.name == "value" and node.output:
                known[node.output[0]] = attribute.t
            if attribute.HasField("g"):
                graph = attribute.g
                yield from _endless(graph.node, graph.initializer, known)
                if _is_loop(node) and attribute.name == "body" and _never_ends(node, graph, known):
                    yield node


def _is_loop(node: onnx.NodeProto) -> bool:
    control = _operator(node).control
    return control is not None and control.decides == _DECIDES and len(node.input) >= _DECIDES


def _is_constant(node: onnx.NodeProto) -> bool:
    return _operator(node).family is Family.CONSTANT


def _hands_on(node: onnx.NodeProto) -> bool:
    return _operator(node).moves is Movement.SAME and len(node.input) > 0


def _operator(node: onnx.NodeProto) -> Operator:
    return standard_operator(node.op_type) if node.domain in STANDARD_DOMAINS else Operator()


def _never_ends(node: onnx.NodeProto, body: onnx.GraphProto, known: Constants) -> bool:
    turns, condition = node.input[:2]
    if turns and not _holds(known, turns, at_least=_MOST_TURNS):
        return False
    if len(body.input) < 2 or not body.output:  # the checks of structure say so
        return False
    if condition in known and not _holds(known, condition, at_least=1):
        return False
    passed, given = body.input[1].name, body.output[0].name
    inner = known.new_child({tensor.name: tensor for tensor in body.initializer})
    sources = {each.output[0]: each for each in body.node if each.output}
    while given in sources and _hands_on(sources[given]):
        given = sources.pop(given).input[0]
    if given in sources and _is_constant(sources[given]):
        values = [each.t for each in sources[given].attribute if each.name == "value"]
        inner.update((given, value) for value in values)
    return given == passed or _holds(inner, given, at_least=1)


def _holds(known: Constants, name: str, *, at_least: int) -> bool:
    """Whether it is known to be one number of that size at least; true counts as 1."""
    tensor = known.get(name)
    if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return False
    try:
        number = numpy_helper.to_array(tensor)
    except (ValueError, TypeError):  # it does not hold what it says, which is told elsewhere
        return False
    return number.size == 1 and number.dtype.kind in "biu" and int(number.item()) >= at_least
