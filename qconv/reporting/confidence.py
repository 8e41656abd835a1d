"""How sure the numbers of a report are: confidence limits, and what noise leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from qconv.reporting.pairing import Side
from qconv.reporting.report_data import OutputMetrics, Report, VariantReport
from qconv.reporting.runs import Latency

CONFIDENT = ("top1_drop", "speedup", "agreement", "sqnr_db")
"""The metrics that ``with 95%`` can be said of."""
BEYOND_DOUBT = 99.999
"""Percent of confidence between which and its opposite a gate on time is undecided."""
_STORED = 97.5
"""Percent of the one-sided limits that a report holds."""

Interval = tuple[float, float]


def confidence_limit(
    report: Report, variant: VariantReport, metric: str, level: float, side: Side
) -> float | None:
    """Return the one-sided confidence limit of a metric; None where the report cannot tell.

    - ``top1_drop``: see :func:`qconv.reporting.pairing.drop_limit`.
    - ``agreement``: the score interval of E. B. Wilson, "Probable inference", Journal of the
      American Statistical Association 22 (1927), 209-212, over the rows that were compared.
    - ``sqnr_db``: by the standard error over the samples.
    - ``speedup``: by its bootstrap interval, whose logarithm counts as normal.

    Args:
        report: the report.
        variant: one of its variants.
        metric: one of :data:`CONFIDENT`.
        level: in percent.
        side: which limit.
    """
    match metric:
        case "top1_drop":
            return None if variant.paired is None else variant.paired.limit(level, side)
        case "agreement":
            return _agreement_limit(report, variant, level, side)
        case "sqnr_db":
            return _sqnr_limit(variant, level, side)
        case _:
            latency = variant.latency
            if latency is None or latency.speedup_low is None or latency.speedup_high is None:
                return None
            return _widened((latency.speedup_low, latency.speedup_high), level)[side == "high"]


def noise(latency: Latency | None) -> Mapping[str, Interval]:
    """Return between which numbers each metric of time lies beyond doubt.

    Empty where nothing was timed, or too few rounds were.
    """
    if latency is None:
        return {}
    stored = {
        "latency_ms": (latency.median_low, latency.median_high),
        "latency_p90_ms": (latency.p90_low, latency.p90_high),
        "speedup": (latency.speedup_low, latency.speedup_high),
    }
    return {
        name: _widened((low, high), BEYOND_DOUBT)
        for name, (low, high) in stored.items()
        if low is not None and high is not None
    }


def _widened(stored: Interval, level: float) -> Interval:
    """Return the limits with another level of an interval of a positive number."""
    low, high = stored
    if not 0 < low <= high < math.inf:
        return stored
    middle, half = (math.log(low) + math.log(high)) / 2, (math.log(high) - math.log(low)) / 2
    half *= _quantile(level) / _quantile(_STORED)
    return math.exp(middle - half), math.exp(middle + half)


def _agreement_limit(
    report: Report, variant: VariantReport, level: float, side: Side
) -> float | None:
    told = [out for out in variant.outputs if out.agreement is not None and out.rows]
    named = [out for out in told if out.name == report.class_output]
    worst = min(named or told, key=lambda out: out.agreement or 0, default=None)
    if worst is None or worst.agreement is None or not worst.rows:
        return None
    share, z = worst.agreement / 100, _quantile(level) * (1 if side == "high" else -1)
    rows = worst.rows
    centre = share + z * z / (2 * rows)
    spread = z * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return 100 * (centre + spread) / (1 + z * z / rows)


def _sqnr_limit(variant: VariantReport, level: float, side: Side) -> float | None:
    worst: OutputMetrics | None = min(variant.outputs, key=lambda out: out.sqnr_db, default=None)
    if worst is None or any(math.isnan(out.sqnr_db) for out in variant.outputs):
        return None
    if math.isinf(worst.sqnr_db):
        return worst.sqnr_db
    if worst.sqnr_error is None:
        return None
    return worst.sqnr_db + _quantile(level) * worst.sqnr_error * (1 if side == "high" else -1)


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(level / 100)
