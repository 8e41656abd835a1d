"""The yardstick for calibrate: load the same file, run the float model on it one by one.

python -m benchmarks.plain_inference MODEL DATA.npz
"""

import sys

import numpy as np
import onnxruntime as ort

model, data = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
for row in np.load(data)[name]:
    session.run(None, {name: row[None]})
