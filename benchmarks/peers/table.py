"""One table of accuracy, size, latency, time and memory: qconv and other tools.

python -m benchmarks.peers.table MODEL CALIBRATION TEST [--judge data|sentences|speech]
    [--environments FOLDER] [--slow] [--transformer] [--samples N] [--only TEXT ...] [--limit S]

CALIBRATION is what ``--data`` takes, TEST what the judge reads, see benchmarks/judges.py. FOLDER
holds a virtual environment for each other tool; those that are missing are left out:

    python3 -m venv FOLDER/nncf && FOLDER/nncf/bin/pip install nncf onnx onnxruntime
    python3 -m venv FOLDER/quark && FOLDER/quark/bin/pip install amd-quark onnx onnxruntime \\
        onnxslim onnxruntime-extensions torch
    python3 -m venv FOLDER/modelopt && FOLDER/modelopt/bin/pip install "nvidia-modelopt[onnx]" torch

onnxruntime.quantization runs in qconv's own environment. Time (on the clock and of the processor)
and memory are those of the whole process that makes the file. All files are run by the runtime of
qconv's environment, and timed in turns. A tool that fails, or whose file does not run, has a row
that says why.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.judges import KINDS, Judge, Numbers, judge_of
from benchmarks.peers.feeds import write_feed
from benchmarks.peers.makers import MAKERS, Maker, versions
from benchmarks.processes import Cost, ProcessError
from qconv.data import open_data
from qconv.errors import QconvError
from qconv.runtime.audit import audit_fusion
from qconv.runtime.latency import measure_latency
from qconv.runtime.machine import cpu_name, has_vnni, runtime_version
from qconv.runtime.runner import FittedSession, Runner
from qconv.version import __version__

_WARMUP = 5


@dataclass
class _Row:
    """What is known of one file so far; ``error`` is one sentence."""

    name: str
    file: Path
    cost: Cost | None = None
    size: int = 0
    numbers: Numbers = field(default_factory=dict)
    integer: str = ""
    latencies: list[str] = field(default_factory=list)
    error: str | None = None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--judge", choices=KINDS, default="data")
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--slow", action="store_true", help="also what takes gigabytes of memory")
    parser.add_argument("--transformer", action="store_true", help="implied by sentences")
    parser.add_argument("--samples", type=int, help="limit of the test samples")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of rows")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that a tool may take")
    parser.add_argument("--runs", type=int, default=100, help="timed inferences; 0 times nothing")
    arguments = parser.parse_args()
    makers = list(_wanted(arguments))
    with tempfile.TemporaryDirectory() as folder:
        rows = _make(arguments, makers, Path(folder))
        judge = judge_of(arguments.judge, arguments.model, arguments.test, arguments.samples)
        rows = [_Row("float", arguments.model), *rows]
        for row in rows:
            _judge(row, judge)
        columns = _time(rows, judge, arguments.runs) if arguments.runs else []
    _print(arguments, judge, rows, columns)


def _wanted(arguments: argparse.Namespace) -> Iterator[Maker]:
    transformer = arguments.transformer or arguments.judge == "sentences"
    for maker in MAKERS:
        if maker.transformers not in (None, transformer) or (maker.slow and not arguments.slow):
            continue
        if any(part.lower() in maker.name.lower() for part in arguments.only):
            yield maker


def _make(arguments: argparse.Namespace, makers: Sequence[Maker], folder: Path) -> list[_Row]:
    feeds = folder / "feeds"
    feeds.mkdir()
    specs = Runner.open(arguments.model, threads=1).specs
    for index, sample in enumerate(open_data([arguments.calibration], specs)):
        write_feed(feeds, index, dict(sample.feeds))
    data = arguments.calibration
    data = str(Path(data).resolve()) if Path(data).exists() else data
    rows = []
    for number, maker in enumerate(makers):
        row = _Row(maker.name, folder / f"{number}.onnx")
        python = maker.python(arguments.environments)
        if python is None:
            row.error = "left out: there is no environment for it"
        else:
            given = (arguments.model, data, feeds, row.file, arguments.limit)
            try:
                row.cost = maker.make(python, *given)
            except ProcessError as error:
                row.error = str(error)
        print(f"{row.name}: {row.error or row.cost}", flush=True)
        rows.append(row)
    return rows


def _judge(row: _Row, judge: Judge) -> None:
    if row.error is not None:
        return
    row.size = row.file.stat().st_size
    try:
        [row.numbers] = judge([row.file])
        if row.cost is not None:
            fusion = audit_fusion(row.file)
            row.integer = f"{fusion.integer}/{fusion.quantized}"
    except QconvError as error:
        row.error = str(error).replace(str(row.file), "the file")


def _time(rows: Sequence[_Row], judge: Judge, runs: int) -> list[str]:
    """Time the float model and all files that run, in turns; return what the columns tell."""
    running = [row for row in rows if row.error is None]
    columns = []
    for timed in judge.timed():
        sessions = [FittedSession(Runner.open(r.file, threads=timed.threads)) for r in running]
        found = measure_latency(sessions, timed.feeds, runs, _WARMUP)
        for row, latency in zip(running, found, strict=True):
            speed = found[0].median_ms / latency.median_ms
            row.latencies.append(f"{latency.median_ms:.3g} ms, {speed:.2f}x")
        columns.append(timed.name)
    return columns


def _print(
    arguments: argparse.Namespace, judge: Judge, rows: Sequence[_Row], columns: Sequence[str]
) -> None:
    tools = [f"qconv {__version__}", runtime_version(), *versions(arguments.environments)]
    print(f"\n{datetime.date.today()}, {cpu_name()}, VNNI: {has_vnni()}")
    print("; ".join(tools))
    known = [c for c in judge.columns if any(c in row.numbers for row in rows)]
    head = ["made by", "MB", *known, "integer ops", "make s", "CPU s", "peak MB", *columns]
    print(f"\n| {' | '.join(head)} |")
    print(f"| --- |{' ---: |' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(_cells(row, known, len(columns)))} |")


def _cells(row: _Row, columns: Sequence[str], timed: int) -> list[str]:
    if row.error is not None:
        spare: Mapping[bool, str] = {True: row.error, False: ""}
        return [row.name, *(spare[not index] for index in range(len(columns) + timed + 5))]
    numbers = [_shown(row.numbers, column) for column in columns]
    cost = row.cost
    made = [""] * 3
    if cost is not None:
        made = [f"{cost.wall:.1f}", f"{cost.cpu:.1f}", f"{cost.memory:.0f}"]
    return [row.name, f"{row.size / 1e6:.2f}", *numbers, row.integer, *made, *row.latencies]


def _shown(numbers: Numbers, column: str) -> str:
    return f"{numbers[column]:.4g}" if column in numbers else ""


if __name__ == "__main__":
    main()
