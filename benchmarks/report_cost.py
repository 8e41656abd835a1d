"""What ``qconv report`` costs beside plain inference of the same models over the same samples.

python -m benchmarks.report_cost TEST.npz MODEL VARIANT...

All outputs are written (JSON, Markdown, JUnit, HTML); latency runs are left out, and the time that
drawing the page takes is told apart. Plain inference opens each model and runs it on each sample.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from qconv.reporting.html.page import to_html
from qconv.reporting.made import made_here
from qconv.reporting.report_json import read_report


def main() -> None:
    data, *models = sys.argv[1:]
    plain = sum(_plain(model, data) for model in models)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = [f"--{kind}={place / kind}" for kind in ("json", "markdown", "junit")]
        line = [sys.executable, "-m", "qconv", "report", *models, "--data", data, "--no-latency"]
        start = time.perf_counter()
        subprocess.run([*line, "-q", *files], check=True, stdout=subprocess.DEVNULL)
        report = time.perf_counter() - start
        start = time.perf_counter()
        page = to_html(read_report(place / "json"), made_here())
        drawing = time.perf_counter() - start
    print(f"plain inference {plain:.1f} s, report {report:.1f} s: {report / plain:.2f} times")
    print(f"page: {len(page.encode()) / 1e6:.2f} MB, drawn in {drawing:.1f} s")


def _plain(model: str, data: str) -> float:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = np.load(data)[name]
    start = time.perf_counter()
    for row in rows:
        session.run(None, {name: row[None]})
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
