"""A report with the verdicts of gates, from its numbers alone: nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qconv.errors import InputError, UsageError
from qconv.reporting import syntax
from qconv.reporting.catalog import (
    DISTRIBUTION_METRICS,
    LABEL_METRICS,
    LATENCY_METRICS,
    metric_names,
    metric_values,
)
from qconv.reporting.confidence import confidence_limit, noise
from qconv.reporting.gates import BASELINE, Gate, judge, parse_gate, require
from qconv.reporting.numbers import REPORT_FIELDS, VARIANT_FIELDS, variant_numbers
from qconv.reporting.pairing import Side
from qconv.reporting.report_data import Report, VariantReport

_MOST_VERDICTS = 100_000


def read_gates(
    fail_if: Sequence[str], custom: Sequence[str] = (), *, baseline: bool = False
) -> list[Gate]:
    """Read gates over the metrics of the catalog, metrics of the user's, and paths of numbers.

    Args:
        fail_if: the expressions.
        custom: names of the user's metric functions.
        baseline: whether there is an earlier report to compare with.

    Raises:
        UsageError: a gate is wrong, or compares with a baseline where there is none.
    """
    fields = (*VARIANT_FIELDS, *REPORT_FIELDS)
    gates = [parse_gate(text, metric_names(custom), fields) for text in fail_if]
    for gate in gates:
        if gate.needs_baseline and not baseline:
            raise UsageError(
                f"the gate '{gate.text}' compares with a baseline, but none is given",
                hint="give an earlier report as the baseline",
            )
    return gates


def judged(
    result: Report,
    gates: Sequence[Gate],
    baseline: Report | None = None,
    *,
    undecided_fails: bool = True,
) -> Report:
    """Return the report with its metrics by name, and the verdict of every gate on every variant.

    ``undecided_fails`` says whether a gate fails that the machine was too noisy to decide.

    Raises:
        UsageError: a gate needs a number that the report or the baseline does not have.
    """
    result = _with_metrics(result)
    verdicts = []
    for variant in result.variants:
        values = gate_values(result, variant)
        earlier = _baseline_values(gates, variant, baseline)
        for gate in gates:
            absent = {
                name: _absence(name, variant.name)
                for name in gate.names
                if name not in values and not name.startswith(BASELINE)
            }
            absent |= {
                name: f"the baseline has no such number for {variant.name}"
                for name in gate.names
                if name.startswith(BASELINE) and name not in earlier
            }
            require([gate], absent)
            verdicts.append(
                judge(
                    gate,
                    variant.name,
                    {**values, **earlier, **_limits(result, variant, gate)},
                    noise=noise(variant.latency),
                    undecided_fails=undecided_fails,
                )
            )
    return replace(result, verdicts=tuple(verdicts))


def _absence(name: str, variant: str) -> str:
    """Return why a report does not have a number."""
    if name in LABEL_METRICS:
        return "the report was made without labels, or no output holds classes"
    if name in DISTRIBUTION_METRICS:
        return "no output was known to hold classes; if one does, set `output_kind=NAME=classes`"
    if name in LATENCY_METRICS:
        return "the report was made without latency"
    return f"{variant} has no such number"


def _limits(report: Report, variant: VariantReport, gate: Gate) -> Mapping[str, float]:
    """Return the confidence limits that a gate asks for, by the names that it has for them.

    Raises:
        UsageError: the report does not tell how sure a number is.
    """
    found = {}
    for comparison in syntax.comparisons(gate.expression):
        if comparison.level is not None:
            metric = str(comparison.left)
            side: Side = "low" if comparison.operator.startswith(">") else "high"
            limit = confidence_limit(report, variant, metric, comparison.level, side)
            if limit is None:
                reason = f"{variant.name} does not give its confidence; see `runs`"
                require([gate], {metric: reason})
            else:
                found[comparison.limit] = limit
    return found


def _with_metrics(report: Report) -> Report:
    reference, *variants = (
        replace(model, metrics=metric_values(report, model))
        for model in (report.reference, *report.variants)
    )
    return replace(report, reference=reference, variants=tuple(variants))


def judged_again(
    report: Report,
    fail_if: Sequence[str],
    baseline: Report | None,
    origin: str,
    *,
    undecided_fails: bool = True,
) -> Report:
    """Return a report that was read with the verdicts of other gates, or of its own.

    Args:
        report: what was read.
        fail_if: the gates; none stands for those that the report was made with.
        baseline: an earlier report to compare with.
        origin: where the report was read, for errors.
        undecided_fails: as in :func:`judged`.

    Raises:
        UsageError: there is no gate, one is wrong, or needs a number that is not there.
        InputError: there would be more verdicts than anybody reads.
    """
    own = tuple(dict.fromkeys(verdict.expression for verdict in report.verdicts))
    texts = tuple(fail_if) or own
    if not texts:
        raise UsageError(
            f"{origin}: was made without gates, but none is given",
            hint="give one, for example `fail_if=size_ratio > 0.3`",
        )
    if len(texts) * len(report.variants) > _MOST_VERDICTS:
        raise InputError(
            f"{origin}: {len(texts):,} gates and {len(report.variants):,} variants make more "
            f"than {_MOST_VERDICTS:,} verdicts"
        )
    custom = tuple(report.reference.custom)
    gates = read_gates(texts, custom, baseline=baseline is not None)
    return judged(report, gates, baseline, undecided_fails=undecided_fails)


def gate_values(report: Report, variant: VariantReport) -> dict[str, float]:
    """Return every number that a gate may name: paths of the JSON, and metrics over them."""
    return variant_numbers(report, variant) | metric_values(report, variant)


def _baseline_values(
    gates: Sequence[Gate], variant: VariantReport, baseline: Report | None
) -> Mapping[str, float]:
    """Return the numbers of the same variant in an earlier report.

    It is the one of the same name, or of the same path where names differ.

    Raises:
        UsageError: a gate needs the baseline, which does not have the variant.
    """
    if baseline is None or not any(gate.needs_baseline for gate in gates):
        return {}
    for key in ("name", "path"):
        for earlier in baseline.variants:
            if getattr(earlier, key) == getattr(variant, key):
                values = gate_values(baseline, earlier)
                return {f"{BASELINE}{name}": value for name, value in values.items()}
    known = ", ".join(f"'{earlier.name}'" for earlier in baseline.variants)
    raise UsageError(
        f"the baseline has no variant '{variant.name}'",
        hint=f"it has {known}; give the file the same name",
    )
