"""What a report says of the time by operator: where it goes, and why a variant is slower."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from qconv.printable import printable
from qconv.reporting.profile_data import Profile
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.report_tables import Column, Table
from qconv.reporting.runs import Latency

OUTSIDE = "outside of operators"
_NAMED = 3
_SHARED = re.compile(
    "^(QLinear|Fused|DynamicQuantize(?!Linear)|Q(?=[A-Z]))|(IntegerToFloat|Integer|NBits)$"
)
"""What the name of a type has more than that of the float operator in its place."""


@dataclass(frozen=True)
class _Cost:
    """What does one thing in a model: the types of operators, and their milliseconds."""

    types: tuple[str, ...]
    ms: float


def time_lines(report: Report) -> Iterator[str]:
    """Yield where the time of each model goes, and why variants are slower, as far as is known."""
    for model in (report.reference, *report.variants):
        if model.profile is not None:
            yield f"{printable(model.name)}: time by operator: {_shares(model.profile)}."
    yield from slower_lines(report)


def slower_lines(report: Report) -> Iterator[str]:
    """Yield what takes most more in each variant that is slower than the float model for sure."""
    for variant in report.variants:
        yield from _slower(report.reference, variant)


def times_table(model: VariantReport) -> Table | None:
    """Return a row for each type of operators, and one for what is outside of them."""
    if (profile := model.profile) is None or profile.unknown:
        return None
    outside = 100 * profile.outside_ms / _total(profile)
    columns = (
        Column("kernels", (*(str(each.kernels) for each in profile.types), "")),
        Column("ms", tuple(f"{ms:.3f}" for ms in (*_times(profile), profile.outside_ms))),
        Column("%", tuple(f"{s:.1f}" for s in (*(each.share for each in profile.types), outside))),
    )
    return Table("type", (*(each.name for each in profile.types), OUTSIDE), (columns,))


def slowest_table(model: VariantReport) -> Table | None:
    """Return a row for each of the slowest operators."""
    if model.profile is None or model.profile.unknown:
        return None
    slowest = model.profile.slowest
    columns = (
        Column("type", tuple(each.op for each in slowest)),
        Column("ms", tuple(f"{each.ms:.3f}" for each in slowest)),
    )
    return Table("slowest operators", tuple(each.name for each in slowest), (columns,))


def _times(profile: Profile) -> tuple[float, ...]:
    return tuple(each.ms for each in profile.types)


def _total(profile: Profile) -> float:
    return sum(_times(profile)) + profile.outside_ms or 1.0


def _shares(profile: Profile) -> str:
    if profile.unknown:
        return f"not known: {printable(profile.unknown)}"
    found = [
        f"{printable(each.name)} {each.share:.0f} % ({_milliseconds(each.ms)})"
        for each in profile.types[:_NAMED]
    ]
    found.append(f"{OUTSIDE} {100 * profile.outside_ms / _total(profile):.0f} %")
    slowest = ", ".join(
        f"'{printable(each.name)}' {_milliseconds(each.ms)}" for each in profile.slowest
    )
    return f"{', '.join(found)}; slowest: {slowest}" if slowest else ", ".join(found)


def _slower(reference: VariantReport, variant: VariantReport) -> Iterator[str]:
    """Name what takes most more than in the float model, where the variant is slower for sure."""
    base, own = reference.profile, variant.profile
    if base is None or own is None or base.unknown or own.unknown:
        return
    if not _is_slower(reference.latency, variant.latency):
        return
    before, after = _costs(base), _costs(own)
    more = {kind: cost.ms - before[kind].ms if kind in before else cost.ms
            for kind, cost in after.items()}  # fmt: skip
    worst = sorted((kind for kind in more if more[kind] > 0), key=lambda kind: -more[kind])[:_NAMED]
    if worst:
        told = "; ".join(_against(after[kind], before.get(kind)) for kind in worst)
        yield f"{printable(variant.name)} is slower than the float model: {told}."


def _is_slower(base: Latency | None, own: Latency | None) -> bool:
    if base is None or own is None:
        return False
    return own.median_ms > base.median_ms and (own.speedup_high is None or own.speedup_high < 1)


def _costs(profile: Profile) -> dict[str, _Cost]:
    """Return the costs by what is done: types that stand for the same float operator together."""
    costs = {OUTSIDE: _Cost((OUTSIDE,), profile.outside_ms)}
    for each in profile.types:
        kind = _SHARED.sub("", each.name).replace("Gemm", "MatMul")
        known = costs.get(kind, _Cost((), 0.0))
        costs[kind] = _Cost((*known.types, each.name), known.ms + each.ms)
    return costs


def _against(own: _Cost, base: _Cost | None) -> str:
    verb = "takes" if len(own.types) == 1 else "take"
    told = f"{_listed(own)} {verb} {_milliseconds(own.ms)}"
    if base is None:
        return f"{told}, which the float model does not have"
    name = "" if base.types == own.types else f"{_listed(base)} "
    return f"{told}, {name}{_milliseconds(base.ms)} in the float model"


def _listed(cost: _Cost) -> str:
    *others, last = map(printable, cost.types)
    return f"{', '.join(others)} and {last}" if others else last


def _milliseconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 1000 else f"{ms:.3g} ms"
