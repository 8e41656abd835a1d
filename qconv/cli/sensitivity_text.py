"""What ``qconv tune --dry-run`` says of layers."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

from qconv.cli.terminal import say
from qconv.cli.words import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qconv.pipeline.exploring import Effect
    from qconv.pipeline.sensitivity import Sensitivity

_HALF = 50


def print_sensitivities(found: Sequence[Sensitivity], *, small: bool) -> None:
    """Print what each layer loses, the largest loss first, why, and whether one stands out."""
    bits = "in 4 bits, all others in 8" if small else "in 8 bits, all others in float"
    say(f"SQNR of the outputs with one layer {bits}, and the main reason for its loss:")
    for each in found:
        effect = each.effect
        more = (
            f"in 8 bits {size(round(effect.cost))} more"
            if small
            else f"in float {100 * effect.cost:+.1f} % of the float model's time"
        )
        say(f"  {effect.sqnr:5.1f} dB  {named(effect)}: {each.cause}; {more}")
    say(
        "clipped: its input has numbers outside the range. few levels: the steps are too coarse "
        "for its input. weights: the steps are too coarse for its weights."
    )
    _print_worst([each.effect for each in found], small=small)


def named(effect: Effect) -> str:
    """Return the name of a layer, or of the first of some neighbours."""
    first = effect.layers[0]
    return first if len(effect.layers) == 1 else f"{first} and neighbours"


def _print_worst(effects: Sequence[Effect], *, small: bool) -> None:
    """Print whether the worst makes half of the errors, which add up in power."""
    powers = [10 ** (-effect.sqnr / 10) for effect in effects]
    total = sum(powers)
    if not 0 < total < math.inf:
        return
    worst, share = effects[0], round(100 * powers[0] / total)
    if share < _HALF:
        say(f"no layer makes half of these errors: the worst makes {share} %")
        return
    line = f"{named(worst)} makes {share} % of these errors"
    if not small and len(worst.layers) == 1:
        rule = shlex.quote(f"^{re.escape(worst.layers[0])}$=float")
        line += f"; qconv convert --layers {rule} keeps it in float"
    say(line)
