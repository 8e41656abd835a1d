"""Whether the nodes of a model file fit together, before anything is built from them."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter

import onnx

from qconv.graph.endless import endless_loops
from qconv.graph.operators.table import STANDARD_DOMAINS, standard_operator

_MOST_NODES = 1_000_000
"""Nodes of a model once its functions stand where they are called."""

_MESSAGES = {
    onnx.AttributeProto.TENSOR: "t",
    onnx.AttributeProto.GRAPH: "g",
    onnx.AttributeProto.TYPE_PROTO: "tp",
}
"""The field in which an attribute of each type holds its value, where that is a message."""

_TYPES: Mapping[str, Mapping[str, int]] = {
    "Constant": {
        "value": onnx.AttributeProto.TENSOR,
        "sparse_value": onnx.AttributeProto.SPARSE_TENSOR,
        "value_float": onnx.AttributeProto.FLOAT,
        "value_floats": onnx.AttributeProto.FLOATS,
        "value_int": onnx.AttributeProto.INT,
        "value_ints": onnx.AttributeProto.INTS,
        "value_string": onnx.AttributeProto.STRING,
        "value_strings": onnx.AttributeProto.STRINGS,
    }
}
"""The types of attributes that the runtime does not look at where nothing reads the operator."""

Nodes = Iterable[onnx.NodeProto]
Scopes = tuple[Set[str], ...]
"""The names of a graph, and of those around it; they are not copied, as there may be many."""


def fault(proto: onnx.ModelProto) -> str | None:
    """Return what keeps the nodes from being a model, or None.

    It looks at names, at what nodes read, at what the bodies of If, Loop and Scan give, and at what
    functions call. It does not look at the order of the nodes: see :func:`is_sorted`.
    """
    for opset in proto.opset_import:
        if opset.version < 1:
            return f"it has version {opset.version} of the operators of '{opset.domain}'"
    found = _graph_fault(proto.graph, ())
    for function in proto.functions:
        given, outputs = list(function.input), list(function.output)
        found = found or _scope_fault(function.node, given, outputs, ())
    found = found or _reference_fault(proto.graph.node) or _call_fault(proto)
    return found or _loop_fault(proto)


def is_sorted(proto: onnx.ModelProto) -> bool:
    """Whether each node stands behind those that give what it reads, in functions, too."""
    return all(_is_sorted(nodes, ChainMap()) for nodes in _scopes(proto))


def _graph_fault(graph: onnx.GraphProto, outer: Scopes) -> str | None:
    inputs = [info.name for info in graph.input]
    constants = {tensor.name for tensor in graph.initializer}
    constants.update(sparse.values.name for sparse in graph.sparse_initializer)
    given = [*inputs, *constants.difference(inputs, [""])]
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for info in graph.input:
        if info.name in tensors and not _agrees(info.type.tensor_type, tensors[info.name]):
            return (
                f"'{info.name}' is an input and an initializer, and the two differ in type or shape"
            )
    return _decision_fault(graph.node, tensors) or _scope_fault(
        graph.node, given, [info.name for info in graph.output], outer
    )


def _decision_fault(nodes: Nodes, tensors: Mapping[str, onnx.TensorProto]) -> str | None:
    """Look at what If and Loop decide by: the runtime reads a number also where there is none."""
    for node in nodes:
        control = standard_operator(node.op_type).control
        if control is None or node.domain not in STANDARD_DOMAINS:
            continue
        for name in node.input[: control.decides]:
            if name in tensors and 0 in tensors[name].dims:
                return f"{_shown(node)} decides by '{name}', which holds nothing"
    return None


def _agrees(declared: onnx.TypeProto.Tensor, tensor: onnx.TensorProto) -> bool:
    if declared.elem_type != tensor.data_type:
        return False
    if not declared.HasField("shape"):
        return True
    dims = declared.shape.dim
    return len(dims) == len(tensor.dims) and all(
        not dim.HasField("dim_value") or dim.dim_value == length
        for dim, length in zip(dims, tensor.dims, strict=True)
    )


def _scope_fault(nodes: Nodes, given: list[str], outputs: list[str], outer: Scopes) -> str | None:
    """Look at nodes and what is given to them, with the names of the graphs around them."""
    names = [*given, *(name for node in nodes for name in node.output if name)]
    own = set(names)
    if len(own) < len(names):
        return f"'{Counter(names).most_common(1)[0][0]}' is given twice"
    if "" in own:
        return "an input has no name"
    for name in outputs:
        if name not in own:
            return f"no node produces the output '{name}'"
    known = own, *outer
    for node in nodes:
        for name in node.input:
            if name and not any(name in scope for scope in known):
                return f"{_shown(node)} reads '{name}', which no node produces"
        if found := _node_fault(node, known):
            return found
    return None


def _node_fault(node: onnx.NodeProto, known: Scopes) -> str | None:
    if not node.op_type:
        return f"the node '{node.name}' has no operator"
    for attribute in node.attribute:
        field = _MESSAGES.get(attribute.type)
        if field and not attribute.HasField(field) and not attribute.ref_attr_name:
            return f"the attribute {attribute.name} of {_shown(node)} has no value"
        if attribute.type == onnx.AttributeProto.UNDEFINED:
            return f"the attribute {attribute.name} of {_shown(node)} has no type"
        wanted = _TYPES.get(node.op_type, {}).get(attribute.name, attribute.type)
        if attribute.type != wanted and node.domain in STANDARD_DOMAINS:
            kind = onnx.AttributeProto.AttributeType.Name(attribute.type)
            return f"the attribute {attribute.name} of {_shown(node)} cannot be {kind}"
        if attribute.ref_attr_name and field == "g":
            return (
                f"{_shown(node)} takes its {attribute.name} from its function's caller, "
                "which is not supported"
            )
    if not all(each.configuration_id for each in node.device_configurations):
        return f"{_shown(node)} has a device configuration without an id"
    if len({attribute.name for attribute in node.attribute}) < len(node.attribute):
        return f"{_shown(node)} has two attributes of one name"
    if found := _body_fault(node):
        return found
    for graph in _graphs(node):
        if found := _graph_fault(graph, known):
            return found
    return None


def _body_fault(node: onnx.NodeProto) -> str | None:
    control = standard_operator(node.op_type).control
    if control is None or node.domain not in STANDARD_DOMAINS:
        return None
    bodies = {each.name: each.g for each in node.attribute if each.HasField("g")}
    for name in control.bodies:
        body = bodies.get(name)
        if body is None:
            return f"{_shown(node)} has no {name}"
        given, wanted = len(body.output), len(node.output) + control.kept
        if given != wanted:
            return f"the {name} of {_shown(node)} gives {given} values, not {wanted}"
        if control.least is None:
            continue
        taken, fed = len(body.input), max(control.least, len(node.input)) if control.least else 0
        if taken != fed:
            return f"the {name} of {_shown(node)} takes {taken} values, not {fed}"
    return None


def _reference_fault(nodes: Nodes) -> str | None:
    for node in _nested(nodes):
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                return (
                    f"the attribute {attribute.name} of {_shown(node)} is "
                    f"'{attribute.ref_attr_name}' of a function, and it is in none"
                )
    return None


def _call_fault(proto: onnx.ModelProto) -> str | None:
    nameless = next((each.name for each in proto.functions if not each.domain), None)
    if nameless is not None:
        return f"its function '{nameless}' has no domain, which is that of ONNX's own operators"
    functions = {(each.domain, each.name, each.overload): each for each in proto.functions}
    calls = {key: list(map(_called, _nested(function.node))) for key, function in functions.items()}
    sizes: dict[tuple[str, str, str], int] = {}
    try:
        for key in TopologicalSorter(calls).static_order():
            sizes[key] = 1 + sum(sizes[called] for called in calls.get(key, ()))
    except CycleError as error:
        names = " -> ".join(name for _, name, _ in error.args[1])
        return f"its functions call each other in a circle: {names}"
    nodes = [node for scope in _scopes(proto) for node in _nested(scope)] if functions else []
    for node in nodes:
        function = functions.get(_called(node))
        if function is None:
            continue
        given, taken = len(node.input), len(function.input)
        if given > taken or len(node.output) != len(function.output):
            return (
                f"{_shown(node)} has {given} inputs and {len(node.output)} outputs, but its "
                f"function takes {taken} and gives {len(function.output)}"
            )
    size = sum(sizes.get(_called(node), 1) for node in _nested(proto.graph.node))
    if functions and size > _MOST_NODES:
        return f"its functions expand to {size} nodes, more than {_MOST_NODES}"
    return None


def _scopes(proto: onnx.ModelProto) -> list[Nodes]:
    return [proto.graph.node, *(function.node for function in proto.functions)]


def _loop_fault(proto: onnx.ModelProto) -> str | None:
    loop = next(endless_loops(proto), None)
    if loop is None:
        return None
    return f"{_shown(loop)} never ends: it has no trip count, and nothing changes its condition"


def _called(node: onnx.NodeProto) -> tuple[str, str, str]:
    return node.domain, node.op_type, node.overload


def _is_sorted(nodes: Nodes, outer: ChainMap[str, bool]) -> bool:
    """Look at nodes; ``outer`` tells of names around them whether they are still to be given."""
    pending = {name: True for node in nodes for name in node.output if name}
    scopes = outer.new_child(pending)
    for node in nodes:
        if any(map(scopes.get, node.input)):
            return False
        if not all(_is_sorted(graph.node, scopes) for graph in _graphs(node)):
            return False
        pending.update(dict.fromkeys(node.output, False))
    return True


def _nested(nodes: Nodes) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _nested(graph.node)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _shown(node: onnx.NodeProto) -> str:
    return f"{node.op_type} '{node.name or ', '.join(node.output)}'"
