"""What a report says in words: how it was measured, what is broken, what stays in float."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.printable import printable
from qconv.reporting.contents import FusionAudit
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.runs import Timing

_NAMED_NODES = 3
_LOW_DB = 30.0
_HALF_DB = 3.0


def counted(count: int, noun: str) -> str:
    """Return ``1 run`` or ``50 runs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def conditions(report: Report) -> Iterator[str]:
    """Yield the sentences that say on what, and how, the numbers were measured."""
    labels = "with labels" if report.data.labels else "without labels"
    yield f"Data: {counted(report.data.samples, 'sample')} {labels}."
    if len(report.variants[0].outputs) > 1:
        if report.class_output is not None:
            name = printable(report.class_output)
            yield f"Accuracy and agreement are those of the output '{name}', SQNR is the worst."
        else:
            yield "With several outputs, the worst counts."
    kinds = {output.kind for output in report.variants[0].outputs}
    if "vector" in kinds and "classes" not in kinds and report.task is None:
        yield (
            "No output is known to hold classes, so no answers are compared. Use the option "
            "output-kind to name one, or task for models with other results."
        )
    if (timing := report.timing) is not None:
        threads = "all threads" if timing.threads is None else counted(timing.threads, "thread")
        yield (
            f"Latency: batch {timing.batch}, {threads}, {counted(timing.runs, 'run')} "
            f"of each model in turns{_provider(timing)}; {report.runtime}, {printable(report.cpu)}."
        )


def terms(report: Report) -> Iterator[str]:
    """Yield what the words in the tables mean, as far as they stand there."""
    outputs = [output for variant in report.variants for output in variant.outputs]
    if outputs:
        yield (
            "SQNR: the signal over the error, in dB; at 20 dB the error is 10 % of the signal, at "
            "40 dB 1 %."
        )
    if any(output.kl is not None for output in outputs):
        yield "KL: how far probabilities are from the float model's, in nats; 0 is equal."
    if any(variant.paired is not None for variant in report.variants):
        yield "McNemar's p: the probability of such a drop, or more, by chance."


def _provider(timing: Timing) -> str:
    return "" if timing.provider == "CPUExecutionProvider" else f" on {timing.provider}"


def faults(report: Report) -> Iterator[str]:
    """Yield a sentence for each output that is broken."""
    for variant in report.variants:
        for output in variant.outputs:
            if output.broken:
                yield (
                    f"{printable(variant.name)}: the output '{printable(output.name)}' has NaN or "
                    f"Inf where the float model's does not (or vice versa) in {output.broken} of "
                    f"{counted(report.data.samples, 'sample')}."
                )


def simulations(report: Report) -> Iterator[str]:
    """Yield what is simulated, and where a simulated variant overflows."""
    for variant in report.variants:
        if (simulation := variant.simulation) is None:
            continue
        name, dtype = printable(variant.name), simulation.dtype
        yield (
            f"{name}: accuracy is simulated, with each value rounded to {dtype} as on hardware "
            "with that type; the runtime here does not do so."
        )
        if (overflow := simulation.overflow) is not None:
            yield (
                f"{name}: overflows {dtype} first at '{printable(overflow.value)}', which reaches "
                f"{overflow.magnitude:.4g} on {printable(overflow.sample)}."
            )
        else:
            watched = counted(simulation.watched, "sample")
            yield f"{name}: no value overflows {dtype} on the first {watched}."


def coverage_summary(variant: VariantReport) -> str | None:
    """Return how much of a variant is quantized, None where nothing is or it was not looked at."""
    coverage = variant.coverage
    if coverage is None or not (coverage.ops or coverage.bytes or coverage.macs):
        return None
    shares = [f"{coverage.ops:.1f} % of operators"]
    if coverage.macs is not None:
        shares.append(f"{coverage.macs:.1f} % of multiplications")
    told = f"{', '.join(shares)} and {coverage.bytes:.1f} % of weights"
    return f"{printable(variant.name)}: {told} are quantized."


def portability(report: Report) -> Iterator[str]:
    """Yield a sentence for each variant that gives other numbers on other x64 CPUs."""
    here = None if report.vnni is None else ("has" if report.vnni else "lacks")
    for variant in report.variants:
        risky = [layer for layer in variant.portability if layer.risky]
        if not risky:
            continue
        worst = max(risky, key=lambda layer: layer.risky / layer.pairs)
        share = 100 * worst.risky / worst.pairs
        yield (
            f"{printable(variant.name)}: {len(risky)} of {len(variant.portability)} integer layers "
            "have neighbouring weights whose products can saturate on x64 CPUs without VNNI, at "
            f"most {share:.2g} % of the pairs ('{printable(worst.name)}'), so its results there "
            "can differ from those with VNNI"
            f"{f', which this CPU {here}' if here else ''}."
        )


def clipped(report: Report) -> Iterator[str]:
    """Yield for each variant the value that clipping costs most, where that is most of its error.

    It is told where the value is below 30 dB, and clipping makes half of its error.
    """
    for variant in report.variants:
        found = [
            (error.clipping, error)
            for error in variant.layers
            if error.alone is not None and error.clipping is not None
            if error.alone < _LOW_DB and error.clipping < error.alone + _HALF_DB
        ]
        if not found:
            continue
        clipping, worst = min(found, key=lambda each: each[0])
        kind = "the input" if worst.op == "input" else f"the output of {printable(worst.op)}"
        more = f" So do {len(found) - 1} more." if len(found) > 1 else ""
        yield (
            f"{printable(variant.name)}: the range of {kind} '{printable(worst.name)}' clips large "
            f"numbers, which alone leaves it {clipping:.1f} dB.{more}"
        )


def fusion_summary(variant: VariantReport) -> str | None:
    """Return how many quantized operators run in integers, None where it was not looked at."""
    audit = variant.fusion
    if audit is None:
        return None
    if not audit.quantized:
        return f"{printable(variant.name)}: no quantized operators"
    counts = ", ".join(
        f"{printable(op)} {integer}/{quantized}"
        for op, (quantized, integer) in sorted(audit.by_op.items())
    )
    return (
        f"{printable(variant.name)}: {audit.integer} of {audit.quantized} quantized operators "
        f"run in integers ({counts})"
    )


def fusion_misses(audit: FusionAudit) -> Iterator[str]:
    """Yield one line for each operator type and reason, the most frequent first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for miss in audit.misses:
        groups.setdefault((miss.op, miss.reason), []).append(miss.node)
    for (op, reason), nodes in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        named = ", ".join(f"'{printable(node)}'" for node in nodes[:_NAMED_NODES] if node)
        more = ", ..." if named and len(nodes) > _NAMED_NODES else ""
        where = f" ({named}{more})" if named else ""
        yield f"{len(nodes)} {printable(op)}{where}: {printable(reason)}"


def gate_summary(report: Report) -> str | None:
    """Return how many gates failed, None where there are none."""
    total, failed = len(report.verdicts), sum(verdict.failed for verdict in report.verdicts)
    if not total:
        return None
    undecided = sum(verdict.undecided for verdict in report.verdicts)
    failed -= sum(verdict.undecided and verdict.failed for verdict in report.verdicts)
    if not failed and not undecided:
        return "the gate passes" if total == 1 else f"all {total} gates pass"
    parts = [f"{failed} of {counted(total, 'gate')} failed"] if failed or not undecided else []
    if undecided:
        more = f"{undecided} {'is' if undecided == 1 else 'are'} undecided"
        parts.append(more if parts else f"{undecided} of {counted(total, 'gate')} undecided")
    return ", ".join(parts)
