"""The bottom line: what a variant gains and costs, in a sentence that needs no glossary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from qconv.printable import printable
from qconv.reporting import sentences
from qconv.reporting.catalog import TASK_METRICS, metric_values
from qconv.reporting.distances import worst_first
from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.significance import is_noisy
from qconv.reporting.verdicts import verdict_word

_SAME = 1.005
"""Sizes and times whose ratio is nearer to 1 are told as equal."""

_TASKS: Mapping[str, str] = {
    "boxes": "finds the same boxes to {boxes_f1:.1f} % (F1)",
    "ctc": "reads {ctc_same:.1f} % of the texts as the float model does",
    "similarity": "ranks similar samples as the float model does to {similarity:.4f} (1 is equal)",
    "map": "gives {map_agreement:.1f} % of the points the same class",
    "perplexity": "has {perplexity_ratio:.4g} times the float model's perplexity",
}
"""What is lost, by what the model is for."""


@dataclass(frozen=True)
class BottomLine:
    """What a variant comes to.

    Attributes:
        variant: its name.
        told: what it gains and costs, the rest of a sentence that begins with its name.
        gates: what its gates say, a sentence; None without gates.
        word: the worst of its verdicts; None without gates.
    """

    variant: str
    told: str
    gates: str | None
    word: str | None

    def __str__(self) -> str:
        line = f"{printable(self.variant)} {self.told}"
        return line if self.gates is None else f"{line} {self.gates}"


def bottom_lines(report: Report) -> Iterator[BottomLine]:
    """Yield for each variant ``is 3.9x smaller and 2.4x faster, and keeps 99.2 % of the answers.``.

    A difference in speed is told only where its confidence interval does not hold 1. What is lost
    is what the task measures, else the drop in top-1 with labels, else how many answers changed,
    else how far the outputs are off: an SQNR of S dB is a noise of ``10 ** (-S / 20)`` times the
    signal, as root mean squares.
    """
    for variant in report.variants:
        values = metric_values(report, variant)
        own = tuple(each for each in report.verdicts if each.variant == variant.name)
        gates = sentences.gate_summary(replace(report, verdicts=own))
        yield BottomLine(
            variant.name,
            _told(_gain(variant, values), _loss(report, variant, values)),
            None if gates is None else f"{gates[0].upper()}{gates[1:]}.",
            verdict_word(worst_first(own)[0]) if own else None,
        )


def _told(gain: str | None, loss: str | None) -> str:
    said = ", and ".join(part for part in (gain, loss) if part is not None)
    return f"{said or 'was not measured'}."


def _gain(variant: VariantReport, values: Mapping[str, float]) -> str | None:
    """Return ``is 3.9x smaller but 1.2x slower``."""
    ratio = values["size_ratio"]
    if not math.isfinite(ratio) or ratio <= 0:
        return None
    size = _compared(1 / ratio, "smaller", "larger", "as large as the float model")
    speedup = values.get("speedup", math.nan)
    if not math.isfinite(speedup) or speedup <= 0:
        return f"is {size}"
    low, high = values.get("speedup_low"), values.get("speedup_high")
    if low is None or high is None:
        speed = f"about {_compared(speedup, 'faster', 'slower', 'as fast')}"
    elif low <= 1 <= high:
        return f"is {size} without a measured difference in speed"
    elif is_noisy(variant.latency):
        near, far = (low, high) if low > 1 else (1 / high, 1 / low)
        speed = f"{_times(near)} to {_times(far)} {'faster' if low > 1 else 'slower'}"
    else:
        speed = _compared(speedup, "faster", "slower", "as fast")
    opposed = _direction(1 / ratio) * _direction(speedup) < 0
    return f"is {size} {'but' if opposed else 'and'} {speed}"


def _compared(factor: float, better: str, worse: str, same: str) -> str:
    """Return ``3.9x smaller``; a factor above 1 is better."""
    words = {1: better, -1: worse}
    direction = _direction(factor)
    return f"{_times(factor**direction)} {words[direction]}" if direction else same


def _direction(factor: float) -> int:
    """Return 1 for better, -1 for worse, 0 for what is told as equal."""
    if max(factor, 1 / factor) < _SAME:
        return 0
    return 1 if factor > 1 else -1


def _times(factor: float) -> str:
    """Two digits or three."""
    decimals = 2 if factor < 1.095 else 1 if factor < 9.95 else 0
    return f"{factor:.{decimals}f}x"


def _loss(report: Report, variant: VariantReport, values: Mapping[str, float]) -> str | None:
    """Return ``keeps 99.2 % of the answers``."""
    if broken := max((out.broken for out in variant.outputs), default=0):
        samples = sentences.counted(report.data.samples, "sample")
        return f"gives NaN or Inf on {broken} of {samples}"
    if (told := _TASKS.get(report.task or "")) and TASK_METRICS[str(report.task)][0] in values:
        return told.format_map(values)
    if "top1_drop" in values:
        return _accuracy(values["top1"], values["top1_drop"], variant.paired)
    if "agreement" in values:
        return _agreement(values["agreement"])
    return _noise(values["sqnr_db"]) if "sqnr_db" in values else None


def _accuracy(top1: float, drop: float, paired: Pairing | None) -> str:
    drop = round(drop, 9)  # what is left of a subtraction, such as 1.3499999999999943
    decimals = 1 if round(drop, 1) else 2
    if not round(drop, decimals):
        return f"is right as often as the float model ({top1:.1f} %)"
    change = f"{'loses' if drop > 0 else 'gains'} {abs(drop):.{decimals}f} points of accuracy"
    rates = f"({top1:.{decimals}f} % right instead of {top1 + drop:.{decimals}f} %)"
    chance = paired is not None and paired.low <= 0 <= paired.high
    return f"{change} {rates}{', which may be chance' if chance else ''}"


def _agreement(share: float) -> str:
    if share == 100:
        return "keeps all answers"
    return f"keeps {'99.9' if 99.9 < share < 100 else f'{share:.1f}'} % of the answers"


def _noise(sqnr_db: float) -> str:
    if sqnr_db == math.inf:
        return "its outputs are those of the float model"
    if not math.isfinite(sqnr_db):
        return "its outputs are broken"
    percent = 100 * 10 ** (-sqnr_db / 20)
    if percent < 0.001:
        return "its outputs differ from the float model's by less than 0.001 %"
    shown = f"{percent:.2g}" if percent < 9.95 else f"{percent:.0f}"
    return f"its outputs differ from the float model's by {shown} %"
