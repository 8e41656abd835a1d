"""A run that is interrupted while the model runs."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.cli_helpers import command, contents

SLOW = """
import pathlib, time
import numpy as np

class Feeds:
    def __len__(self):
        return 100

    def __getitem__(self, index):
        if index == 3:
            pathlib.Path("started").touch()
            time.sleep(120)
        return {"x": np.ones((1, 3, 8, 8), np.float32)}

feeds = Feeds
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "line",
    ["calibrate model.onnx", "convert model.onnx --dtype int8"],
    ids=["calibrate", "convert"],
)
@pytest.mark.usefixtures("unignored")
def test_an_interrupt_while_calibrating(folder: Path, line: str, sent: signal.Signals) -> None:
    (folder / "slow.py").write_text(SLOW)
    before = contents(folder)
    arguments = command([*line.split(), "--data", "slow.py:feeds", "-o", "output"])
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.send_signal(sent)
        _, err = running.communicate(timeout=30)
    assert err.splitlines()[-1] == "qconv: interrupted"
    assert "Traceback" not in err
    assert running.returncode == 130
    assert contents(folder) == {**before, "started": b""}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
