"""What a report says of a model file itself: its weights, its operators, its risks.

Layers go by the name of their operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FloatOperator:
    """An operator that computes in float.

    Attributes:
        node: name of the operator.
        op: type of the operator.
        reason: why it does, in words.
    """

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class FusionAudit:
    """How many of the quantized operators the runtime computes in integers.

    Attributes:
        quantized: number of operators that the file quantizes.
        integer: number of those that run in integers.
        by_op: both numbers, quantized and integer, by type of operator.
        misses: those that stay in float, with the reasons.
    """

    quantized: int
    integer: int
    by_op: Mapping[str, tuple[int, int]]
    misses: tuple[FloatOperator, ...]


@dataclass(frozen=True)
class Coverage:
    """How much of a model is quantized, each in percent.

    Attributes:
        ops: percent of the operators that have quantized inputs, out of all but those that only
            quantize and restore.
        macs: percent of the multiplications of Conv, Gemm and MatMul that have quantized inputs or
            weights; None where shapes are unknown or there are no such layers.
        bytes: percent of the weights that are stored in integers, or in floats of 8 bits or fewer,
            each counted with the bytes that it has in float32.
    """

    ops: float
    macs: float | None
    bytes: float


@dataclass(frozen=True)
class LayerRisk:
    """A layer of integers, with the pairs of neighbouring weights that could saturate.

    Two products of 8-bit integers can overflow 16 bits on x64 CPUs without VNNI, where their sum
    saturates without a word.

    Attributes:
        name: name of its operator.
        op: type of its operator.
        pairs: number of pairs of neighbouring weights.
        risky: number of those that can overflow.
    """

    name: str
    op: str
    pairs: int
    risky: int


@dataclass(frozen=True)
class LayerStorage:
    """What the weights of one layer take in the file.

    Attributes:
        name: name of its operator.
        op: type of its operator.
        bytes: bytes by the type that they are stored in, scales included.
    """

    name: str
    op: str
    bytes: Mapping[str, int]


@dataclass(frozen=True)
class LayerError:
    """How far the output of one layer is from the float model's.

    Attributes:
        name: name of its operator.
        op: type of its operator.
        alone: SQNR in dB with this layer alone quantized; None where that was not measured.
        accumulated: SQNR in dB in the variant as it is, with the error of all layers before.
        clipping: SQNR in dB that is left if its numbers are only clipped to the range, not rounded;
            infinite where none lies beyond; None where that was not measured.
    """

    name: str
    op: str
    alone: float | None
    accumulated: float
    clipping: float | None = None


@dataclass(frozen=True)
class WeightRange:
    """How far the channels of one weight differ.

    Attributes:
        name: name of its operator.
        op: type of its operator.
        channels: number of output channels.
        least: smallest of the channels' largest magnitudes.
        median: median of the channels' largest magnitudes.
        largest: largest magnitude of all.
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
        name: name of the value, or of the layer whose weight it is.
        kind: ``activation`` or ``weight``; of a weight, it is its worst output channel.
        sqnr_db: signal to quantization noise ratio of the rounded numbers, in dB.
        clipped: percent of the numbers that lie outside the grid by more than half a step.
        low: left end of the first bin.
        high: right end of the last bin.
        counts: how many numbers lie in each bin; all bins are equally wide.
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
        speedup: float model's time over its own, processor time of one thread; None where size
            counts.
        size_bytes: bytes of the file; None where time counts.
        sqnr_db: signal to quantization noise ratio at the outputs, in dB, on samples that
            calibrated.
        layers: how many layers have the form that loses less: float, or eight bits beside four.
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
        name: names of the layers.
        sqnr_db: signal to quantization noise ratio at the outputs, in dB, with no other layer in
            that form.
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
        speedup: float model's time over its own, processor time of one thread.
        size_bytes: bytes of the file.
        sqnr_db: signal to quantization noise ratio at the outputs, in dB, on samples that
            calibrated.
        holds: whether it does all that was asked for.
        chosen: whether it is the file that was kept.
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
        objective: what counts: ``speed``, ``size`` or ``accuracy``.
        form: form of the layers that are not of eight bits: ``float`` or ``int4``.
        plans: plans that no other one beats, from the cheapest on, and the chosen one.
        layers: what single layers lose, the largest loss first.
        kinds: files of other kinds that were tried.
    """

    objective: str
    form: str
    plans: tuple[FoundPlan, ...]
    layers: tuple[FoundLayer, ...]
    kinds: tuple[FoundKind, ...] = ()
