"""What docs/threat-model.md says in numbers: limits, and lowest versions of dependencies."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qconv.data.image_geometry import MOST_PIXELS
from qconv.memory import RATIO, UNPACKED
from qconv.reporting.expressions import MAX_DEPTH, MAX_LENGTH
from qconv.reporting.report_json import LARGEST

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def floors() -> dict[str, str]:
    line = [sys.executable, str(ROOT / "scripts" / "floors.py")]
    printed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    pairs = (pin.split("==") for pin in printed.splitlines())
    found: dict[str, str] = {}
    for name, version in pairs:
        assert found.setdefault(name, version) == version, f"{name} has two lowest versions"
    return found


def test_every_lowest_version_is_told() -> None:
    told = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", TEXT, re.MULTILINE))
    tools = {
        *("pytest", "pytest-cov", "pytest-xdist", "hypothesis", "onnxruntime-extensions"),
        *("hatchling", "jsonschema", "pycocotools", "pyyaml", "rapidfuzz", "scikit-learn"),
    }
    assert told == {name: version for name, version in floors().items() if name not in tools}


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("content of data and records in memory", f"{UNPACKED:,} bytes, or {RATIO} times"),
        ("an image, as it is or resized", f"{MOST_PIXELS:,} pixels"),
        ("a report", f"{LARGEST:,} bytes"),
        ("an expression of a gate", f"{MAX_LENGTH:,} characters, {MAX_DEPTH} levels"),
    ],
)
def test_limits_are_told(what: str, limit: str) -> None:
    assert f"| {what} | {limit}" in TEXT
