"""The only home of ONNX Runtime: sessions, runs, latency, fusion audit.

Its official builds from 1.32 on tell Microsoft of each process and model, and keep files in the
home and the temporary folder. With qconv they do not, unless ORT_DISABLE_TELEMETRY is set to 0.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
