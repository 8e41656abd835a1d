"""What each part of static INT8 adds on one model: dB, agreement and seconds.

python -m benchmarks.accuracy MODEL CALIBRATION TEST [--judge data|sentences|speech]
    [--assume NAME=VALUE] [--samples N] [--only TEXT ...]

CALIBRATION is what ``--data`` takes, TEST what the judge reads, see benchmarks/judges.py. The model
is calibrated once with second moments; seconds are those of the conversion from that record. Rows
whose layers run the model again (``best``, ``layers``) take the data in its place, and their
seconds hold a calibration of their own. Of ``balanced``, the default, one part at a time is taken
out or replaced. The files are judged in one pass; where it computes as this CPU does, the row
without portable weights shows what saturation costs without VNNI.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import qconv
from benchmarks.judges import KINDS, judge_of
from qconv import Int8Settings
from qconv.calibration.record import Record

_SWEEPS = "qconv.algorithms.rounding._SWEEPS"


@dataclass(frozen=True)
class Part:
    """A row: settings, and whether coordinate descent follows GPTQ."""

    name: str
    settings: Int8Settings
    descent: bool = True

    def convert(
        self, model: Path, output: Path, record: Record, data: str, assume: Mapping[str, str]
    ) -> float:
        """Write the model, from the data where the record does not do; return the seconds."""
        start = time.perf_counter()
        settings = self.settings
        passes = {} if self.descent else dict.fromkeys(("int8", "int7", "int4"), 0)
        with patch.dict(_SWEEPS, passes):
            if settings.needs_samples:
                qconv.convert(model, output, data=[data], settings=settings, assume=assume)
            else:
                qconv.convert(model, output, calibration=record, settings=settings, assume=assume)
        return time.perf_counter() - start


PARTS = (
    Part("minmax, to nearest", Int8Settings("minmax", algorithm="rtn", bias_correction=False)),
    Part("auto ranges", Int8Settings(algorithm="rtn", bias_correction=False)),
    Part("+ bias correction (fast)", Int8Settings(effort="fast")),
    Part("+ GPTQ (balanced)", Int8Settings()),
    Part("+ layer by layer (best)", Int8Settings(effort="best")),
    Part("balanced, no coordinate descent", Int8Settings(), descent=False),
    Part("balanced, no bias correction", Int8Settings(bias_correction=False)),
    Part("balanced, not portable", Int8Settings(portable=False)),
    Part("balanced, 7-bit weights", Int8Settings(reduce_range=True, portable=False)),
    Part("balanced, no smoothing", Int8Settings(smooth="off")),
    Part("balanced, no equalization", Int8Settings(equalize="off")),
    Part("balanced, all channels equalized", Int8Settings(equalize="on")),
    Part("balanced, minmax ranges", Int8Settings("minmax")),
    Part("balanced, mse ranges", Int8Settings("mse")),
    Part("balanced, percentile 99.99 ranges", Int8Settings("percentile")),
    Part("balanced, entropy ranges", Int8Settings("entropy")),
    Part("balanced, layers ranges", Int8Settings("layers")),
    Part("balanced, weights per tensor", Int8Settings(granularity="tensor")),
    Part("fast, weights in 4 bits", Int8Settings(effort="fast", weights="int4")),
    Part("balanced, weights in 4 bits", Int8Settings(weights="int4")),
    Part("best, weights in 4 bits", Int8Settings(effort="best", weights="int4")),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--judge", choices=KINDS, default="data")
    parser.add_argument("--assume", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--samples", type=int, help="limit of the test samples")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of rows")
    arguments = parser.parse_args()
    parts = [p for p in PARTS if any(text in p.name for text in arguments.only)]
    with tempfile.TemporaryDirectory() as folder:
        _ablate(arguments, parts, Path(folder))


def _ablate(arguments: argparse.Namespace, parts: Sequence[Part], folder: Path) -> None:
    model, start = arguments.model, time.perf_counter()
    assume = dict(text.split("=", 1) for text in arguments.assume)
    record = qconv.calibrate(model, data=[arguments.calibration], statistics="full", assume=assume)
    print(f"{model.name}: calibrated in {time.perf_counter() - start:.1f} s", flush=True)
    files, seconds = [], []
    for index, part in enumerate(parts):
        files.append(folder / f"{index}.onnx")
        seconds.append(part.convert(model, files[-1], record, arguments.calibration, assume))
    judge = judge_of(arguments.judge, model, arguments.test, arguments.samples)
    found = judge(files)
    columns = [column for column in judge.columns if any(column in row for row in found)]
    print(f"| part | {' | '.join(columns)} | MB | s |")
    print(f"| --- |{' ---: |' * (len(columns) + 2)}")
    for part, numbers, taken, file in zip(parts, found, seconds, files, strict=True):
        shown = [f"{numbers[column]:.4g}" for column in columns]
        size = file.stat().st_size / 1e6
        print(f"| {part.name} | {' | '.join(shown)} | {size:.2f} | {taken:.1f} |")


if __name__ == "__main__":
    main()
