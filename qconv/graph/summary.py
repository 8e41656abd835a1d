"""A model in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from qconv.errors import UnsupportedError
from qconv.graph.view import all_nodes, op_counts
from qconv.specs import TensorSpec


@dataclass(frozen=True)
class ModelSummary:
    """Inputs, outputs, opset, and weights of a model.

    ``bytes_by_dtype`` counts initializers and Constant nodes, those of subgraphs included;
    ``op_counts`` likewise covers subgraphs.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
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
        inputs=input_specs(model),
        outputs=tuple(map(_spec, model.graph.outputs)),
        opset=model.graph.opset_imports.get("", 1),
        parameters=parameters,
        bytes_by_dtype=dict(sizes.most_common()),
        op_counts=dict(op_counts(model).most_common()),
    )


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """Return the inputs that must be fed: those without a default value.

    Raises:
        UnsupportedError: an input is not a tensor of numbers.
    """
    initializers = model.graph.initializers
    return tuple(_spec(value) for value in model.graph.inputs if value.name not in initializers)


def _spec(value: ir.Value) -> TensorSpec:
    if value.dtype in (None, ir.DataType.UNDEFINED, ir.DataType.STRING):
        raise UnsupportedError(f"'{value.name}' is not a tensor of numbers: {value.type}")
    shape = None if value.shape is None else tuple(map(_axis, value.shape))
    return TensorSpec(str(value.name), value.dtype.numpy(), shape)


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
        if node.op_type == "Constant" and attribute is not None and not attribute.is_ref():
            yield attribute.as_tensor()
