"""Changes to what a model says of itself: ports, types, shapes, names, versions, metadata."""

from __future__ import annotations

from pathlib import Path
from random import Random

from onnx import (
    GraphProto,
    ModelProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    helper,
)

from tests.fuzz import hostile
from tests.fuzz.mutate_nodes import any_graph, graphs, value_names


def _info(random: Random, graph: GraphProto) -> ValueInfoProto:
    lists = [infos for infos in (graph.input, graph.output, graph.value_info) if infos]
    if not lists:
        graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    info: ValueInfoProto = random.choice(random.choice(lists or [graph.output]))
    return info


def set_dim(random: Random, model: ModelProto, _: Path) -> None:
    """Give an axis another length or name, as exporters write it and as nobody does."""
    info = _info(random, any_graph(random, model))
    shape = info.type.tensor_type.shape
    if not shape.dim or random.random() < 0.2:
        shape.dim.add()
    dim = random.choice(shape.dim)
    match random.randrange(5):
        case 0:
            dim.Clear()
        case 1:
            dim.dim_param = hostile.name(random)
        case 2:
            for each in shape.dim:
                each.dim_value = random.choice((-1, 0))
        case 3:
            del shape.dim[random.randrange(len(shape.dim)) :]
        case _:
            dim.dim_value = random.choice(hostile.DIMS)


def set_type(random: Random, model: ModelProto, _: Path) -> None:
    """Give a value another type, or none, or one that is no tensor's."""
    info = _info(random, any_graph(random, model))
    match random.randrange(7):
        case 0 | 1:
            info.type.tensor_type.elem_type = random.randrange(30)
        case 2:
            info.type.Clear()
        case 3:
            info.ClearField("type")
        case 4:
            info.type.tensor_type.ClearField("shape")
        case 5:
            element = TypeProto.FromString(info.type.SerializeToString())
            info.type.sequence_type.elem_type.CopyFrom(element)
        case _:
            element = TypeProto.FromString(info.type.SerializeToString())
            info.type.optional_type.elem_type.CopyFrom(element)


def add_info(random: Random, model: ModelProto, _: Path) -> None:
    """Say something wrong of an inner value."""
    graph = any_graph(random, model)
    shape = random.choices(hostile.DIMS, k=random.randrange(5))
    name = random.choice(value_names(graph))
    info = helper.make_tensor_value_info(name, random.choice((1, 1, 7, 10)), shape)
    graph.value_info.append(info)


def list_ports(random: Random, model: ModelProto, _: Path) -> None:
    """Drop, double or add inputs and outputs; outputs may be inputs, weights, or nothing."""
    graph = any_graph(random, model)
    ports = random.choice((graph.input, graph.output))
    match random.randrange(5):
        case 0 if ports:
            del ports[random.randrange(len(ports))]
        case 1:
            ports.extend(list(ports)[:1])
        case 2 if random.random() < 0.3:
            del ports[:]
        case 3:
            shape = None if random.random() < 0.5 else [random.choice(hostile.DIMS)]
            name = random.choice([*value_names(graph), hostile.name(random)])
            ports.append(helper.make_tensor_value_info(name, random.randrange(1, 17), shape))
        case _:
            rest = sorted(ports, key=lambda port: port.name)
            copies = [ValueInfoProto.FromString(port.SerializeToString()) for port in rest]
            del ports[:]
            ports.extend(copies)


def rename(random: Random, model: ModelProto, _: Path) -> None:
    """Rename a value to something hostile, everywhere or only in some places."""
    old = random.choice(value_names(model.graph))
    new = hostile.name(random)
    share = random.choice((1.0, 1.0, 1.0, 0.6))
    for graph in graphs(model.graph):
        for named in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            if named.name == old and random.random() < share:
                named.name = new
        for node in graph.node:
            for ports in (node.input, node.output):
                for place, name in enumerate(ports):
                    if name == old and random.random() < share:
                        ports[place] = new


def set_versions(random: Random, model: ModelProto, _: Path) -> None:
    """Set the versions of operators and of the file."""
    match random.randrange(6):
        case 0:
            model.ir_version = random.choice((*range(15), 100, 2**50, -1))
        case 1:
            model.ClearField("ir_version")
        case 2:
            del model.opset_import[:]
        case 3:
            domain = random.choice(
                ("", "ai.onnx", "com.microsoft", "ai.onnx.ml", hostile.name(random))
            )
            model.opset_import.add(domain=domain, version=random.randrange(28))
        case _:
            for entry in model.opset_import:
                entry.version = random.choice((*range(1, 28), *range(1, 28), 0, -1, 2**40))


def set_metadata(random: Random, model: ModelProto, _: Path) -> None:
    """Set what a model says beside its graph, also what qconv itself writes there."""
    key = random.choice(
        (
            "qconv.version",
            "qconv.settings",
            "qconv.float_model",
            "qconv.record",
            hostile.name(random),
        )
    )
    match random.randrange(4):
        case 0:
            model.metadata_props.add(key=key, value=hostile.name(random))
        case 1:
            model.metadata_props.add(
                key=key, value=random.choice(("{}", "[]", "1" * 500, "{" * 90))
            )
        case 2:
            model.graph.name = hostile.name(random)
        case _:
            model.producer_name = model.doc_string = model.domain = hostile.name(random)
            model.model_version = random.choice(hostile.INTEGERS)


MUTATORS = (
    *(set_dim, set_dim, set_dim, set_type, set_type, add_info, list_ports, list_ports),
    *(rename, rename, set_versions, set_versions, set_metadata),
)
