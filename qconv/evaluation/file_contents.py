"""What a model file itself tells: how it was made, what it stores, what stays in float."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from qconv.data.source import Feeds
from qconv.evaluation.coverage import computing, coverage, covered, is_in_integers
from qconv.evaluation.energy import estimate_energy
from qconv.evaluation.portability import layer_risks
from qconv.evaluation.weight_entries import WeightEntry, weight_entries
from qconv.graph.model_io import model_bytes, model_fingerprint, read_model
from qconv.graph.prepare import normalize
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.reporting.contents import (
    Coverage,
    FloatOperator,
    FusionAudit,
    LayerRisk,
    LayerStorage,
)
from qconv.reporting.energy_data import Energy

_ORIGIN = ("producer_name", "producer_version")


@dataclass(frozen=True)
class Contents:
    """What is read off one model file; ``coverage`` is None for the float model."""

    size_bytes: int
    sha256: str
    origin: dict[str, str]
    coverage: Coverage | None
    storage: tuple[LayerStorage, ...]
    kept_float: tuple[FloatOperator, ...]
    portability: tuple[LayerRisk, ...]
    energy: Energy


def read_contents(
    path: Path, feeds: Feeds, audit: FusionAudit | None = None, *, variant: bool
) -> Contents:
    """Read a model file.

    Args:
        path: the file.
        feeds: one feed, for shapes.
        audit: which of its quantized operators run in integers; None where nobody has looked.
        variant: whether it is another one than the float model.

    Raises:
        ModelError: the file is broken.
    """
    model = normalize(read_model(path))
    weights = list(weight_entries(model))
    return Contents(
        size_bytes=model_bytes(path),
        sha256=model_fingerprint(path),
        origin=_origin(model),
        coverage=coverage(model, weights, feeds) if variant else None,
        storage=_storage(model, weights),
        kept_float=tuple(_kept_float(model)) if variant else (),
        portability=tuple(layer_risks(model)) if variant else (),
        energy=estimate_energy(model, weights, audit, feeds),
    )


def _origin(model: ir.Model) -> dict[str, str]:
    """Return the producer, and what a converter wrote into the metadata."""
    producer = {key: getattr(model, key) for key in _ORIGIN}
    found = {**producer, **model.metadata_props}
    return {key: str(value) for key, value in found.items() if value}


def _storage(model: ir.Model, weights: Sequence[WeightEntry]) -> tuple[LayerStorage, ...]:
    """Return the bytes of each layer, in the order of the graph; those of subgraphs come last."""
    places = {str(node.name): place for place, node in enumerate(model.graph)}
    layers: dict[str, tuple[str, dict[str, int]]] = {}
    for weight in weights:
        _, sizes = layers.setdefault(weight.layer, (weight.op, {}))
        sizes[weight.dtype] = sizes.get(weight.dtype, 0) + weight.nbytes
    ordered = sorted(layers.items(), key=lambda item: places.get(item[0], len(places)))
    return tuple(LayerStorage(name, op, sizes) for name, (op, sizes) in ordered)


def _kept_float(model: ir.Model) -> list[FloatOperator]:
    """Return the operators of a quantized model that stay in float; none for a float model."""
    working = computing(model)
    names = covered(model)
    if not names:
        return []
    found = []
    for node in working:
        if is_in_integers(node):
            continue
        weight_alone = str(node.name) in names
        reason = "only its weight is quantized" if weight_alone else _reason(node)
        found.append(FloatOperator(str(node.name), node.op_type, reason))
    return found


def _reason(node: ir.Node) -> str:
    if node.op_type in ORT_CPU.rules:
        return "its inputs are not quantized in this file"
    general = f"{ORT_CPU.runtime} has no integer kernel for {node.op_type}"
    return ORT_CPU.reasons.get(node.op_type, general)
