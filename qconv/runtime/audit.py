"""Fusion audit: which quantized operators of a file the runtime really computes in integers.

It reads the graph that the runtime itself writes after its optimizations (all but those that
only change memory layouts), for files of any origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir

from qconv.graph.model_io import model_to_bytes, read_model
from qconv.graph.operators.facts import Numbers
from qconv.graph.operators.table import clamps, operator_of, quantizes, restores
from qconv.graph.prepare.names import fix_names
from qconv.graph.view import all_nodes, is_constant
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Kind
from qconv.reporting.contents import FloatOperator, FusionAudit
from qconv.runtime.session import write_optimized
from qconv.temporary import temporary_folder

_KERNELS = {*ORT_CPU.rules, "ArgMax", "Softmax"}
"""Operators that the runtime can run in integers, also two that qconv leaves in float."""


def audit_fusion(path: Path) -> FusionAudit:
    """Return how many quantized operators of the model run in integers, and why others not.

    A quantized operator is one with an integer type of its own (QLinearConv, MatMulNBits, ...),
    a layer whose weight comes from DequantizeLinear, or an operator between DequantizeLinear
    and QuantizeLinear of a type that the runtime can run in integers: what has no integer kernel
    at all stands between integers only because its neighbours need them. Operators in bodies of
    If, Loop and Scan count too.

    Raises:
        ModelError: the file is broken, or the runtime rejects it.
    """
    model = read_model(path)
    fix_names(model)
    quantized = [node for node in all_nodes(model) if is_quantized(node)]
    if not quantized:
        return FusionAudit(0, 0, {}, ())
    running = _optimized(model, path)
    counts: dict[str, list[int]] = {}
    misses = []
    for node in quantized:
        integer = _runs_in_integers(node, running)
        count = counts.setdefault(node.op_type, [0, 0])
        count[0] += 1
        count[1] += integer
        if not integer:
            misses.append(FloatOperator(str(node.name), node.op_type, _reason(node)))
    by_op = {op: (total, integer) for op, (total, integer) in sorted(counts.items())}
    return FusionAudit(len(quantized), len(quantized) - len(misses), by_op, tuple(misses))


def _is_integer_op(node: ir.Node) -> bool:
    return operator_of(node).numbers is not Numbers.FLOAT


def _from_dq(value: ir.Value | None) -> bool:
    return value is not None and restores(value.producer())


def _quantize_readers(node: ir.Node) -> int:
    """Return how many Qs read the node's output, looking through a Relu or Clip."""
    readers = [usage.node for output in node.outputs for usage in output.uses()]
    if len(readers) == 1 and clamps(readers[0]):
        readers = [usage.node for usage in readers[0].outputs[0].uses()]
    return sum(map(quantizes, readers))


def is_quantized(node: ir.Node) -> bool:
    """Whether an operator counts as quantized, as :func:`audit_fusion` says."""
    if quantizes(node) or restores(node):
        return False
    if _is_integer_op(node):
        return True
    if operator_of(node).is_layer:
        return len(node.inputs) > 1 and _from_dq(node.inputs[1])
    return (
        node.op_type in _KERNELS
        and _quantize_readers(node) > 0
        and any(_from_dq(value) for value in node.inputs)
    )


def _optimized(model: ir.Model, path: Path) -> dict[str, ir.Node]:
    """Return the nodes that the runtime runs, by name."""
    with temporary_folder("qconv-audit-") as folder:
        written = folder / path.name
        write_optimized(model_to_bytes(model), written, "extended")
        optimized = read_model(written, weights=False)
        return {str(node.name): node for node in all_nodes(optimized)}


def _runs_in_integers(node: ir.Node, running: dict[str, ir.Node]) -> bool:
    """Whether the node's counterpart has an integer kernel, moves integers, or is gone.

    An operator that the runtime optimized away costs nothing; one that was fused away lives on
    under the name of a layer, which is looked up for itself.
    """
    counterpart = running.get(str(node.name))
    if counterpart is None:
        return not operator_of(node).is_layer
    return _is_integer_op(counterpart) or (
        counterpart.op_type == node.op_type
        and not operator_of(node).is_layer
        and _gives_integers(counterpart.inputs[0])
    )


def _gives_integers(value: ir.Value | None) -> bool:
    """Follow data movement upwards to the operator that made the integers."""
    while value is not None and (producer := value.producer()) is not None:
        if restores(producer) or producer.op_type == "MatMulIntegerToFloat":
            return False
        if quantizes(producer) or _is_integer_op(producer):
            return True
        value = producer.inputs[0] if producer.inputs else None
    return value is not None and value.dtype in (ir.DataType.UINT8, ir.DataType.INT8)


def _reason(node: ir.Node) -> str:
    """Say what in the file keeps the runtime from an integer kernel."""
    for value in _float_inputs(node):
        return f"its input '{value.name}' is not quantized"
    quantized, readers = _quantize_readers(node), sum(len(out.uses()) for out in node.outputs)
    if any(output.is_graph_output() for output in node.outputs):
        return "its output is also an output of the model"
    if not all(output.uses() for output in node.outputs):
        return "one of its outputs is unused; the runtime needs a QuantizeLinear at each"
    if quantized == 0:
        return "its output is not quantized"
    if quantized > 1 or readers > 1:
        return f"its output is read {readers} times; the runtime needs one QuantizeLinear there"
    reader = next(iter(node.outputs[0].uses())).node
    if clamps(reader):
        clamp = reader.op_type
        return f"the QuantizeLinear after its {clamp} covers more numbers than {clamp} gives"
    return f"the runtime has no integer kernel for {node.op_type} with these types or attributes"


def _float_inputs(node: ir.Node) -> Iterator[ir.Value]:
    rule = ORT_CPU.rules.get(node.op_type)
    combines = rule is not None and rule.kind is Kind.ARITHMETIC and rule.data_inputs != (0,)
    count = 2 if operator_of(node).is_layer else 1
    for value in node.inputs if combines else node.inputs[:count]:
        if value is None or _from_dq(value):
            continue
        if value.dtype is ir.DataType.FLOAT or (value.dtype is None and not is_constant(value)):
            yield value
