"""A conversion that is killed, or that the disk refuses, at every step that changes the disk.

After it there is the old model with its weights, or the new one with its own, and never a model
with the weights of another.
"""

import errno
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.cli_helpers import ROOT, contents, save_text
from tests.cli.faults import Ended, Fault, Faulty

TEXT = "(float[N,32] x) => (float[N,32] y) <float[32,32] w> {{ z = {}(x) y = MatMul(z, w) }}"
LINE = "convert in/{}.onnx --dtype fp16 -q -o out/y.onnx --external-data {}"
ALWAYS, NEVER = LINE.format("new", "always"), LINE.format("new", "never")
OLD = LINE.format("old", "always")
CASES = {
    "over nothing": ([], ALWAYS),
    "over a pair": ([OLD], f"{ALWAYS} --force"),
    "over itself": ([ALWAYS], f"{ALWAYS} --force"),
    "one file over a pair": ([OLD], f"{NEVER} --force"),
}
SIDE_FILE = re.compile(rb"y\.onnx\.([0-9a-f]{16})\.data")
LEFT = re.compile(r"\.y\.onnx\.\w{8}(/.*)?|y\.onnx\.[0-9a-f]{16}\.data")
CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)

Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """A conversion; the output's folder before and after it, and the steps between."""

    run: Faulty
    line: str
    home: Path
    before: Files
    after: Files
    steps: list[str]

    def ended(self, fault: Fault) -> tuple[Ended, Files]:
        """Convert with a fault; return what is there, besides leftovers, and check it."""
        inputs = contents(self.home / "in")
        put(self.home / "out", self.before)
        ended = self.run(self.line, fault)
        assert contents(self.home / "in") == inputs
        there = contents(self.home / "out")
        model = there.get("y.onnx", b"")
        assert model in {self.before.get("y.onnx", b""), self.after["y.onnx"]}, ended
        for digits in {found.decode() for found in SIDE_FILE.findall(model)}:
            weights = self.home / "out" / f"y.onnx.{digits}.data"
            assert hashlib.sha256(weights.read_bytes()).hexdigest()[:16] == digits
            assert weights.stat().st_nlink == 1
        return ended, there


def put(folder: Path, files: Files) -> None:
    """Let a folder hold these files alone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faulty, Path]]:
    home = tmp_path_factory.mktemp("faults")
    (home / "in").mkdir()
    for seed, (name, op) in enumerate({"old": "Relu", "new": "Abs"}.items()):
        save_text(TEXT.format(op), home / "in" / f"{name}.onnx", seed=seed)
    with Faulty(home) as run:
        yield run, home


@pytest.fixture(scope="module", params=CASES)
def case(faulty: tuple[Faulty, Path], request: pytest.FixtureRequest) -> Case:
    (run, home), (earlier, line) = faulty, CASES[request.param]
    put(home / "out", {})
    for old in earlier:
        assert run(old).code == 0
    before = contents(home / "out")
    ended = run(line)
    assert (ended.code, ended.err) == (0, "")
    return Case(run, line, home, before, contents(home / "out"), ended.steps)


def test_the_steps_are_seen(case: Case) -> None:
    assert case.steps.count("fsync") >= 3
    assert "os.rename" in case.steps
    assert ("os.link" in case.steps) != bool(case.before)
    assert case.steps.count("open") >= 2


def test_killed_at_every_step(case: Case) -> None:
    seen = set()
    for step in range(1, len(case.steps) + 1):
        ended, there = case.ended(Fault(step))
        assert ended.code == -9
        seen.add(there.get("y.onnx"))
        extra = there.keys() - case.before.keys() - case.after.keys()
        assert all(LEFT.fullmatch(name) for name in extra), extra
    assert seen == {case.before.get("y.onnx"), case.after["y.onnx"]}


def test_killed_within_a_write(case: Case) -> None:
    largest = max(map(len, case.after.values()))
    for size in {0, 1, *range(50, largest, 400), largest - 1}:
        ended, there = case.ended(Fault(size=size))
        assert ended.code == -25, (size, ended)
        assert {name: there[name] for name in case.before} == case.before
        assert ("y.onnx" in there) == ("y.onnx" in case.before)


def test_refused_at_every_step(case: Case) -> None:
    for step, name in enumerate(case.steps, 1):
        ended, there = case.ended(Fault(step, CODES[step % len(CODES)]))
        if ended.code == 0:  # what is only tidied up may stay; for links there is a way around
            assert name in ("os.remove", "os.rmdir", "fcntl.flock", "os.link"), (step, ended)
            assert there.items() >= case.after.items()
            continue
        assert ended.code == 3, (step, name, ended)
        assert re.fullmatch(r"qconv: error: out/y\.onnx: [^\n]+\n(hint: .*\n)?", ended.err), ended
        assert there in (case.before, case.after, case.before | case.after), (step, name, ended)


def test_interrupted_at_every_step(case: Case) -> None:
    for step, name in enumerate(case.steps, 1):
        ended, there = case.ended(Fault(step, -1))
        assert (ended.code, ended.err.strip()) == (130, "qconv: interrupted"), (step, name)
        tidying = name in ("os.remove", "os.rmdir")  # what stays then is removed by the parent
        known = {*case.before, *case.after}
        kept = {f for f in there if f in known or not (tidying and LEFT.fullmatch(f))}
        assert kept <= known, (step, name, ended)
        assert kept >= {*case.before} or kept >= {*case.after}, (step, name, ended)


def test_what_a_kill_left_is_told_and_does_no_harm(case: Case) -> None:
    last = max(step for step, name in enumerate(case.steps, 1) if name in ("os.rename", "os.link"))
    case.ended(Fault(last))
    ended = case.run(case.line)
    assert ended.code == 0
    assert ended.err.startswith("qconv: warning: out/.y.onnx.")
    assert "left by a run that was killed" in ended.err
    there = contents(case.home / "out")
    assert {name: there[name] for name in case.after} == case.after


def test_random_kills() -> None:
    line = [sys.executable, "-m", "tests.cli.kills", "--kills", "3"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split(": ") for line in done.stdout.splitlines())
    assert int(counts.get("old", 0)) + int(counts.get("new", 0)) == 3
