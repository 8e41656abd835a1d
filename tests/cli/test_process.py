"""The command as two processes: crashes, kills, signals to either."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.cli_helpers import ROOT, Said, command, contents, process, save_text
from tests.cli.test_interrupts import SLOW, wait_for

CRASHER = """(float[N,8] x) => (float[N,8] y) <float[8] s, float[8,8] w> {
  m = MatMul(x, w) y = LayerNormalization(m, s, "")
}"""
DYING = """
import os
import resource

def feeds():
    os.kill(os.getpid(), {number})
    yield {{}}
"""
FEEDS = """
import numpy as np

def feeds():
    yield {"x": np.ones((1, 3, 8, 8), np.float32)}
"""
CRASHED = "qconv: error: ONNX Runtime, or native code that a script runs, crashed"
CALIBRATE = ["calibrate", "model.onnx", "--data", "slow.py:feeds", "-o", "output"]


@pytest.mark.usefixtures("unignored")
@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGSEGV, 4, f"{CRASHED} (SIGSEGV)"),
        (
            signal.SIGKILL,
            5,
            "qconv: error: killed (SIGKILL), most likely by the system for lack of memory",
        ),
        (signal.SIGQUIT, 130, "qconv: interrupted"),
    ],
)
def test_a_command_that_dies_by_a_signal(
    folder: Path, number: signal.Signals, code: int, message: str
) -> None:
    (folder / "dying.py").write_text(DYING.format(number=number.value))
    before = contents(folder)
    said = process("calibrate", "model.onnx", "--data", "dying.py:feeds", "-o", "output")
    assert (said.code, said.out) == (code, "")
    assert said.error.strip().split("\nhint: ")[0] == message
    assert contents(folder) == before


def test_a_model_that_crashes_the_runtime(folder: Path) -> None:
    save_text(CRASHER, folder / "crasher.onnx")
    np.savez(folder / "rows.npz", x=np.ones((2, 8), np.float32))
    before = contents(folder)
    line = "report crasher.onnx crasher.onnx --data rows.npz --json out.json"
    said = process(*line.split())
    assert said.code == 4
    assert said.error.split("\nhint: ")[0] == f"{CRASHED} (SIGSEGV)"
    assert contents(folder) == before


CRASH_ON_TRIAL = """
import os, signal, sys
from qconv.cli import process
from qconv.pipeline import writing

writing.require_running = lambda *_: os.kill(os.getpid(), signal.SIGSEGV)
process.main()
"""


def test_the_files_of_a_dead_child_are_removed(folder: Path) -> None:
    """The converted model crashes the runtime when it is tried, in its temporary folder."""
    before = contents(folder)
    line = "convert model.onnx --dtype fp16 --external-data always -o y.onnx"
    done = subprocess.run(
        [sys.executable, "-c", CRASH_ON_TRIAL, *line.split()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr.startswith(f"{CRASHED} (SIGSEGV)")
    assert contents(folder) == before


def limited(folder: Path, feeds: str, size: int) -> Said:
    """Calibrate on a script in a process that may have so many bytes of memory."""
    (folder / "feeds.py").write_text(feeds)
    before = contents(folder)
    done = subprocess.run(
        command(["calibrate", "model.onnx", "--data", "feeds.py:feeds", "-o", "output"]),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    assert contents(folder) == before
    return Said(done.returncode, done.stdout, done.stderr)


def test_more_memory_than_there_may_be(folder: Path) -> None:
    said = limited(folder, FEEDS.replace("(1, 3, 8, 8)", "(1 << 34,)"), 1 << 34)
    assert (said.code, said.out) == (5, "")
    assert said.error.splitlines()[-1].startswith("qconv: error: ")


@pytest.mark.parametrize("megabytes", [120, 200])
def test_hardly_any_memory(folder: Path, megabytes: int) -> None:
    """Libraries fail to load, or end the process; neither is a bug, nor a failed gate."""
    said = limited(folder, FEEDS, megabytes << 20)
    assert said.code in (4, 5), said
    assert "\nqconv: error: " in f"\n{said.err}"


@pytest.mark.parametrize("code", [0, 1])
def test_an_exit_that_is_not_the_commands_own(folder: Path, code: int) -> None:
    (folder / "ending.py").write_text(f"import os\n\ndef feeds():\n    os._exit({code})\n")
    before = contents(folder)
    said = process("calibrate", "model.onnx", "--data", "ending.py:feeds", "-o", "output")
    assert said.code == 4
    assert said.error.split("\nhint: ")[0] == (
        f"qconv: error: the command ended before it was done (exit code {code})"
    )
    assert contents(folder) == before


class Running:
    """A command that waits in its data, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "slow.py").write_text(SLOW)
        self.before = contents(folder)
        self.folder = folder
        self.process = subprocess.Popen(
            command(CALIBRATE), stderr=subprocess.PIPE, text=True, process_group=0
        )
        wait_for(lambda: (folder / "started").exists() or self.process.poll() is not None)

    @property
    def child(self) -> int:
        """The process that does the work."""
        number = self.process.pid
        return int(Path(f"/proc/{number}/task/{number}/children").read_text())

    def end(self) -> tuple[int, list[str]]:
        """Return exit code and lines on stderr; no file may be left."""
        _, err = self.process.communicate(timeout=30)
        assert contents(self.folder) == {**self.before, "started": b""}
        return self.process.returncode, err.splitlines()


@pytest.fixture
def running(folder: Path) -> Running:
    return Running(folder)


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.mark.usefixtures("unignored")
@pytest.mark.parametrize(("send", "number"), [(os.killpg, signal.SIGINT), (os.kill, signal.SIGHUP)])
def test_an_interrupt_of_the_parent_or_of_both(
    running: Running, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    send(running.process.pid, number)
    code, err = running.end()
    assert code == 130
    assert err.count("qconv: interrupted") == 1
    assert not any("Traceback" in line for line in err)


@needs_proc
@pytest.mark.usefixtures("unignored")
def test_a_killed_parent_takes_the_child_with_it(running: Running) -> None:
    child = running.child
    running.process.kill()
    wait_for(lambda: not Path(f"/proc/{child}").exists())
    code, err = running.end()
    assert code == -signal.SIGKILL
    assert err[-1] == "qconv: interrupted"


@pytest.mark.usefixtures("unignored")
def test_job_control(running: Running) -> None:
    os.killpg(running.process.pid, signal.SIGTSTP)
    _, status = os.waitpid(running.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.killpg(running.process.pid, signal.SIGCONT)
    time.sleep(0.5)  # a thread that is just waking up takes no further signal
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.end()[0] == 130


def test_the_parent_imports_nothing_of_the_work() -> None:
    code = "import sys, qconv.cli.process; print({'click', 'ctypes', 'shutil'} & {*sys.modules})"
    line = [sys.executable, "-S", "-c", code]
    out = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert out.strip() == "set()"


def patched(change: str, line: str) -> Said:
    """Run a command line after a change to how the system answers."""
    code = f"import os, signal\n{change}\nfrom qconv.cli.process import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_a_system_that_gives_no_more_processes(folder: Path, call: str) -> None:
    refused = f"def refuse(): raise BlockingIOError(11, 'no more')\nos.{call} = refuse"
    said = patched(refused, "inspect model.onnx")
    assert (said.code, said.err) == (0, "")
    (folder / "interrupted.py").write_text(
        "import os, signal\n\ndef feeds():\n    os.kill(os.getpid(), signal.SIGTERM)\n    yield\n"
    )
    said = patched(refused, "calibrate model.onnx --data interrupted.py:feeds -o output")
    assert (said.code, said.err.strip()) == (130, "qconv: interrupted")


LONG = """(float[N,8] x) => (float[N,8] y) <int64 turns = {2000000000}, bool yes = {1}> {
  y = Loop(turns, yes, x) <body = turn (int64 i, bool go, float[N,8] a)
    => (bool go_on, float[N,8] b) { go_on = Identity(go) b = Neg(a) }>
}"""


@pytest.mark.usefixtures("unignored")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_runtime_does_not_return(folder: Path, sent: signal.Signals) -> None:
    save_text(LONG, folder / "long.onnx")
    np.savez(folder / "rows.npz", x=np.ones((2, 8), np.float32))
    before = contents(folder)
    line = "report long.onnx long.onnx --data rows.npz --json out.json"
    with subprocess.Popen(command(line.split()), stderr=subprocess.PIPE, text=True) as running:
        time.sleep(5)
        running.send_signal(sent)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err.splitlines()[-1]) == (130, "qconv: interrupted")
    assert contents(folder) == before


@pytest.mark.usefixtures("folder")
def test_a_signal_just_after_the_end_of_the_child() -> None:
    change = """
wait = os.waitpid
def late(*arguments):
    ended = wait(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)
    return ended
os.waitpid = late
"""
    said = patched(change, "inspect model.onnx")
    assert (said.code, said.err) == (0, "")


@pytest.mark.usefixtures("folder", "unignored")
@pytest.mark.parametrize(
    "change",
    [
        """
fork = os.fork
def interrupted():
    child = fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return child
os.fork = interrupted
""",
        """
import qconv.cli.main as main
give_up = main.give_up_broken
def interrupted():
    give_up()
    os.kill(os.getpid(), signal.SIGINT)
main.give_up_broken = interrupted
""",
    ],
    ids=["at the start", "at the end"],
)
def test_an_interrupt_outside_of_the_work(change: str) -> None:
    said = patched(change, "inspect model.onnx")
    assert said.code == 130
    assert said.err.strip() == "qconv: interrupted"
