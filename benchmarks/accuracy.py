"""What each part of static INT8 adds: dB, agreement and seconds, on one model.

python -m benchmarks.accuracy MODEL CALIBRATION TEST [MODEL CALIBRATION TEST ...]

CALIBRATION and TEST are what ``--data`` takes, see docs/data.md. Each model is calibrated once with
second moments; seconds are those of the conversion from that record. Files in the runtime's own
arithmetic: on a CPU without VNNI the row without portable weights shows what saturation costs.
"""

import argparse
import tempfile
import time
from pathlib import Path

import qconv
from qconv import Int8Settings
from qconv.reporting.catalog import metric_values

_PARTS = {
    "ranges min-max, nothing else": Int8Settings(
        method="minmax", algorithm="rtn", bias_correction=False
    ),
    "ranges auto": Int8Settings(algorithm="rtn", bias_correction=False),
    "+ bias correction (effort fast)": Int8Settings(effort="fast"),
    "+ GPTQ (effort balanced)": Int8Settings(),
    "balanced, ranges min-max": Int8Settings(method="minmax"),
    "balanced, ranges mse": Int8Settings(method="mse"),
    "balanced, ranges percentile 99.99": Int8Settings(method="percentile"),
    "balanced, no bias correction": Int8Settings(bias_correction=False),
    "balanced, not portable": Int8Settings(portable=False),
    "balanced, weights per tensor": Int8Settings(granularity="tensor"),
    "balanced, weights in 4 bits": Int8Settings(weight_bits=4),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("triples", nargs="+", metavar="MODEL CALIBRATION TEST")
    triples = parser.parse_args().triples
    if len(triples) % 3:
        parser.error("models come with calibration and test data: three arguments each")
    for model, calibration, test in zip(triples[::3], triples[1::3], triples[2::3], strict=True):
        with tempfile.TemporaryDirectory() as folder:
            _ablate(model, calibration, test, Path(folder))


def _ablate(model: str, calibration: str, test: str, folder: Path) -> None:
    start = time.perf_counter()
    record = qconv.calibrate(model, data=[calibration], statistics="full")
    print(f"{model}: calibrated in {time.perf_counter() - start:.1f} s")
    files, seconds = [], []
    for index, settings in enumerate(_PARTS.values()):
        start = time.perf_counter()
        files.append(folder / f"{index}.onnx")
        qconv.convert(model, files[-1], calibration=record, settings=settings)
        seconds.append(time.perf_counter() - start)
    report = qconv.report(model, files, data=[test], latency=False)
    print("| part | SQNR dB | agreement % | KL | s |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, variant, taken in zip(_PARTS, report.variants, seconds, strict=True):
        values = metric_values(report, variant)
        shown = [f"{values[key]:.4g}" for key in ("sqnr_db", "agreement", "kl") if key in values]
        print(f"| {name} |", " | ".join(shown), f"| {taken:.1f} |", flush=True)


if __name__ == "__main__":
    main()
