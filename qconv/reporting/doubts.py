"""What makes a report doubtful: models that are swapped or do not belong together, few samples."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.printable import printable
from qconv.reporting.report_data import Report
from qconv.reporting.sentences import counted

_FLOAT_MODEL, _DTYPE = "qconv.float_model", "qconv.dtype"
_FEW = 32


def doubts(report: Report) -> Iterator[str]:
    """Yield a sentence for each reason to doubt what a report says."""
    reference = report.reference
    name = printable(reference.name)
    made_of = reference.origin.get(_FLOAT_MODEL)
    for variant in report.variants:
        own, source = printable(variant.name), variant.origin.get(_FLOAT_MODEL)
        if made_of is not None and made_of == variant.sha256:
            yield (
                f"{name} is taken as the float model, but was made from {own}: are the two swapped?"
            )
        elif source is not None and reference.sha256 and source != reference.sha256:
            yield f"{own} was made from another float model than {name}."
    if reference.origin.get(_DTYPE, "fp32") != "fp32":
        yield (
            f"{name} is taken as the float model, but qconv wrote it as a variant of another model."
        )
    if report.data.calibrated:
        yield (
            f"{report.data.calibrated} of {counted(report.data.samples, 'sample')} also used for "
            "calibration, so errors look smaller than they are."
        )
    if report.data.samples < _FEW:
        yield f"With fewer than {_FEW} samples, other samples may give quite different numbers."
