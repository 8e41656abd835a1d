"""Where the error of a quantized model enters, and where it grows: SQNR value by value.

Each value that a variant quantizes (between QuantizeLinear and DequantizeLinear) is compared with
the float model's value of the same name, twice: as the variant gives it ("accumulated"), and as
it gives it when everything before is replaced by the float model's values ("alone"). What the ends
of the range cost by themselves is measured on the float model's value ("clipping").
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.data.source import Feeds, Sample
from qconv.evaluation.value_grids import ValueGrid, grid_of
from qconv.graph.edit import Editor
from qconv.graph.model_io import load_model, model_to_bytes, read_model
from qconv.graph.operators.table import clamps, quantizes, restores
from qconv.graph.prepare import prepare
from qconv.graph.prepare.unused import remove_unused
from qconv.graph.view import name_of
from qconv.numerics.metrics import Sqnr
from qconv.progress import Progress, no_progress
from qconv.reporting.contents import LayerError
from qconv.rewrite.ort.float_products import use_standard_products
from qconv.runtime.session import InferenceSession, open_session

SAMPLES = 16
"""Samples that are looked at: the error of a layer varies little between them."""


@dataclass(frozen=True)
class _Pair:
    """A value that is quantized: its name in both models, and what gives it (an "input", too).

    ``restored`` are the outputs of all DequantizeLinear that give it back; the first is measured.
    ``grid`` is what it is rounded to, where that is known.
    """

    name: str
    restored: tuple[str, ...]
    node: str
    op_type: str
    grid: ValueGrid | None


@dataclass(frozen=True)
class _Sums:
    """What is added up over samples for one value."""

    alone: Sqnr = field(default_factory=Sqnr)
    accumulated: Sqnr = field(default_factory=Sqnr)
    clipping: Sqnr = field(default_factory=Sqnr)

    def error(self, pair: _Pair) -> LayerError:
        clipping = None if pair.grid is None else self.clipping.result
        return LayerError(
            *(pair.node or pair.name, pair.op_type, self.alone.result, self.accumulated.result),
            clipping=clipping,
        )


def layer_errors(
    reference: ir.Model,
    quantized: ir.Model,
    samples: Iterable[Sample],
    assumed: Feeds | None = None,
    progress: Progress = no_progress,
) -> tuple[LayerError, ...]:
    """Return the error of each value that a variant quantizes, in graph order.

    Nothing is returned for a variant that quantizes no activation under a name of the float model.

    Args:
        reference: the float model, prepared.
        quantized: a variant of any origin with QuantizeLinear and DequantizeLinear.
        samples: what to run; the first 16 are looked at.
        assumed: inputs that samples do not hold.
        progress: shown over the samples.
    """
    known = ir.convenience.create_value_mapping(reference.graph)
    quantized = quantized.clone()
    use_standard_products(quantized)
    pairs = _pairs(quantized, known)
    if not pairs:
        return ()
    names = [pair.name for pair in pairs]
    exact = _session(giving(reference, names))
    restored = [pair.restored[0] for pair in pairs]
    accumulated = _session(giving(quantized, restored))
    alone = _session(_fed(quantized, pairs, known))
    sums = [_Sums() for _ in pairs]
    chosen = list(islice(samples, SAMPLES))
    for sample in progress(chosen, len(chosen), "comparing layers"):
        feeds = {**(assumed or {}), **sample.feeds}
        values = dict(zip(names, run_for(exact, names, feeds), strict=True))
        forced = {**feeds, **{_forced(name): array for name, array in values.items()}}
        found = run_for(accumulated, restored, feeds), run_for(alone, restored, forced)
        for sum_, pair, mine, theirs in zip(sums, pairs, found[1], found[0], strict=True):
            value = values[pair.name]
            sum_.alone.update(value, mine)
            sum_.accumulated.update(value, theirs)
            if pair.grid is not None:
                sum_.clipping.update(value, pair.grid.clip(value))
    return tuple(sum_.error(pair) for pair, sum_ in zip(pairs, sums, strict=True))


def file_errors(
    model: Path, variant: Path, samples: Iterable[Sample], assumed: Feeds, progress: Progress
) -> tuple[LayerError, ...]:
    """Return :func:`layer_errors` of model files."""
    reference = prepare(load_model(model).ir)
    return layer_errors(reference, read_model(variant), samples, assumed, progress)


def ranked(errors: Sequence[LayerError]) -> tuple[LayerError, ...]:
    """Return the errors with the worst one alone first."""
    measured = (error for error in errors if error.alone is not None)
    return tuple(sorted(measured, key=lambda error: (error.alone, error.name)))


def _pairs(model: ir.Model, known: Mapping[str, ir.Value]) -> list[_Pair]:
    pairs: dict[str, _Pair] = {}
    own = ir.convenience.create_value_mapping(model.graph)
    for value, restoring in _restored(model).items():
        restored = [node.outputs[0] for node in restoring]
        found = next((v.name for v in (value, *restored) if v.name in known), None)
        name = None if found is None else _clamped(known[found], own)
        if name is None or name in pairs:
            continue
        giver = _giver(value)
        pairs[name] = _Pair(
            name,
            tuple(name_of(output) for output in restored),
            "" if giver is None else str(giver.name),
            "input" if giver is None else giver.op_type,
            _grid(restoring[0]),
        )
    return list(pairs.values())


def _clamped(value: ir.Value, present: Container[str]) -> str:
    """Return the name of a float value, or of what a Relu or Clip makes of it.

    The latter where the variant has no such operator: its range does the same.
    """
    readers = [usage.node for usage in value.uses()]
    if len(readers) == 1 and clamps(readers[0]) and not value.is_graph_output():
        clamped = name_of(readers[0].outputs[0])
        return name_of(value) if clamped in present else clamped
    return name_of(value)


def _restored(model: ir.Model) -> dict[ir.Value, list[ir.Node]]:
    """Return every DequantizeLinear behind a value's QuantizeLinear, in graph order."""
    found: dict[ir.Value, list[ir.Node]] = {}
    for node in model.graph:
        quantizer = node.inputs[0].producer() if node.inputs and node.inputs[0] else None
        if not restores(node) or quantizer is None:
            continue
        value = quantizer.inputs[0]
        if quantizes(quantizer) and value is not None:
            found.setdefault(value, []).append(node)
    return found


def _grid(restoring: ir.Node) -> ValueGrid | None:
    stored = restoring.inputs[0]
    quantizer = None if stored is None else stored.producer()
    return None if quantizer is None else grid_of(quantizer)


def _giver(value: ir.Value) -> ir.Node | None:
    """Return the operator that gives a value, looking through the Relu or Clip behind it."""
    node = value.producer()
    while node is not None and clamps(node) and node.inputs[0] is not None:
        before = node.inputs[0].producer()
        if before is None or restores(before):
            break
        node = before
    return node


def giving(model: ir.Model, names: Sequence[str]) -> ir.Model:
    """Return a copy of the model that gives the named values."""
    copy = model.clone()
    values = ir.convenience.create_value_mapping(copy.graph)
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values[name] for name in names)
    remove_unused(copy)
    return copy


def _fed(model: ir.Model, pairs: Sequence[_Pair], known: Mapping[str, ir.Value]) -> ir.Model:
    """Return a copy in which the readers of each quantized value read an input instead."""
    copy = model.clone()
    values = ir.convenience.create_value_mapping(copy.graph)
    editor = Editor(copy.graph)
    for pair in pairs:
        name = editor.unique(_forced(pair.name))
        fed = ir.Value(
            name=name, shape=known[pair.name].shape, type=ir.TensorType(ir.DataType.FLOAT)
        )
        copy.graph.inputs.append(fed)
        usages = [usage for output in pair.restored for usage in values[output].uses()]
        for usage in usages:
            usage.node.replace_input_with(usage.idx, fed)
    copy.graph.outputs.clear()
    copy.graph.outputs.extend(values[pair.restored[0]] for pair in pairs)
    return copy


def _forced(name: str) -> str:
    return f"{name}/exact"


def _session(model: ir.Model) -> InferenceSession:
    return open_session(model_to_bytes(model))


def run_for(
    session: InferenceSession, names: Sequence[str], feeds: Feeds
) -> list[NDArray[np.float32]]:
    """Return the named outputs of a session, which may have fewer inputs than there are feeds."""
    wanted = {port.name for port in session.get_inputs()}
    return list(session.run(list(names), {k: v for k, v in feeds.items() if k in wanted}))
