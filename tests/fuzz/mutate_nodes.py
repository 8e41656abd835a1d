"""Changes to the operators of a model: which there are, what they read, how they are set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, helper

from tests.fuzz import hostile

_OPERATORS = tuple(sorted({(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas()}))
_CONTRIBUTED = (
    *("MatMulNBits", "QLinearAdd", "FusedConv", "BiasGelu", "SkipLayerNormalization", "Gelu"),
    *("SimplifiedLayerNormalization", "Attention", "GroupQueryAttention", "QGemm", "Unknown"),
)
_INSERTED = (
    *(
        "Identity",
        "Relu",
        "Cast",
        "Neg",
        "Shape",
        "Dropout",
        "Reshape",
        "Clip",
        "Size",
        "Transpose",
    ),
    *("DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "Flatten", "Softmax", "Sqrt"),
    *("Squeeze", "Exp", "Split", "Range", "ConstantOfShape", "NonZero", "SequenceConstruct"),
)


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and all graphs inside of it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)


def any_graph(random: Random, model: ModelProto) -> GraphProto:
    """Return the main graph, mostly, or one inside of it."""
    found = list(graphs(model.graph))
    return found[0] if random.random() < 0.6 else random.choice(found)


def value_names(graph: GraphProto) -> list[str]:
    """Return the names of all values of one graph; at least one."""
    names = [
        *(info.name for info in graph.input),
        *(tensor.name for tensor in graph.initializer),
        *(output for node in graph.node for output in node.output),
    ]
    return names or ["x"]


def _node(random: Random, graph: GraphProto) -> NodeProto:
    if not graph.node:
        graph.node.append(helper.make_node("Identity", ["x"], ["y"]))
    node: NodeProto = random.choice(graph.node)
    return node


def list_nodes(random: Random, model: ModelProto, _: Path) -> None:
    """Drop, double, move or shuffle nodes."""
    graph = any_graph(random, model)
    nodes = list(graph.node)
    place = random.randrange(len(nodes) + 1)
    match random.randrange(5):
        case 0:
            del nodes[place : place + 1]
        case 1:
            nodes[place:place] = nodes[:1]
        case 2:
            random.shuffle(nodes)
        case 3:
            nodes.reverse()
        case _:
            nodes = nodes * 2
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def rewire(random: Random, model: ModelProto, _: Path) -> None:
    """Let a node read or write another value, itself, nothing, or a name that is no value."""
    graph = any_graph(random, model)
    node = _node(random, graph)
    names = [*value_names(graph), *node.output, "", hostile.name(random)]
    ports = random.choice((node.input, node.input, node.output))
    if ports and random.random() < 0.7:
        ports[random.randrange(len(ports))] = random.choice(names)
    elif ports and random.random() < 0.5:
        del ports[random.randrange(len(ports)) :]
    else:
        ports.append(random.choice(names))


def set_operator(random: Random, model: ModelProto, _: Path) -> None:
    """Make a node another operator, of another domain, or without a name."""
    node = _node(random, any_graph(random, model))
    match random.randrange(5):
        case 0 | 1:
            node.domain, node.op_type = random.choice(_OPERATORS)
        case 2:
            node.domain, node.op_type = "com.microsoft", random.choice(_CONTRIBUTED)
        case 3:
            node.op_type = hostile.name(random)
        case _:
            node.domain = random.choice(
                ("com.microsoft", "ai.onnx", "custom", hostile.name(random))
            )


def name_node(random: Random, model: ModelProto, _: Path) -> None:
    """Give a node a hostile name, text or overload."""
    node = _node(random, any_graph(random, model))
    setattr(node, random.choice(("name", "name", "doc_string", "overload")), hostile.name(random))


def insert_node(random: Random, model: ModelProto, _: Path) -> None:
    """Put an operator of few needs between a value and who reads it."""
    graph = any_graph(random, model)
    read = random.choice(value_names(graph))
    made = f"between{len(graph.node)}"
    operator = random.choice(_INSERTED)
    node = helper.make_node(operator, [read] * random.choice((1, 1, 1, 2, 3)), [made])
    if operator == "Cast":
        node.attribute.append(helper.make_attribute("to", random.randrange(27)))
    for reader in graph.node:
        for place, name in enumerate(reader.input):
            if name == read and random.random() < 0.7:
                reader.input[place] = made
    graph.node.insert(random.randrange(len(graph.node) + 1) if random.random() < 0.3 else 0, node)


def set_attribute(random: Random, model: ModelProto, _: Path) -> None:
    """Drop, double, replace or retype an attribute, or add one that the operator may know."""
    node = _node(random, any_graph(random, model))
    known = _attributes_of(node) or ["axis"]
    if not node.attribute or random.random() < 0.3:
        node.attribute.append(_attribute(random, random.choice((*known, hostile.name(random)))))
        return
    place = random.randrange(len(node.attribute))
    attribute = node.attribute[place]
    match random.randrange(6):
        case 0:
            del node.attribute[place]
        case 1:
            node.attribute.append(AttributeProto.FromString(attribute.SerializeToString()))
        case 2:
            attribute.type = random.randrange(15)
        case 3:
            attribute.ref_attr_name = random.choice(("alpha", hostile.name(random)))
        case _:
            attribute.CopyFrom(_attribute(random, attribute.name))


def _attributes_of(node: NodeProto) -> list[str]:
    try:
        return sorted(onnx.defs.get_schema(node.op_type, domain=node.domain).attributes)
    except (onnx.defs.SchemaError, UnicodeError):
        return []


def _attribute(random: Random, name: str) -> AttributeProto:
    attribute = AttributeProto(name=name)
    match random.randrange(7):
        case 0 | 1:
            attribute.type, attribute.i = AttributeProto.INT, random.choice(hostile.INTEGERS)
        case 2:
            attribute.type, attribute.f = AttributeProto.FLOAT, _float32(random)
        case 3:
            attribute.type = AttributeProto.INTS
            attribute.ints.extend(random.choices(hostile.INTEGERS, k=random.randrange(5)))
        case 4:
            attribute.type = AttributeProto.FLOATS
            attribute.floats.extend(_float32(random) for _ in range(random.randrange(4)))
        case 5:
            attribute.type, attribute.s = AttributeProto.STRING, random.randbytes(5)
        case _:
            attribute.type = AttributeProto.STRINGS
            attribute.strings.extend([hostile.name(random).encode(), b"\xff"])
    return attribute


def _float32(random: Random) -> float:
    number = random.choice(hostile.FLOATS)
    return number if abs(number) < 3.4e38 or number != number else 3.4e38


MUTATORS = (
    *(list_nodes, rewire, rewire, set_operator, name_node, insert_node, insert_node),
    *(set_attribute, set_attribute, set_attribute),
)
