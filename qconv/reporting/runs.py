"""How models were run for a report: how long it took, and in which type where that is simulated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Time of one inference.

    Attributes:
        median_ms: median, in milliseconds.
        p90_ms: what nine of ten inferences do not exceed, in milliseconds.
        speedup_low: lower 95 % limit of the float model's median over this one; None for itself.
        speedup_high: upper 95 % limit of the float model's median over this one; None for itself.
        median_low: lower 95 % limit of the median, in milliseconds; None with fewer than ten runs.
        median_high: upper 95 % limit of the median, in milliseconds; None as for ``median_low``.
        p90_low: lower 95 % limit of ``p90_ms``, in milliseconds; None as for ``median_low``.
        p90_high: upper 95 % limit of ``p90_ms``, in milliseconds; None as for ``median_low``.
    """

    median_ms: float
    p90_ms: float
    speedup_low: float | None = None
    speedup_high: float | None = None
    median_low: float | None = None
    median_high: float | None = None
    p90_low: float | None = None
    p90_high: float | None = None


@dataclass(frozen=True)
class Timing:
    """How latency was measured.

    Attributes:
        threads: threads of each inference; None where the runtime chose.
        batch: length of the first axis of the timed feeds.
        runs: number of timed inferences of each model.
        warmup: number of inferences of each model before them.
        provider: execution provider of the runtime.
    """

    threads: int | None
    batch: int
    runs: int
    warmup: int
    provider: str = "CPUExecutionProvider"


@dataclass(frozen=True)
class Overflow:
    """The first value, in graph order, that is too large for the type.

    Attributes:
        value: name of the value.
        magnitude: largest absolute number in it.
        sample: where the sample comes from on which it was found.
    """

    value: str
    magnitude: float
    sample: str


@dataclass(frozen=True)
class Simulation:
    """How a variant was run that computes in a type which the runtime here does not round to.

    Attributes:
        dtype: the type that each value was rounded to explicitly.
        watched: number of samples that were searched for values that overflow it.
        overflow: first value that does; None where there is none.
    """

    dtype: str
    watched: int
    overflow: Overflow | None
