import math

import pytest

from qconv.errors import UsageError
from qconv.reporting.gates import judge, parse_gate, require, verdict_line
from qconv.reporting.report_data import Verdict

KNOWN = ("top1_drop", "size_ratio", "latency_ms", "sqnr_db")


def line(text: str, **values: float) -> str:
    return verdict_line(judge(parse_gate(text, KNOWN), "model.int8.onnx", values))


def test_a_true_expression_fails_the_gate() -> None:
    assert line("top1_drop > 1.0", top1_drop=1.35) == (
        "FAIL  model.int8.onnx: top1_drop > 1.0  (top1_drop = 1.35)"
    )


def test_a_false_expression_is_ok() -> None:
    assert line("top1_drop > 1.0", top1_drop=1.0) == (
        "ok    model.int8.onnx: top1_drop > 1.0  (top1_drop = 1)"
    )


def test_every_metric_of_the_gate_is_shown_once_and_no_other() -> None:
    text = "size_ratio>0.3  and\n(top1_drop > 1 or size_ratio > 1)"
    assert line(text, latency_ms=3, top1_drop=0.1234567, size_ratio=0.25) == (
        "ok    model.int8.onnx: size_ratio>0.3 and (top1_drop > 1 or size_ratio > 1)  "
        "(size_ratio = 0.25, top1_drop = 0.123457)"
    )


def test_six_digits_become_all_where_six_would_tell_another_verdict() -> None:
    assert line("top1_drop > 1.0", top1_drop=1.00000001).endswith("(top1_drop = 1.00000001)")
    assert line("top1_drop > 1.0", top1_drop=1.00001).endswith("(top1_drop = 1.00001)")


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
    assert "top1_drop = nan" in verdict_line(verdict)


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


def test_a_line_can_be_made_of_a_stored_verdict() -> None:
    stored = Verdict("a.onnx", "sqnr_db < 24", True, {"sqnr_db": -math.inf})
    assert verdict_line(stored) == "FAIL  a.onnx: sqnr_db < 24  (sqnr_db = -inf)"
