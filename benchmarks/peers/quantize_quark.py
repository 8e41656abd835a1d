"""Quantize with AMD Quark, as one process to be measured: MODEL DATA.npz OUTPUT."""

import sys
from collections.abc import Iterator

import numpy as np
from onnxruntime.quantization import CalibrationDataReader
from quark.onnx import ModelQuantizer, QConfig

model, data, output = sys.argv[1:]
arrays = np.load(data)
name = next(name for name in arrays.files if name != "labels")


class Rows(CalibrationDataReader):  # type: ignore[misc]
    """One sample at a time."""

    def __init__(self) -> None:
        self.rows: Iterator[dict[str, np.ndarray]] = ({name: row[None]} for row in arrays[name])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next sample."""
        return next(self.rows, None)


ModelQuantizer(QConfig.get_default_config("A8W8")).quantize_model(model, output, Rows())
