from dataclasses import replace

import pytest

from qconv.reporting.report_data import Report, VariantReport
from tests.report_cases import FULL, INT8, REFERENCE


@pytest.fixture
def full_report() -> Report:
    """A report in which everything was measured."""
    return FULL


@pytest.fixture
def bare_report(full_report: Report) -> Report:
    """A report without labels, latency, audit and custom metrics, on an embedding."""

    def bare(variant: VariantReport) -> VariantReport:
        outputs = tuple(replace(out, kl=None, agreement=None) for out in variant.outputs)
        return replace(
            variant,
            accuracy=None,
            latency=None,
            fusion=None,
            custom={},
            outputs=outputs,
            paired=None,
            coverage=None,
            portability=(),
            energy=None,
        )

    return replace(
        full_report,
        data=replace(full_report.data, labels=False),
        class_output=None,
        timing=None,
        reference=bare(REFERENCE),
        variants=(bare(INT8),),
    )
