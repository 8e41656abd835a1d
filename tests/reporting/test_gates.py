import math

import pytest

from qconv.errors import UsageError
from qconv.reporting.gates import judge, parse_gate, require
from qconv.reporting.verdicts import verdict_told

KNOWN = ("top1_drop", "size_ratio", "latency_ms", "sqnr_db")


@pytest.mark.parametrize(
    "text",
    [
        "top1_drop > 1",
        "top1_drop <= 1",
        "not top1_drop > 1",
        "not top1_drop <= 1",
        "top1_drop == top1_drop",
        "top1_drop != top1_drop",
        "size_ratio > 5 and top1_drop > 1",
        "size_ratio > 5 or top1_drop > 1",
    ],
)
def test_a_metric_that_is_nan_fails_the_gate(text: str) -> None:
    verdict = judge(parse_gate(text, KNOWN), "v", {"top1_drop": math.nan, "size_ratio": 0.1})
    assert verdict.failed
    assert "top1_drop = nan" in verdict_told(verdict)


def test_nan_of_a_metric_that_the_gate_does_not_name_is_no_matter() -> None:
    values = {"top1_drop": math.nan, "size_ratio": 0.1}
    assert not judge(parse_gate("size_ratio > 0.3", KNOWN), "v", values).failed


def test_infinities_compare() -> None:
    gate = parse_gate("sqnr_db < 24", KNOWN)
    assert judge(gate, "v", {"sqnr_db": -math.inf}).failed
    assert not judge(gate, "v", {"sqnr_db": math.inf}).failed


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parse_gate("top1drop > 1", KNOWN)
    assert str(caught.value) == "the gate 'top1drop > 1' names the unknown metric 'top1drop'"
    assert caught.value.hint == "did you mean 'top1_drop'?"


def test_a_metric_like_none_is_answered_with_all() -> None:
    with pytest.raises(UsageError) as caught:
        parse_gate("qqq > 1", KNOWN)
    assert caught.value.hint == "the metrics are top1_drop, size_ratio, latency_ms, sqnr_db"


def test_a_gate_that_says_nothing_of_the_models_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^the gate '1 > 2' names no metric, so it says nothing"):
        parse_gate("1 > 2", KNOWN)


def test_a_gate_over_what_is_not_measured_is_refused_with_the_reason() -> None:
    gates = [parse_gate("size_ratio > 1", KNOWN), parse_gate("top1_drop > 1", KNOWN)]
    with pytest.raises(UsageError) as caught:
        require(gates, {"latency_ms": "no", "top1_drop": "the data has no labels"})
    assert str(caught.value) == (
        "the gate 'top1_drop > 1' needs top1_drop, "
        "which is not measured here: the data has no labels"
    )


def test_gates_over_what_is_measured_pass() -> None:
    require([parse_gate("size_ratio > 1", KNOWN)], {"top1_drop": "the data has no labels"})
