"""Small models that pass scores on, their samples, and a report of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from qconv.data.source import Sample, Source, TensorSpec
from qconv.evaluation.whole_report import report
from qconv.reporting.contents import FusionAudit
from qconv.reporting.report_data import Report

AUDIT = FusionAudit(2, 1, {"Gemm": (2, 1)}, ())
HEADER = '<ir_version: 8, opset_import: ["" : 17]>'


class Samples:
    """Scores of a model that passes its input on; ``passes`` counts how often they were read."""

    def __init__(self, rows: Sequence[Sequence[float]], labels: Sequence[int | None]) -> None:
        self._rows = rows
        self._labels = labels
        self.passes = 0

    def open(self, specs: Sequence[TensorSpec]) -> Source:
        assert [spec.name for spec in specs] == ["x"]
        return self

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Sample]:
        self.passes += 1
        for index, (row, label) in enumerate(zip(self._rows, self._labels, strict=True)):
            yield Sample({"x": np.array([row], np.float32)}, label, f"data[{index}]")


CLASSES = 6
ROWS = [[float(column == row % CLASSES) * 4 for column in range(CLASSES)] for row in range(8)]
LABELS = [row % CLASSES for row in range(8)]


def save(folder: Path, name: str, body: str, ports: str = "") -> Path:
    path = folder / name
    ports = ports or f"(float[N, {CLASSES}] x) => (float[N, {CLASSES}] y)"
    onnx.save(onnx.parser.parse_model(f"{HEADER} g {ports} {{ {body} }}"), path)
    return path


def run(
    model: Path, *variants: Path, rows: Any = ROWS, labels: Any = LABELS, **options: Any
) -> Report:
    source = Samples(rows, labels or [None] * len(rows))
    options = {"latency": False, "audit": lambda _: AUDIT, **options}
    return report(model, variants, data=source.open, **options)
