"""What a report says of a model file itself: its weights, its operators, its risks.

Layers go by the name of their operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FloatOperator:
    """An operator that computes in float, and why."""

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class FusionAudit:
    """How many of the quantized operators the runtime computes in integers.

    ``by_op`` maps an operator type to ``(quantized, integer)`` counts; ``misses`` holds one entry
    for each quantized operator that stays in float.
    """

    quantized: int
    integer: int
    by_op: Mapping[str, tuple[int, int]]
    misses: tuple[FloatOperator, ...]


@dataclass(frozen=True)
class Coverage:
    """How much of a model is quantized, each in percent.

    Attributes:
        ops: operators with quantized inputs, out of all but those that only quantize and
            restore.
        macs: multiplications of Conv, Gemm and MatMul with quantized inputs or weights, out of
            all; None where shapes are unknown or there are no such layers.
        bytes: weights stored in integers, or in floats of 8 bits or fewer, out of all weights,
            each counted with the bytes that it has in float32.
    """

    ops: float
    macs: float | None
    bytes: float


@dataclass(frozen=True)
class LayerRisk:
    """A layer of integers: its adjacent pairs of weights, and how many of them are ``risky``.

    A risky pair can overflow 16 bits on x64 CPUs without VNNI, where its sum of products saturates
    without a word.
    """

    name: str
    op: str
    pairs: int
    risky: int


@dataclass(frozen=True)
class LayerStorage:
    """Bytes that the weights of one layer take in the file, scales included, by type."""

    name: str
    op: str
    bytes: Mapping[str, int]


@dataclass(frozen=True)
class LayerError:
    """How far the output of one layer is from the float model's, as SQNR in dB.

    ``alone`` with this layer alone quantized, None where that was not measured; ``accumulated`` in
    the variant as it is, with the error of all layers before.
    """

    name: str
    op: str
    alone: float | None
    accumulated: float


@dataclass(frozen=True)
class WeightRange:
    """How far the channels of one weight differ: the largest magnitudes of its output channels.

    ``least``, ``median`` and ``largest`` are taken over the channels.
    """

    name: str
    op: str
    channels: int
    least: float
    median: float
    largest: float


@dataclass(frozen=True)
class TensorHistogram:
    """The numbers that one tensor holds in float, and the grid that they are rounded to.

    Attributes:
        name: the value, or the layer whose weight it is.
        kind: ``activation`` or ``weight``; of a weight, it is its worst output channel.
        sqnr_db: of the rounded numbers against the float ones.
        clipped: percent of the numbers that lie outside the grid by more than half a step.
        low: left end of the first bin.
        high: right end of the last bin.
        counts: numbers in each bin; all bins are equally wide.
        grid: the numbers that can be stored.
    """

    name: str
    kind: str
    sqnr_db: float
    clipped: float
    low: float
    high: float
    counts: tuple[int, ...]
    grid: tuple[float, ...]


@dataclass(frozen=True)
class FoundPlan:
    """A plan that a search has measured.

    Attributes:
        speedup: over the float model, in processor time of one thread; None where size counts.
        size_bytes: of the file; None where time counts.
        sqnr_db: at the outputs, on samples that calibrated.
        layers: how many have the form that loses less: float, or eight bits beside four.
        chosen: whether the file is made by it.
    """

    speedup: float | None
    size_bytes: int | None
    sqnr_db: float
    layers: int
    chosen: bool


@dataclass(frozen=True)
class FoundLayer:
    """A layer, or neighbours together, alone in the form that loses more.

    Attributes:
        name: of the layers.
        sqnr_db: at the outputs, with no other layer in that form.
        cost: what the form that loses less takes more: a share of the float model's time, or bytes.
    """

    name: str
    sqnr_db: float
    cost: float


@dataclass(frozen=True)
class FoundKind:
    """A file of another kind than static INT8.

    Attributes:
        name: what it is, in words.
        speedup: over the float model, in processor time of one thread.
        size_bytes: of the file.
        sqnr_db: at the outputs, on samples that calibrated.
        holds: whether it does all that was asked for.
        chosen: whether it is the file.
    """

    name: str
    speedup: float
    size_bytes: int
    sqnr_db: float
    holds: bool
    chosen: bool


@dataclass(frozen=True)
class SearchReport:
    """How a variant was found.

    Attributes:
        objective: ``speed``, ``size`` or ``accuracy``.
        form: of the layers that are not of eight bits: ``float`` or ``int4``.
        plans: those that no other one beats, from the cheapest on, and the chosen one.
        layers: the largest loss first.
        kinds: files of other kinds that were tried.
    """

    objective: str
    form: str
    plans: tuple[FoundPlan, ...]
    layers: tuple[FoundLayer, ...]
    kinds: tuple[FoundKind, ...] = ()
