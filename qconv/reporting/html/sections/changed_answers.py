"""The samples that a variant answers otherwise than the float model."""

from __future__ import annotations

import re

from qconv.reporting.answers import ChangedAnswer
from qconv.reporting.html.pieces import Part, Sample, Samples, Words
from qconv.reporting.report_data import VariantReport
from qconv.reporting.sentences import counted

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LONGEST = 60_000
"""Letters of a picture; one that is longer is none of a report's own."""


def changed_answers(variant: VariantReport) -> Part:
    """Return the first samples whose answer changed, with both answers."""
    name, title = "changed", "Samples whose answer changed"
    if not variant.changed:
        said = "No answer changed, or the outputs are not answers that can be compared."
        return Part(name, title, (Words(said, "soft"),))
    shown = counted(len(variant.changed), "sample")
    said = f"The first {shown} of the data:" if len(variant.changed) > 1 else "One sample:"
    return Part(
        name, title, (Words(said, "soft"), Samples(tuple(map(_sample, variant.changed)))), wide=True
    )


def _sample(answer: ChangedAnswer) -> Sample:
    picture = answer.picture or ""
    safe = len(picture) <= _LONGEST and _BASE64.fullmatch(picture) is not None
    label = "" if answer.label is None else f"right is class {answer.label}"
    place = answer.sample.replace("\\", "/").rpartition("/")[2]
    return Sample(place, answer.before, answer.after, label, picture if safe else "")
