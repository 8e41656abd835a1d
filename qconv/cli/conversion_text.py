"""What commands say of a record or a model that was written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qconv.cli.terminal import say
from qconv.recipe.spelling import with_flags

if TYPE_CHECKING:
    from pathlib import Path

    from qconv.calibration.record import Record
    from qconv.evaluation.judge import Judgement, OutputError
    from qconv.pipeline import Conversion

_SHOWN_REASONS = 5
_SHOWN_OUTPUTS = 8
_TOLD_APART_DB = 1.0
_BAD_DB = 15.0
_BAD = (
    f"WARNING: an output has a larger error than usual: at {_BAD_DB:.0f} dB the error is 18 % of "
    "the signal",
    "  qconv report shows if your metric suffers; qconv tune searches for a file that loses less",
)


def print_record(path: Path, record: Record) -> None:
    """Print how many samples a record has seen, and what it knows of them."""
    from qconv.cli.words import counted

    depth = "ranges" if record.depth == "ranges" else "histogram"
    known = [counted(len(record.samples), "sample")]
    known.append(f"{depth} of {counted(len(record.statistics), 'value')}")
    if record.grams:
        known.append(f"second moments of {counted(len(record.grams), 'input')} of layers")
    say(f"{path}: {', '.join(known)}")
    if (doubt := record.doubt) is not None:
        say(f"  {doubt}")


def print_conversion(conversion: Conversion, words: str) -> None:
    """Print size, how many operators were converted, why others were not, and remarks."""
    from qconv.cli.words import size
    from qconv.placement.plan import causes

    plan = conversion.plan
    say(
        f"{conversion.path}: {size(conversion.size_bytes)}, "
        f"{conversion.size_bytes / conversion.float_bytes:.3f} of the float model's "
        f"{size(conversion.float_bytes)}; {conversion.note}"
    )
    say(f"{plan.count} operators {words}")
    found = causes(plan.kept_float)
    for cause in found[:_SHOWN_REASONS]:
        behind = f", and {cause.behind} more after them" if cause.behind else ""
        say(f"  {cause.count} x {cause.op_type} in float{behind}: {with_flags(cause.reason)}")
    hidden = len(found) - _SHOWN_REASONS
    if hidden > 0:
        say(f"  and {hidden} more reasons; qconv inspect lists them")
    if conversion.doubt is not None:
        say(f"  {conversion.doubt}")
    for remark in conversion.remarks:
        say(f"  {with_flags(str(remark))}")
    if conversion.judgement is not None:
        _print_errors(conversion.judgement)


def _print_errors(judgement: Judgement) -> None:
    """Print the error at each output, and what to do where it is large."""
    from qconv.cli.words import counted

    told = [_told(each) for each in judgement.outputs[:_SHOWN_OUTPUTS]]
    hidden = len(judgement.outputs) - _SHOWN_OUTPUTS
    if hidden > 0:
        told.append(counted(hidden, "more output"))
    samples = counted(judgement.samples, "sample")
    say(f"error at the outputs, on {samples}: {'; '.join(told)}")
    if any(each.sqnr < _BAD_DB for each in judgement.outputs):
        for line in _BAD:
            say(line)


def _told(error: OutputError) -> str:
    if error.sqnr == math.inf:
        return f"{error.output} no error"
    text = f"{error.output} {error.sqnr:.1f} dB"
    if abs(error.by_feature - error.sqnr) < _TOLD_APART_DB:
        return text
    return f"{text}, and {error.by_feature:.1f} dB as the median over features"
