"""What the data can tell and what not: accuracy drops, and speed-ups on a noisy machine."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.printable import printable
from qconv.reporting import expressions, syntax
from qconv.reporting.pairing import Pairing, samples_to_decide
from qconv.reporting.report_data import Report, VariantReport, Verdict
from qconv.reporting.runs import Latency
from qconv.reporting.sentences import counted

NOISY = 1.2
"""An interval of the speed-up whose ends differ by this factor comes from a noisy machine."""


def drops(report: Report) -> Iterator[str]:
    """Yield, for each variant measured on labels, how sure its drop in top-1 is."""
    for variant in report.variants:
        paired = variant.paired
        if paired is None:
            continue
        drop = 100 * (paired.lost - paired.gained) / paired.samples
        yield (
            f"{printable(variant.name)}: of {counted(paired.samples, 'sample')}, {paired.lost} "
            f"right answers lost and {paired.gained} gained: top-1 drop {drop:.2f} points, "
            f"95 % interval {paired.low:.2f} to {paired.high:.2f}, "
            f"McNemar's test p = {paired.p_value:.2g}."
        )


def undecided(report: Report) -> Iterator[str]:
    """Yield a sentence for each gate that the data can neither confirm nor refute."""
    variants = {variant.name: variant for variant in report.variants}
    for verdict in report.verdicts:
        variant = variants.get(verdict.variant)
        if variant is not None and variant.paired is not None:
            yield from _undecided(verdict, variant.name, variant.paired)


def _undecided(verdict: Verdict, name: str, paired: Pairing) -> Iterator[str]:
    for comparison in syntax.comparisons(expressions.parse(verdict.expression)):
        if comparison.level is None or str(comparison.left) != "top1_drop":
            continue
        level, threshold = comparison.level, syntax.compute(comparison.right, verdict.values)
        low, high = (paired.limit(level, "low"), paired.limit(level, "high"))
        if not low <= threshold <= high:
            continue
        needed = samples_to_decide(paired, threshold, level)
        enough = (
            f"about {needed:,} would be enough if answers change as often"
            if needed is not None
            else "more than ten million would be needed if answers change as often"
        )
        yield (
            f"{printable(name)}: {counted(paired.samples, 'sample')} cannot show with "
            f"{level:g} % confidence if the top-1 drop is above {threshold:g} "
            f"(limits {low:.2f} and {high:.2f}); {enough}."
        )


def speeds(report: Report) -> Iterator[str]:
    """Yield a sentence for each speed-up that was measured: its interval, and what spoils it."""
    for variant in report.variants:
        latency, base = variant.latency, report.reference.latency
        if latency is None or base is None or latency.speedup_low is None:
            continue
        if latency.speedup_high is not None:
            yield _speed(variant, base, latency, latency.speedup_low, latency.speedup_high)


def is_noisy(latency: Latency | None) -> bool:
    """Whether the machine was too noisy to tell how much faster a variant is."""
    if latency is None or latency.speedup_low is None or latency.speedup_high is None:
        return False
    return latency.speedup_high > NOISY * latency.speedup_low


def _speed(variant: VariantReport, base: Latency, own: Latency, low: float, high: float) -> str:
    ratio = base.median_ms / own.median_ms if own.median_ms else float("nan")
    told = (
        f"{printable(variant.name)}: speed-up {ratio:.2f}x, 95 % interval {low:.2f}x to {high:.2f}x"
    )
    if is_noisy(own):
        return (
            f"{told}: the machine was too noisy to tell; repeat on an idle one, or with more --runs"
            "."
        )
    if low <= 1 <= high:
        return f"{told}: no difference in speed was found."
    return f"{told}."
