"""Values that two graphs have in common: by name, or by how they are computed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from qconv.errors import UnsupportedError
from qconv.evaluation.weight_entries import data_nodes
from qconv.graph.model_io import read_model
from qconv.graph.operators.facts import Family, Movement
from qconv.graph.operators.table import operator_of
from qconv.graph.prepare import normalize, prepare
from qconv.graph.view import EQUALIZED, op_counts, quantization_ops

_CARRYING = (Family.QUANTIZE, Family.RESTORE, Family.CAST)
_FLOATS = {ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16}


@dataclass(frozen=True)
class Common:
    """One value under the names that it has in both models, and the operator that gives it."""

    first: str
    second: str
    op: str


def comparable(first: Path, second: Path) -> tuple[ir.Model, ir.Model]:
    """Read two models and bring them into forms in which a value of one name is one value.

    Where BatchNormalization or scaling is folded into the weights of one model, as quantizers do,
    the output of a convolution bears its old name and is another value: the same is folded in
    the other model, too.

    Raises:
        ModelError: a file is broken.
    """
    models = [normalize(read_model(path)) for path in (first, second)]
    counts = [op_counts(model) for model in models]
    quantized = [bool(quantization_ops(model)) for model in models]
    for mine, other in ((0, 1), (1, 0)):
        unfolded = counts[mine]["BatchNormalization"] > 0
        if counts[other]["BatchNormalization"] or quantized[mine]:
            continue
        if unfolded or quantized[other]:
            with suppress(UnsupportedError):
                models[mine] = prepare(read_model((first, second)[mine]))
    return models[0], models[1]


def common_values(first: ir.Model, second: ir.Model, inputs: Mapping[str, str]) -> list[Common]:
    """Return the float values of the main graphs that both models compute, in the first's order.

    A value of the same name is the same value. One without a namesake is the value of the other
    model that is computed by the same operators from the same inputs, if there is exactly one.

    Args:
        first: a model with all values named, types inferred.
        second: the other one.
        inputs: what each input of the second model is called in the first.
    """
    mine, theirs = dict(_values(first)), dict(_values(second))
    by_shape = _signatures(first, {})
    others = _signatures(second, inputs)
    counts = Counter(others[name] for name in theirs if name in others)
    mine_counts = Counter(by_shape[name] for name in mine if name in by_shape)
    places = {others[name]: name for name in theirs if name in others}
    found = []
    for name, op in mine.items():
        signature = by_shape.get(name)
        if name in theirs:
            found.append(Common(name, name, op))
        elif signature is not None and counts[signature] == mine_counts[signature] == 1:
            found.append(Common(name, places[signature], op))
    return found


def _values(model: ir.Model) -> Iterator[tuple[str, str]]:
    """Yield the float values that depend on the inputs, each with the operator that gives it."""
    moving = data_nodes(model)
    for node in model.graph:
        if id(node) in moving and not _carries(node):
            for output in node.outputs:
                scaled = output.name is not None and output.name.endswith(EQUALIZED)
                tensor = isinstance(output.type, ir.TensorType) and output.dtype in _FLOATS
                if output.name and tensor and not scaled:
                    yield output.name, node.op_type


def _carries(node: ir.Node) -> bool:
    """Whether an operator changes how numbers are stored, and not what they stand for."""
    operator = operator_of(node)
    return operator.family in _CARRYING or operator.moves is Movement.SAME


def _signatures(model: ir.Model, inputs: Mapping[str, str]) -> dict[str, str]:
    """Return a hash for each value of the operators, attributes and inputs that it comes from.

    Constants count by their shape alone, so that quantized weights are like the float ones.
    """
    found: dict[str, str] = {}
    for value in model.graph.inputs:
        found[str(value.name)] = f"input {inputs.get(str(value.name), value.name)}"
    moving = data_nodes(model)
    for node in model.graph:
        if id(node) not in moving:
            continue
        read = [found.get(str(value.name)) for value in node.inputs if value is not None]
        data = [each for each in read if each is not None]
        if _carries(node):
            for output in node.outputs:
                found[str(output.name)] = data[0] if data else ""
            continue
        attributes = sorted(
            f"{name}={attribute.value}"
            for name, attribute in node.attributes.items()
            if attribute.type is not ir.AttributeType.GRAPH
        )
        text = "\n".join((node.domain, node.op_type, *attributes, *data))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        for place, output in enumerate(node.outputs):
            found[str(output.name)] = f"{digest} {place}"
    return found
