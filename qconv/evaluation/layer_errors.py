"""Where the error of a quantized model enters, and where it grows: SQNR value by value.

Each value that a variant quantizes (between QuantizeLinear and DequantizeLinear) is compared with
the float model's value of the same name, twice: as the variant gives it ("accumulated"), and as
it gives it when everything before is replaced by the float model's values ("alone").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.data.source import Feeds, Sample
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
    """

    name: str
    restored: tuple[str, ...]
    node: str
    op_type: str


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
    sums = [(Sqnr(), Sqnr()) for _ in pairs]
    chosen = list(islice(samples, SAMPLES))
    for sample in progress(chosen, len(chosen), "comparing layers"):
        feeds = {**(assumed or {}), **sample.feeds}
        values = dict(zip(names, run_for(exact, names, feeds), strict=True))
        forced = {**feeds, **{_forced(name): array for name, array in values.items()}}
        found = run_for(accumulated, restored, feeds), run_for(alone, restored, forced)
        for (own, all_), name, mine, theirs in zip(sums, names, found[1], found[0], strict=True):
            own.update(values[name], mine)
            all_.update(values[name], theirs)
    return tuple(
        LayerError(pair.node or pair.name, pair.op_type, own.result, all_.result)
        for pair, (own, all_) in zip(pairs, sums, strict=True)
    )


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
    for value, restored in _restored(model).items():
        name = next((v.name for v in (value, *restored) if v.name in known), None)
        if name is None or name in pairs:
            continue
        giver = _giver(value)
        pairs[name] = _Pair(
            name,
            tuple(name_of(output) for output in restored),
            "" if giver is None else str(giver.name),
            "input" if giver is None else giver.op_type,
        )
    return list(pairs.values())


def _restored(model: ir.Model) -> dict[ir.Value, list[ir.Value]]:
    """Return what every DequantizeLinear behind a value's QuantizeLinear gives, in graph order."""
    found: dict[ir.Value, list[ir.Value]] = {}
    for node in model.graph:
        quantizer = node.inputs[0].producer() if node.inputs and node.inputs[0] else None
        if not restores(node) or quantizer is None:
            continue
        value = quantizer.inputs[0]
        if quantizes(quantizer) and value is not None:
            found.setdefault(value, []).append(node.outputs[0])
    return found


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
