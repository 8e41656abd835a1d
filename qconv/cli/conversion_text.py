"""What ``qconv convert`` says of a model that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qconv.cli.terminal import say
from qconv.recipe.spelling import with_flags

if TYPE_CHECKING:
    from qconv.pipeline import Conversion

_SHOWN_REASONS = 5


def print_conversion(conversion: Conversion, words: str) -> None:
    """Print size, how many operators were converted, why others were not, and remarks."""
    from qconv.cli.words import size
    from qconv.placement.plan import count_nodes

    plan = conversion.plan
    say(
        f"{conversion.path}: {size(conversion.size_bytes)}, "
        f"{conversion.size_bytes / conversion.float_bytes:.3f} of the float model's "
        f"{size(conversion.float_bytes)}; {conversion.note}"
    )
    say(f"{len(plan.quantized)} of {len(plan.nodes)} operators {words}")
    for (op, reason), (count, _) in list(count_nodes(plan.kept_float).items())[:_SHOWN_REASONS]:
        say(f"  {count} x {op} in float: {with_flags(reason)}")
    hidden = len(count_nodes(plan.kept_float)) - _SHOWN_REASONS
    if hidden > 0:
        say(f"  and {hidden} more reasons, which qconv inspect lists")
    for remark in conversion.remarks:
        say(f"  {with_flags(str(remark))}")
