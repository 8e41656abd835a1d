"""What the operators of a variant compute in: integers or float, and what may overflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qconv.reporting.contents import FloatOperator
from qconv.reporting.html.pieces import Folded, Grid, Listed, Part, Piece, Words
from qconv.reporting.report_data import VariantReport
from qconv.reporting.sentences import counted, coverage_summary, fusion_summary

_MOST_ROWS = 6
"""Rows of a table that is not folded."""
_MOST_REASONS = 4


def run_in_integers(variant: VariantReport) -> Part:
    """Return how many quantized operators run in integers, and which do not."""
    name, title, audit = "fusion", "What runs in integers", variant.fusion
    summary = fusion_summary(variant)
    if audit is None or summary is None:
        said = "Which operators run in integers was not checked."
        return Part(name, title, (Words(said, "soft"),))
    pieces: list[Piece] = [Words(f"{summary}.")]
    if audit.misses:
        pieces.append(Words("Quantized, but computed in float:"))
        pieces += _operators("Quantized operators in float", audit.misses)
    rows = ((op, str(all_), str(integer)) for op, (all_, integer) in audit.by_op.items())
    grid = Grid.of("Integer operators by type", "type, quantized#, in integers#", rows)
    if grid.rows:
        pieces.append(Folded("By type of operator", (grid,)))
    return Part(name, title, tuple(pieces))


def kept_float(variant: VariantReport) -> Part:
    """Return the operators that nothing quantizes, with the reasons."""
    name, title, kept = "float", "What stayed in float", variant.kept_float
    if not kept:
        covered = coverage_summary(variant) is not None
        said = "Every operator is quantized." if covered else "Nothing is quantized."
        return Part(name, title, (Words(said, "soft"),))
    return Part(name, title, tuple(_operators("Operators in float", kept)))


def _operators(label: str, operators: Sequence[FloatOperator]) -> list[Piece]:
    """Return a table of operators; of a long one what it comes to, and the table folded."""
    rows = ((each.node, each.op, each.reason) for each in operators)
    grid = Grid.of(label, "operator, type, reason", rows)
    if len(operators) <= _MOST_ROWS:
        return [grid]
    reasons = Counter(each.reason for each in operators).most_common()
    told = [f"{counted(count, 'operator')}: {reason}" for reason, count in reasons]
    left = len(told) - _MOST_REASONS
    more = [f"{counted(left, 'other reason')}"] if left > 0 else []
    summary = f"{counted(len(operators), 'operator')}, each with its reason"
    return [Listed((*told[:_MOST_REASONS], *more)), Folded(summary, (grid,))]


def saturation(variant: VariantReport) -> Part:
    """Return the layers whose products can saturate on CPUs without VNNI."""
    name, title = "portability", "Other x64 CPUs"
    risky = [each for each in variant.portability if each.risky]
    if not risky:
        said = "No integer layer can saturate on CPUs without VNNI."
        return Part(name, title, (Words(said, "soft"),))
    risky.sort(key=lambda each: -each.risky / each.pairs)
    rows = (
        (
            each.name,
            each.op,
            str(each.pairs),
            str(each.risky),
            f"{100 * each.risky / each.pairs:.3f}",
        )
        for each in risky
    )
    grid = Grid.of("Layers at risk of saturation", "layer, type, pairs#, at risk#, %#", rows)
    layers = counted(len(risky), "layer")
    said = f"{layers} with neighbouring weights whose products can overflow 16 bits without VNNI."
    if len(risky) <= _MOST_ROWS:
        return Part(name, title, (Words(said), grid))
    return Part(name, title, (Words(said), Folded(f"{layers}, the worst first", (grid,))))
