"""A model in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from qconv.errors import UnsupportedError
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import operator_of
from qconv.graph.view import all_nodes, op_counts
from qconv.specs import TensorSpec


@dataclass(frozen=True)
class PortSummary:
    """An input or output: ``type`` is, for example, ``float32`` or ``sequence of int64``.

    ``shape`` is as in :class:`TensorSpec`.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class ModelSummary:
    """Inputs, outputs, opset, and weights of a model.

    ``bytes_by_dtype`` counts initializers and Constant nodes, those of subgraphs included;
    ``op_counts`` likewise covers subgraphs.
    """

    inputs: tuple[PortSummary, ...]
    outputs: tuple[PortSummary, ...]
    opset: int
    parameters: int
    bytes_by_dtype: Mapping[str, int]
    op_counts: Mapping[str, int]


def summarize(model: ir.Model) -> ModelSummary:
    """Summarize a model as it was read."""
    sizes: Counter[str] = Counter()
    parameters = 0
    for tensor in _weights(model):
        sizes[tensor.dtype.name.lower()] += tensor.nbytes
        parameters += tensor.size
    return ModelSummary(
        inputs=tuple(map(_port, _fed(model))),
        outputs=tuple(map(_port, model.graph.outputs)),
        opset=model.graph.opset_imports.get("", 1),
        parameters=parameters,
        bytes_by_dtype=dict(sizes.most_common()),
        op_counts=dict(op_counts(model).most_common()),
    )


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """Return the inputs that must be fed: those without a default value.

    Raises:
        UnsupportedError: an input is not a tensor of numbers that NumPy has.
    """
    return tuple(map(_spec, _fed(model)))


def _fed(model: ir.Model) -> Iterator[ir.Value]:
    initializers = model.graph.initializers
    return (value for value in model.graph.inputs if value.name not in initializers)


def _spec(value: ir.Value) -> TensorSpec:
    unfit = value.dtype in (ir.DataType.UNDEFINED, ir.DataType.STRING)
    dtype = None if value.dtype is None or unfit else value.dtype.numpy()
    if dtype is None or dtype.isbuiltin != 1 or not isinstance(value.type, ir.TensorType):
        raise UnsupportedError(
            f"the input '{value.name}' is {_type_name(value.type)}; "
            "only tensors of NumPy's number types can be fed"
        )
    return TensorSpec(str(value.name), dtype, _shape(value))


def _port(value: ir.Value) -> PortSummary:
    return PortSummary(str(value.name), _type_name(value.type), _shape(value))


def _type_name(type_: ir.TypeProtocol | None) -> str:
    """Return for example ``float32``, ``string``, ``sequence of int64`` or ``optional float32``."""
    if isinstance(type_, ir.SequenceType):
        return f"sequence of {_type_name(type_.elem_type)}"
    if isinstance(type_, ir.OptionalType):
        return f"optional {_type_name(type_.elem_type)}"
    if type_ is None or type_.dtype is ir.DataType.UNDEFINED:
        return "of an unknown type"
    return "string" if type_.dtype is ir.DataType.STRING else type_.dtype.numpy().name


def _shape(value: ir.Value) -> tuple[int | str | None, ...] | None:
    return None if value.shape is None else tuple(map(_axis, value.shape))


def _axis(size: int | ir.SymbolicDim) -> int | str | None:
    return size if isinstance(size, int) else size.value


def _graphs(model: ir.Model) -> Iterable[ir.Graph]:
    return model.graphs()


def _weights(model: ir.Model) -> Iterator[ir.TensorProtocol]:
    for graph in _graphs(model):
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value.const_value
    for node in all_nodes(model):
        attribute = node.attributes.get("value")
        held = operator_of(node).family is Family.CONSTANT
        if held and attribute is not None and not attribute.is_ref():
            yield attribute.as_tensor()
