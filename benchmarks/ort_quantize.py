"""Quantize a model with onnxruntime.quantization, as one process to be measured.

python -m benchmarks.ort_quantize MODEL DATA.npz OUTPUT METHOD ACTIVATIONS [reduce-range]

METHOD is MinMax, Percentile or Entropy; ACTIVATIONS is u8 or s8.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class _Rows(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, data: str, name: str) -> None:
        self._rows: Iterator[dict[str, np.ndarray]] = (
            {name: row[None]} for row in np.load(data)[name]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._rows, None)


def main() -> None:
    model, data, output, method, activations, *rest = sys.argv[1:]
    name = next(name for name in np.load(data).files if name != "labels")
    with tempfile.TemporaryDirectory() as folder:
        prepared = str(Path(folder) / "prepared.onnx")
        quant_pre_process(model, prepared)
        quantize_static(
            prepared,
            output,
            _Rows(data, name),
            per_channel=True,
            reduce_range="reduce-range" in rest,
            activation_type=QuantType.QUInt8 if activations == "u8" else QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )


if __name__ == "__main__":
    main()
