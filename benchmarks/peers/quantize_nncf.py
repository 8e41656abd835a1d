"""Quantize with NNCF, as one process to be measured: MODEL DATA.npz OUTPUT."""

import sys

import nncf
import numpy as np
import onnx

model, data, output = sys.argv[1:]
arrays = np.load(data)
name = next(name for name in arrays.files if name != "labels")
rows = [{name: row[None]} for row in arrays[name]]
quantized = nncf.quantize(
    onnx.load(model),
    nncf.Dataset(rows),
    preset=nncf.QuantizationPreset.MIXED,
    subset_size=len(rows),
)
onnx.save(quantized, output)
