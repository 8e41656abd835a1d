"""Verdicts read forward: what was measured, and what it must be."""

import math

import pytest

from qconv.reporting.gates import judge, parse_gate
from qconv.reporting.report_data import Verdict
from qconv.reporting.verdicts import verdict_line, verdict_told

VALUES = {"drop": 1.35, "ratio": 0.25, "sqnr_db": 30.0, "baseline.size": 4.0, "size": 5.1}
KNOWN = (*VALUES, "size")


def told(text: str, **values: float) -> str:
    return verdict_told(judge(parse_gate(text, KNOWN), "a.onnx", {**VALUES, **values}))


def test_a_line_names_the_variant_and_says_whether_it_holds() -> None:
    gate = parse_gate("drop > 1.0", KNOWN)
    fails, holds = (judge(gate, "a.int8.onnx", {"drop": drop}) for drop in (1.35, 1))
    assert verdict_line(fails) == "a.int8.onnx FAILS: drop = 1.35, limit 1"
    assert verdict_line(holds) == "a.int8.onnx passes: drop = 1, limit 1"


def test_a_stored_verdict_is_told_as_it_is() -> None:
    stored = Verdict("a.onnx", "sqnr_db < 24", True, {"sqnr_db": -math.inf})
    assert verdict_line(stored) == "a.onnx FAILS: sqnr_db = -inf, must be at least 24"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drop > 2", "drop = 1.35, limit 2"),
        ("drop >= 2", "drop = 1.35, must be below 2"),
        ("sqnr_db < 24.5", "sqnr_db = 30, must be at least 24.5"),
        ("sqnr_db <= 24", "sqnr_db = 30, must be above 24"),
        ("drop == 0", "drop = 1.35, must not be 0"),
        ("drop != 0", "drop = 1.35, must be 0"),
        ("not drop <= 2", "drop = 1.35, limit 2"),
        ("not sqnr_db >= 24", "sqnr_db = 30, must be at least 24"),
        ("2 < drop", "drop = 1.35, limit 2"),
        ("24 >= sqnr_db", "sqnr_db = 30, must be above 24"),
        ("2 != drop", "drop = 1.35, must be 2"),
        ("drop > 2 * -1", "drop = 1.35, limit -2"),
        ("size > baseline.size", "size = 5.1, limit baseline.size = 4"),
        (
            "size > baseline.size * 1.02",
            "size = 5.1, limit baseline.size * 1.02 = 4.08 (baseline.size = 4)",
        ),
        (
            "size - baseline.size > 2",
            "size - baseline.size = 1.1 (size = 5.1, baseline.size = 4), limit 2",
        ),
    ],
)
def test_each_comparison(text: str, expected: str) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drop > 2 or ratio > 0.3", "drop = 1.35, limit 2; and ratio = 0.25, limit 0.3"),
        ("drop > 2 and ratio > 0.3", "drop = 1.35, limit 2; or ratio = 0.25, limit 0.3"),
        ("not (drop <= 2 and ratio <= 0.3)", "drop = 1.35, limit 2; and ratio = 0.25, limit 0.3"),
        (
            "ratio>0.3  and\n(drop > 2 or sqnr_db < 9)",
            "ratio = 0.25, limit 0.3; or (drop = 1.35, limit 2; and sqnr_db = 30, must be at "
            "least 9)",
        ),
        ("drop > 2 or drop > 2", "drop = 1.35, limit 2"),
    ],
)
def test_what_must_hold_together_and_what_may(text: str, expected: str) -> None:
    assert told(text) == expected


def test_a_confidence_shows_its_limit() -> None:
    above = Verdict("a", "drop > 0.5 with 95%", False,
                    {"drop": 1.35, "lower limit of drop with 95%": -0.25})  # fmt: skip
    below = Verdict("a", "drop < 0.5 with 90%", False,
                    {"drop": 1.35, "upper limit of drop with 90%": 2})  # fmt: skip
    assert verdict_told(above) == "drop = 1.35, with 95% confidence at least -0.25, limit 0.5"
    assert verdict_told(below) == (
        "drop = 1.35, with 90% confidence at most 2, must be at least 0.5"
    )


def test_six_digits_become_all_where_six_would_tell_another_verdict() -> None:
    assert told("drop > 1.0", drop=1.00000001) == "drop = 1.00000001, limit 1.0"
    assert told("drop > 1.0", drop=1.00001234) == "drop = 1.00001, limit 1"
