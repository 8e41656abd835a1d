"""An estimate of the energy of one inference, from multiplications and bytes that are moved.

M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9: a
45 nm process at 0.9 V. Only Conv, Gemm and MatMul are counted, which dominate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import onnx_ir as ir

from qconv.data.source import Feeds
from qconv.evaluation.coverage import is_in_integers
from qconv.evaluation.layer_work import LayerWork, layer_works
from qconv.evaluation.weight_entries import WeightEntry
from qconv.graph.operators.facts import Family, Like, Operator
from qconv.graph.operators.table import clamps, operator_of, quantizes, restores
from qconv.graph.view import all_nodes, is_standard
from qconv.reporting.contents import FusionAudit
from qconv.reporting.energy_data import Energy

_INTEGER = "int8"
_MAC_PJ = {"float32": 3.7 + 0.9, "float16": 1.1 + 0.4, _INTEGER: 0.2 + 0.1}
"""Picojoules of a multiplication and an addition, which is one of 32 bits for int8."""
_FLOATS = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "float16",
}
_WORD_BYTES, _SRAM_PJ, _DRAM_PJ = 4, 5.0, 640.0
"""A word of 32 bits, and picojoules to read or write it: in an SRAM of 8 kB, in DRAM."""


def estimate_energy(
    model: ir.Model, weights: Sequence[WeightEntry], audit: FusionAudit | None, feeds: Feeds
) -> Energy:
    """Return the estimate, or why there is none.

    A layer computes in int8 if the audit saw it run in integers, else in its float type.

    Args:
        model: a model file as it was read, with all nodes named.
        weights: what it stores.
        audit: which of its quantized operators run in integers; None where nobody has looked.
        feeds: one feed, for shapes.
    """
    if unknown := _uncounted(model):
        return Energy(unknown=unknown)
    works = layer_works(model, feeds)
    if works is None:
        return Energy(unknown="shapes can neither be inferred nor taken from an inference")
    if not works:
        return Energy(unknown="the model has no Conv, Gemm or MatMul")
    misses = None if audit is None else {miss.node for miss in audit.misses}
    macs: Counter[str] = Counter()
    moved = 0
    for work in works:
        kind = _computes_in(work.node, misses)
        if kind is None:
            return Energy(unknown=_no_type(work.node))
        macs[kind] += work.macs
        moved += _activation_bytes(work, integer=kind == _INTEGER)
    layers = {str(work.node.name) for work in works}
    stored = sum(entry.nbytes for entry in weights if entry.layer in layers)
    computing = sum(_MAC_PJ[kind] * count for kind, count in macs.items())
    reading = _DRAM_PJ * stored / _WORD_BYTES
    return Energy(
        macs=dict(sorted(macs.items())),
        weight_bytes=stored,
        activation_bytes=moved,
        compute_pj=computing,
        weights_pj=reading,
        low_pj=computing + reading + _SRAM_PJ * moved / _WORD_BYTES,
        high_pj=computing + reading + _DRAM_PJ * moved / _WORD_BYTES,
    )


def _uncounted(model: ir.Model) -> str:
    """Name an operator whose multiplications nobody counts, empty where there is none."""
    for node in all_nodes(model):
        operator = operator_of(node)
        if operator.family in (Family.RECURRENT, Family.CONTRACTION) or operator.like is Like.QUERY:
            return f"the multiplications in {node.op_type} are not counted"
        if operator.multiplies and node.graph is not model.graph:
            return (
                f"the multiplications of {node.op_type} in a body of If, Loop or Scan are not "
                "counted"
            )
        if operator == Operator() and not is_standard(node):
            return f"nothing is known of the operator {node.domain}.{node.op_type}"
    return ""


def _computes_in(node: ir.Node, misses: set[str] | None) -> str | None:
    """Return the type that a layer computes in; None where it is not known or has no number."""
    if is_in_integers(node):
        if misses is None:
            return None
        if str(node.name) not in misses:
            return _INTEGER
    data = node.inputs[0]
    return None if data is None or data.dtype is None else _FLOATS.get(data.dtype)


def _no_type(node: ir.Node) -> str:
    if is_in_integers(node):
        return "it was not checked which operators run in integers"
    data = node.inputs[0]
    dtype = "an unknown type" if data is None or data.dtype is None else data.dtype.name.lower()
    return f"{node.op_type} '{node.name}' computes in {dtype}, for which there is no figure"


def _activation_bytes(work: LayerWork, *, integer: bool) -> int:
    """Return the bytes that a layer reads and writes; integers are what their Q and DQ hold."""
    read = [(_stored(value) if integer else value, count) for value, count in work.read]
    written = [(_rounded(value) if integer else value, count) for value, count in work.written]
    return round(sum(count * _itemsize(value) for value, count in (*read, *written)))


def _stored(value: ir.Value) -> ir.Value:
    producer = value.producer()
    if producer is None or not restores(producer) or producer.inputs[0] is None:
        return value
    return producer.inputs[0]


def _rounded(value: ir.Value) -> ir.Value:
    """Return the integers that are made of a value, if a QuantizeLinear does, also behind Relu."""
    readers = [usage.node for usage in value.uses()]
    if len(readers) == 1 and clamps(readers[0]):
        return _rounded(readers[0].outputs[0])
    return next((reader.outputs[0] for reader in readers if quantizes(reader)), value)


def _itemsize(value: ir.Value) -> float:
    return _WORD_BYTES if value.dtype is None else value.dtype.itemsize
