"""Reports in JSON that are changed, and every view of them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tests.fuzz import gates, json_values
from tests.fuzz.case import INPUTS, OUTPUTS

_REPORT = f"{INPUTS}/report.json"
_BASELINE = f"{INPUTS}/baseline.json"


def make(random: Random, folder: Path, reports: list[bytes]) -> tuple[list[str], list[str]]:
    """Write a changed report; return the command that reads it, and what it may write."""
    (folder / _REPORT).write_bytes(json_values.changed(random, json.loads(random.choice(reports))))
    arguments, outputs = ["gate", _REPORT], []
    if random.random() < 0.3:
        (folder / _BASELINE).write_bytes(
            json_values.changed(random, json.loads(random.choice(reports)))
        )
        arguments += ["--baseline", _BASELINE]
    for _ in range(random.choice((0, 1, 2))):
        arguments += ["--fail-if", gates.expression(random).replace("\0", "")]
    for view, share in (("markdown", 0.3), ("junit", 0.3), ("json", 0.3), ("html", 0.05)):
        if random.random() < share:
            outputs.append(f"{OUTPUTS}/report.{view}")
            arguments += [f"--{view}", outputs[-1]]
    return arguments, outputs


def sound() -> list[bytes]:
    """Return reports as ``qconv report --json`` writes them."""
    from dataclasses import replace

    from qconv.reporting.report_json import to_json
    from tests.report_cases import DETAILED, FULL, INT8, SEARCH

    several = replace(FULL, variants=(INT8, replace(DETAILED, name="other.onnx")))
    found = replace(FULL, search=SEARCH)
    return [to_json(report).encode() for report in (FULL, several, found)]
