"""A decoder has two states for each layer: a terminal shows the outputs that matter."""

import io
from dataclasses import replace

from rich.console import Console

from qconv.reporting.markdown import to_markdown
from qconv.reporting.report_data import OutputMetrics, Report
from qconv.reporting.report_tables import outputs
from qconv.reporting.terminal_view import MOST_OUTPUTS, print_report


def decoder(report: Report, layers: int) -> Report:
    logits = OutputMetrics("logits", 50.0, 1.0, None, None, broken=0, kind="vector")
    states = (
        replace(logits, name=f"present.{n}", sqnr_db=40.0 - n, kind="state") for n in range(layers)
    )
    variant = replace(report.variants[0], name="v.onnx", outputs=(logits, *states))
    return replace(report, variants=(variant,))


def printed(report: Report) -> str:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=200))
    return stream.getvalue()


def test_the_outputs_that_are_no_states_and_the_worst_states_are_shown(full_report: Report) -> None:
    text = printed(decoder(full_report, layers=20))
    shown = [line.split()[1] for line in text.splitlines() if line.startswith("v.onnx: ")]
    shown = [name for name in shown if name == "logits" or name.startswith("present")]
    assert shown == ["logits", *(f"present.{n}" for n in range(13, 20))]
    assert "The table shows 8 of 21 outputs: first those that are not states, then those" in text
    assert "present.0" in to_markdown(decoder(full_report, layers=20))


def test_few_outputs_are_all_shown(full_report: Report) -> None:
    report = decoder(full_report, layers=MOST_OUTPUTS - 1)
    assert outputs(report, MOST_OUTPUTS) == outputs(report)
    assert "The table shows" not in printed(report)
