"""How much INT8 depends on the calibration data: fewer samples, and other ones.

python -m benchmarks.robustness MODEL CALIBRATION ALTERNATIVE TEST [--samples N]

All are what ``--data`` takes; ``python -m benchmarks.efficientnet_data`` writes such sets. The
model is calibrated on the first 16, 32, 64 and on all samples of CALIBRATION, and on ALTERNATIVE,
and judged on TEST, which shares no sample with either of them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import qconv
from benchmarks.judges import judge_of
from qconv import Int8Settings
from qconv.data import Sample, Source, TensorSpec, open_data

_COUNTS = (16, 32, 64, None)
EFFORTS = {
    "fast": Int8Settings(effort="fast"),
    "balanced": Int8Settings(),
    "best": Int8Settings(effort="best"),
}


@dataclass(frozen=True)
class _First:
    """The first samples of a source."""

    source: Source
    count: int

    def __len__(self) -> int:
        return min(self.count, len(self.source))

    def __iter__(self) -> Iterator[Sample]:
        return islice(iter(self.source), self.count)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("alternative")
    parser.add_argument("test")
    parser.add_argument("--samples", type=int, help="limit of the test samples")
    arguments = parser.parse_args()
    sets = {f"first {n}" if n else "all": (arguments.calibration, n) for n in _COUNTS}
    sets["another set"] = (arguments.alternative, None)
    with tempfile.TemporaryDirectory() as folder:
        files: dict[tuple[str, str], Path] = {}
        for label, (spec, count) in sets.items():
            opened = _opener(spec, count)
            record = qconv.calibrate(arguments.model, data=opened, statistics="full")
            for effort, settings in EFFORTS.items():
                file = files[label, effort] = Path(folder) / f"{len(files)}.onnx"
                if settings.needs_samples:
                    qconv.convert(arguments.model, file, data=opened, settings=settings)
                else:
                    qconv.convert(arguments.model, file, calibration=record, settings=settings)
        judge = judge_of("data", arguments.model, arguments.test, arguments.samples)
        found = dict(zip(files, judge(list(files.values())), strict=True))
    print(f"| calibrated on | {' | '.join(f'{e}: dB | agreement %' for e in EFFORTS)} |")
    print(f"| --- |{' ---: |' * (2 * len(EFFORTS))}")
    for label in sets:
        rows = [found[label, effort] for effort in EFFORTS]
        cells = [f"{row['sqnr_db']:.1f} | {row['agreement']:.2f}" for row in rows]
        print(f"| {label} | {' | '.join(cells)} |")


def _opener(spec: str, count: int | None) -> Callable[[Sequence[TensorSpec]], Source]:
    def opened(inputs: Sequence[TensorSpec]) -> Source:
        source = open_data([spec], inputs)
        return source if count is None else _First(source, count)

    return opened


if __name__ == "__main__":
    main()
