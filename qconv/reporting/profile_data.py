"""Where the time of an inference goes, by operator. Times are milliseconds of one inference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TypeTime:
    """All operators of one type.

    Attributes:
        name: the type.
        kernels: how often their kernels ran in an inference.
        ms: their time in one inference, in milliseconds.
        share: of the latency, in percent.
    """

    name: str
    kernels: int
    ms: float
    share: float


@dataclass(frozen=True)
class OperatorTime:
    """One operator.

    Attributes:
        name: what the runtime calls it.
        op: its type.
        ms: its time in one inference, in milliseconds.
    """

    name: str
    op: str
    ms: float


@dataclass(frozen=True)
class Profile:
    """Where the time of one model goes; all of it together is the median latency.

    Attributes:
        types: the slowest first.
        slowest: the single operators that take most time.
        outside_ms: milliseconds of no operator: feeds that go in, results that come out.
        runs: inferences that it is taken of.
        plain_ms: one of these inferences without the profile.
        profiled_ms: the same with the profile, which adds to each operator. That is taken off.
        seen_ms: all operators together as the profile has them, before anything is taken off.
        unknown: why there is no profile; empty where there is one.
    """

    types: tuple[TypeTime, ...] = ()
    slowest: tuple[OperatorTime, ...] = ()
    outside_ms: float = 0.0
    runs: int = 0
    plain_ms: float = 0.0
    profiled_ms: float = 0.0
    seen_ms: float = 0.0
    unknown: str = ""
