"""What two checkouts make of the same models: error at the outputs, size, speed, cost.

python -m benchmarks.before_after OLD [--new CHECKOUT] MODEL=CALIBRATION=TEST ...
    [--options "--dtype int8"] [--samples N]

OLD and CHECKOUT (this one by default) are folders with a package qconv. Each model is converted by
both, one after the other, and each file is compared with the float model on the test data: SQNR in
dB of each output, and the ratio of processor time of one thread, runs in turns. The cost is that of
the whole command.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.processes import Cost, measure
from qconv.data import open_data
from qconv.numerics.metrics import Sqnr
from qconv.runtime.session import input_specs, open_session

_ROOT = Path(__file__).resolve().parent.parent
_ROUNDS = 9
Feeds = Mapping[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("old", type=Path)
    parser.add_argument("models", nargs="+", metavar="MODEL=CALIBRATION=TEST")
    parser.add_argument("--new", type=Path, default=_ROOT)
    parser.add_argument("--options", default="--dtype int8")
    parser.add_argument("--samples", type=int)
    given = parser.parse_args()
    print("| model | file | SQNR in dB of each output | MB | speed-up | CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for each in given.models:
        model, calibration, test = each.split("=")
        specs = input_specs(open_session(Path(model), threads=1))
        feeds = [sample.feeds for sample in islice(open_data([test], specs), given.samples)]
        with tempfile.TemporaryDirectory() as folder:
            for name, checkout in (("before", given.old), ("after", given.new)):
                output = Path(folder) / f"{name}.onnx"
                data = ["--data", str(Path(calibration).resolve())]
                options = [*given.options.split(), *data, "-o", str(output), "-q"]
                cost = _converted(checkout.resolve(), [str(Path(model).resolve()), *options])
                row = _row(Path(model), output, feeds, cost)
                print(f"| {Path(model).stem} | {name} | {row} |", flush=True)


def _converted(checkout: Path, arguments: Sequence[str]) -> Cost:
    """Convert with the package of the working folder, which comes first among all."""
    return measure(["-m", "qconv", "convert", *arguments], folder=checkout)


def _row(model: Path, variant: Path, feeds: Sequence[Feeds], cost: Cost) -> str:
    exact, found = (open_session(path, threads=1) for path in (model, variant))
    names = [output.name for output in exact.get_outputs() if "float" in output.type]
    errors = {name: Sqnr() for name in names}
    for feed in feeds:
        pairs = (session.run(names, dict(feed)) for session in (exact, found))
        for name, reference, own in zip(names, *pairs, strict=True):
            errors[name].update(reference, own)
    ratios = ", ".join(f"{each.result:.2f}" for each in errors.values())
    speed = _speedup(exact, found, feeds[0])
    megabytes = variant.stat().st_size / 1e6
    return f"{ratios} | {megabytes:.2f} | {speed:.2f} | {cost.cpu:.1f} | {cost.memory:.0f}"


def _speedup(exact: ort.InferenceSession, variant: ort.InferenceSession, feed: Feeds) -> float:
    times: list[list[float]] = [[], []]
    for _ in range(_ROUNDS):
        for own, session in zip(times, (exact, variant), strict=True):
            begin = time.thread_time()
            session.run(None, dict(feed))
            own.append(time.thread_time() - begin)
    return min(times[0]) / min(times[1])


if __name__ == "__main__":
    main()
