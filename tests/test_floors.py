"""The lowest versions of dependencies: what is documented, and what pip is asked for."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def floors() -> dict[str, str]:
    line = [sys.executable, str(ROOT / "scripts" / "floors.py")]
    printed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    pairs = (pin.split("==") for pin in printed.splitlines())
    found: dict[str, str] = {}
    for name, version in pairs:
        assert found.setdefault(name, version) == version, f"{name} has two lowest versions"
    return found


def test_the_threat_model_names_every_lowest_version() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", text, re.MULTILINE))
    tools = {"pytest", "hypothesis", "onnxruntime-extensions"}
    assert told == {name: version for name, version in floors().items() if name not in tools}
