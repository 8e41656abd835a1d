"""Standard streams that nobody reads, or that are closed from the start."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qconv.reporting.report_json import to_json
from tests.cli.cli_helpers import command
from tests.cli.test_interrupts import SLOW, wait_for
from tests.cli.test_process import CALIBRATE
from tests.report_cases import FULL

GATE = "gate report.json --json - --fail-if"
BUG = "import qconv.cli.main as m; m.cli.main = lambda *_, **__: 1 / 0; "
BUG += "from qconv.cli.process import main; main()"


@pytest.fixture(autouse=True)
def report(folder: Path) -> None:
    (folder / "report.json").write_text(to_json(FULL))


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


CASES = [
    (command(["inspect", "no.onnx"]), 3),
    (command(["inspect"]), 2),
    (command([*GATE.split(), "kl > 1"]), 0),
    (command([*GATE.split(), "kl > 0.001"]), 1),
    (command(["calibrate", "model.onnx", "--data", "ending.py:feeds", "-o", "o"]), 4),
    ([sys.executable, "-c", BUG], 70),
]


@pytest.fixture
def ending(folder: Path) -> None:
    (folder / "ending.py").write_text("import os\n\ndef feeds():\n    os._exit(1)\n")


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize(("line", "code"), CASES)
def test_nobody_reads_what_is_told(unread: int, line: list[str], code: int) -> None:
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=unread, check=False)
    assert done.returncode == code


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize(("line", "code"), CASES)
def test_what_is_told_does_not_go_to_standard_output(line: list[str], code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(line)} 2>&-"], stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == code
    assert json.loads(done.stdout or "{}").keys() <= json.loads(to_json(FULL)).keys()


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "0<&- 1>&- 2>&-"])
def test_the_work_is_done_where_streams_are_closed(folder: Path, closed: str) -> None:
    line = shlex.join(command(["calibrate", "model.onnx", "--data", "data.npz", "-o", "r.qcal"]))
    done = subprocess.run(["sh", "-c", f"{line} {closed}"], capture_output=True, check=False)
    assert done.returncode == 0
    assert (folder / "r.qcal").read_bytes() == (folder / "full.qcal").read_bytes()


@pytest.mark.usefixtures("unignored")
def test_an_interrupt_that_ends_the_reader_too(folder: Path, unread: int) -> None:
    (folder / "slow.py").write_text(SLOW)
    with subprocess.Popen(command(CALIBRATE), stdout=unread, stderr=unread) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.send_signal(signal.SIGINT)
    assert running.returncode == 130
