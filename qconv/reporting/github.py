"""What GitHub Actions shows of a command: annotations of failed gates and of other failures.

The commands are those of GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NewType

from qconv.printable import printable
from qconv.reporting.report_data import Report
from qconv.reporting.verdicts import verdict_line

WorkflowCommand = NewType("WorkflowCommand", str)
"""One line that GitHub's runner obeys; it is made here alone."""


def error_commands(report: Report) -> Iterator[WorkflowCommand]:
    """Yield one ``::error`` command, a line, for each gate that failed."""
    for verdict in report.verdicts:
        if verdict.failed:
            yield failure_command(
                f"{verdict.variant}: a gate failed",
                f"{verdict_line(verdict)} (fails if {verdict.expression})",
            )


def failure_command(title: str, message: str) -> WorkflowCommand:
    """Return an ``::error`` command, a line, that says why a command has failed."""
    return WorkflowCommand(f"::error title={_property(title)}::{_escaped(message)}")


def _escaped(text: str) -> str:
    """Escape what would end the command, or begin another: line breaks are ``\\n`` by now."""
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
