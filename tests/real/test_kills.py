"""Conversions that are killed at random moments, more of them than in the other tests."""

import subprocess
import sys

from tests.cli.cli_helpers import ROOT


def test_random_kills() -> None:
    line = [sys.executable, "-m", "tests.cli.kills", "--kills", "20"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
