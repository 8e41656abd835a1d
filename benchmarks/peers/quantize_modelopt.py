"""Quantize with ModelOpt, as one process to be measured: MODEL DATA.npz OUTPUT METHOD."""

import sys

import numpy as np
from modelopt.onnx.quantization import quantize

model, data, output, method = sys.argv[1:]
arrays = np.load(data)
name = next(name for name in arrays.files if name != "labels")
quantize(
    onnx_path=model,
    quantize_mode="int8",
    calibration_data={name: arrays[name]},
    calibration_method=method,
    calibration_eps=["cpu"],
    output_path=output,
)
