"""Confidence limits of metrics, beside SciPy and simulations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from qconv.errors import UsageError
from qconv.numerics.metrics import Sqnr
from qconv.reporting.confidence import confidence_limit
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import OutputMetrics, Report
from qconv.reporting.verdicts import verdict_line

OUTPUT = OutputMetrics("logits", 20.0, 0.99, 0.1, 96.0, 0, "classes", 200, 0.5)


def with_output(report: Report, output: OutputMetrics) -> Report:
    return replace(report, variants=(replace(report.variants[0], outputs=(output,)),))


@pytest.mark.parametrize(("right", "rows"), [(192, 200), (200, 200), (0, 7), (3, 1000)])
@pytest.mark.parametrize("level", [90, 97.5])
def test_agreement(full_report: Report, right: int, rows: int, level: float) -> None:
    output = replace(OUTPUT, agreement=100 * right / rows, rows=rows)
    report = with_output(full_report, output)
    both = binomtest(right, rows).proportion_ci(1 - 2 * (1 - level / 100), method="wilson")
    for side, expected in (("low", both.low), ("high", both.high)):
        found = confidence_limit(report, report.variants[0], "agreement", level, side)  # type: ignore[arg-type]
        assert found == pytest.approx(100 * expected, abs=1e-9)


def test_sqnr_over_samples() -> None:
    r = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(300):
        sqnr = Sqnr()
        for _ in range(40):
            signal = r.normal(0, r.uniform(0.5, 2), 30)
            sqnr.update(signal, signal + r.normal(0, 0.1 * r.uniform(0.5, 2), 30))
        found.append(sqnr.result)
        errors.append(sqnr.error or 0)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)


def test_sqnr_that_tells_nothing() -> None:
    sqnr = Sqnr()
    assert sqnr.error is None
    sqnr.update(np.ones(3), np.ones(3))
    sqnr.update(np.ones(3), np.ones(3))
    assert sqnr.error is None
    sqnr.update(np.ones(3), np.full(3, np.nan))
    assert sqnr.error is None
    huge = Sqnr()
    for _ in range(2):
        huge.update(np.full(3, 1e150), np.zeros(3))
    assert huge.error is None or math.isfinite(huge.error)


def test_gates_with_a_confidence(full_report: Report) -> None:
    report = with_output(full_report, OUTPUT)
    for gate, failed in (
        ("agreement < 97 with 95%", False),
        ("agreement < 99 with 95%", True),
        ("sqnr_db < 20.5 with 95%", False),
        ("sqnr_db < 21 with 95%", True),
        ("speedup < 2.05 with 95%", False),
        ("speedup < 2.2 with 95%", True),
        ("speedup > 1.95 with 95%", False),
        ("speedup > 1.8 with 95%", True),
    ):
        [verdict] = judged(report, read_gates([gate])).verdicts
        assert (verdict.failed, verdict.undecided) == (failed, False), gate
    [verdict] = judged(report, read_gates(["agreement < 99 with 95%"])).verdicts
    assert verdict_line(verdict) == (
        "model.int8.onnx FAILS: agreement = 96, with 95% confidence at most 97.7317, "
        "must be at least 99"
    )


def test_what_a_report_does_not_tell(full_report: Report) -> None:
    older = with_output(full_report, replace(OUTPUT, rows=None, sqnr_error=None))
    for metric in ("agreement", "sqnr_db"):
        with pytest.raises(UsageError, match=r"model\.int8\.onnx does not give its confidence"):
            judged(older, read_gates([f"{metric} < 9 with 95%"]))
    exact = with_output(full_report, replace(OUTPUT, sqnr_db=math.inf, sqnr_error=None))
    assert judged(exact, read_gates(["sqnr_db < 9 with 95%"])).exit_code == 0
    with pytest.raises(UsageError, match="asks for a confidence in 'kl'") as caught:
        read_gates(["kl > 1 with 95%"])
    assert str(caught.value.hint).startswith("top1_drop, speedup, agreement and sqnr_db have one")
