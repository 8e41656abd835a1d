"""How far verdicts are from their limits."""

from __future__ import annotations

import math

import pytest

from qconv.reporting.distances import distance, worst_first
from qconv.reporting.gates import judge, parse_gate
from qconv.reporting.pairing import Pairing

VALUES = {
    "top1": 86.4,
    "top1_drop": 1.35,
    "size_ratio": 0.25,
    "size_bytes": 5_100_000.0,
    "sqnr_db": 30.0,
    "latency_ms": 7.0,
    "speedup": 2.0,
    "own": 3.0,
    "size_mb": 5.1,
    "baseline.size_mb": 4.0,
}


def told(text: str, **values: float) -> str:
    gate = parse_gate(text, tuple(VALUES))
    return distance(judge(gate, "a.onnx", {**VALUES, **values}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("top1_drop > 1", "0.35 points over the limit 1"),
        ("top1_drop > 2", "0.65 points under the limit 2"),
        ("top1_drop > 0.35", "1 point over the limit 0.35"),
        ("top1 < 90", "3.6 points under the limit 90"),
        ("size_ratio > 0.2", "0.05 over the limit 0.2"),
        ("size_bytes >= 5e6", "100,000 bytes over the limit 5e+06"),
        ("latency_ms > 10", "3 ms under the limit 10"),
        ("sqnr_db < 24.5", "5.5 dB over the limit 24.5"),
        ("2 < top1_drop", "0.65 points under the limit 2"),
        ("own > 3", "at the limit 3"),
        ("own >= 3", "at the limit 3"),
        ("own - 1 > 1", "1 over the limit 1"),
        ("own > baseline.size_mb", "1 under the limit 4"),
        ("own == 3", ""),
        ("own != 3", ""),
        ("not own <= 2", "1 over the limit 2"),
    ],
)
def test_one_comparison(text: str, expected: str) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("own > 2 or speedup < 1", "1 over the limit 2"),
        ("own > 2 or speedup < 3", "1 over the limit 2; 1 under the limit 3"),
        ("own > 2 and speedup < 1", "1 over the limit 1"),
        ("own > 2 and own > 2", "1 over the limit 2"),
        ("not (own > 2 and speedup < 1)", "1 over the limit 1"),
    ],
)
def test_of_several_those_that_decide(text: str, expected: str) -> None:
    assert told(text) == expected


def test_numbers_without_a_distance() -> None:
    assert told("own > 2", own=math.nan) == "not a number"
    assert told("sqnr_db < 20", sqnr_db=math.inf) == "over the limit 20"


def test_a_confidence_limit_takes_the_place_of_the_drop() -> None:
    low = Pairing.of(400, 40, 4).limit(95, "low")
    gate = parse_gate("top1_drop > 0 with 95%", tuple(VALUES))
    limits = {"lower limit of top1_drop with 95%": low}
    verdict = judge(gate, "a.onnx", {**VALUES, **limits})
    assert distance(verdict) == f"{low:.3g} points over the limit 0"


def test_failures_come_first_and_else_nothing_moves() -> None:
    gates = [parse_gate(text, tuple(VALUES)) for text in ("own > 5", "own > 1", "own > 4")]
    verdicts = worst_first(judge(gate, "a.onnx", VALUES) for gate in gates)
    assert [verdict.expression for verdict in verdicts] == ["own > 1", "own > 5", "own > 4"]
