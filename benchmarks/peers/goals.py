"""Tools that search for a file that holds a goal, side by side: what they find, and the time.

python -m benchmarks.peers.goals MODEL CALIBRATION TEST --metric FILE:FUNCTION --least NUMBER
    [--environments FOLDER] [--limit S]

The goal is the fastest file whose metric, a function of (outputs, sample, reference) in percent, is
NUMBER or more. The tools see CALIBRATION alone; all files are judged on TEST, and timed in turns,
one thread. FOLDER is that of :mod:`benchmarks.peers.table`; Quark needs optuna and joblib, too.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import qconv
from benchmarks.peers.feeds import write_feed
from benchmarks.peers.makers import Maker
from benchmarks.processes import ProcessError
from qconv.data import open_data
from qconv.errors import QconvError
from qconv.runtime.machine import cpu_name, has_vnni
from qconv.runtime.runner import Runner


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--metric", required=True)
    parser.add_argument("--least", type=float, required=True)
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds that a tool may take")
    given = parser.parse_args()
    print(f"{cpu_name()}, VNNI: {has_vnni()}; {given.metric} of at least {given.least}")
    print("| found by | metric | MB | speed-up | s | CPU s | peak MB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for maker in _makers(given.metric, given.least):
            print(f"| {maker.name} | {_found(maker, given, Path(folder))} |", flush=True)


def _makers(metric: str, least: float) -> Iterator[Maker]:
    file, _, name = metric.rpartition(":")
    own = f"{Path(file).resolve()}:{name}"
    yield Maker(
        "qconv convert", None, "-m qconv convert {model} --dtype int8 --data {data} -q -o {output}"
    )
    tune = "-m benchmarks.peers.search_qconv {model} {data} {output} "
    yield Maker("qconv tune", None, f"{tune}{own} {least}")
    search = "-m benchmarks.peers.search_nncf {model} {feeds} {output} "
    yield Maker("NNCF, accuracy control", "nncf", f"{search}{own} {least}")
    search = "-m benchmarks.peers.search_quark {model} {feeds} {output} "
    yield Maker("Quark, A8W8_SEARCH", "quark", f"{search}{own}")


def _found(maker: Maker, given: argparse.Namespace, folder: Path) -> str:
    python = maker.python(given.environments)
    if python is None:
        return "left out: there is no environment for it"
    output = folder / f"{maker.name.replace(' ', '-')}.onnx"
    feeds = folder / "feeds"
    if not feeds.exists():
        feeds.mkdir()
        specs = Runner.open(given.model, threads=1).specs
        for index, sample in enumerate(open_data([given.calibration], specs)):
            write_feed(feeds, index, dict(sample.feeds))
    data = str(Path(given.calibration).resolve())
    try:
        cost = maker.make(python, given.model.resolve(), data, feeds, output, given.limit)
        report = qconv.report(
            given.model, [output], data=[given.test], metrics=[given.metric], threads=1
        )
    except (ProcessError, QconvError) as error:
        return str(error)
    finally:
        shutil.rmtree(output.with_suffix(""), ignore_errors=True)
    (variant,) = report.variants
    (measured,) = variant.custom.values()
    times = report.reference.latency, variant.latency
    speed = times[0].median_ms / times[1].median_ms if times[0] and times[1] else float("nan")
    cells = [f"{measured:.2f}", f"{variant.size_bytes / 1e6:.2f}", f"{speed:.2f}"]
    cells += [f"{cost.wall:.0f}", f"{cost.cpu:.0f}", f"{cost.memory:.0f}"]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
