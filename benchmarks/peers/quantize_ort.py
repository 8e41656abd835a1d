"""Quantize with onnxruntime.quantization, as one process to be measured.

python -m benchmarks.peers.quantize_ort MODEL FEEDS OUTPUT METHOD ACTIVATIONS [reduce-range]

METHOD is MinMax, Percentile, Entropy or dynamic; ACTIVATIONS is u8 or s8. Weights are int8 with a
scale for each channel, and the model is prepared by ``quant_pre_process``, as its documentation
advises; where symbolic shapes cannot be inferred, without them.
"""

import sys
import tempfile
from pathlib import Path

from onnxruntime.quantization import (
    CalibrationMethod,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.peers.feeds import FeedReader


def main() -> None:
    model, feeds, output, method, activations, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        prepared = str(Path(folder) / "prepared.onnx")
        _prepare(model, prepared)
        if method == "dynamic":
            quantize_dynamic(prepared, output, per_channel=True, weight_type=QuantType.QInt8)
            return
        quantize_static(
            prepared,
            output,
            FeedReader(feeds),
            per_channel=True,
            reduce_range="reduce-range" in rest,
            activation_type=QuantType.QUInt8 if activations == "u8" else QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )


def _prepare(model: str, output: str) -> None:
    try:
        quant_pre_process(model, output)
    except Exception:  # it raises a bare Exception for shapes that it cannot infer
        quant_pre_process(model, output, skip_symbolic_shape=True)


if __name__ == "__main__":
    main()
