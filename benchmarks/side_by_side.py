"""qconv beside onnxruntime.quantization: same model, same data, one run, one table.

python -m benchmarks.side_by_side MODEL CALIBRATION.npz TEST.npz [--slow]

Time and memory are those of the whole process that makes the file, calibration included.
Accuracy, latency (one thread, batch 1, files in turns) and the share of quantized operators that
run in integers come from one ``qconv.report`` over all files. ``--slow`` adds the Percentile and
Entropy calibrators of onnxruntime.quantization, which keep all activations in memory (some 6 GB).
"""

import argparse
import tempfile
from pathlib import Path

import qconv
from benchmarks.processes import Cost, measure
from qconv.reporting.catalog import metric_values
from qconv.reporting.record import VariantReport

_ORT = str(Path(__file__).with_name("ort_quantize.py"))
_FAST = {
    "ort u8s8 MinMax": ["MinMax", "u8"],
    "ort u8s8 MinMax reduce_range": ["MinMax", "u8", "reduce-range"],
    "ort s8s8 MinMax (its default)": ["MinMax", "s8"],
}
_SLOW = {"ort u8s8 Percentile": ["Percentile", "u8"], "ort u8s8 Entropy": ["Entropy", "u8"]}
_COLUMNS = ("size_mb", "top1", "agreement", "sqnr_db", "kl", "latency_ms", "speedup")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--runs", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _compare(arguments, Path(folder))


def _compare(arguments: argparse.Namespace, folder: Path) -> None:
    model, calibration = arguments.model, arguments.calibration
    costs: dict[str, Cost] = {}
    files: dict[str, Path] = {}
    for name, options in {**_FAST, **(_SLOW if arguments.slow else {})}.items():
        files[name] = folder / f"{len(files)}.onnx"
        costs[name] = measure([_ORT, model, calibration, str(files[name]), *options])
    for name, options in {"qconv": [], "qconv --no-portable": ["--no-portable"]}.items():
        files[name] = folder / f"{len(files)}.onnx"
        convert = ["-m", "qconv", "convert", model, "--dtype", "int8", "--data", calibration, "-q"]
        costs[name] = measure([*convert, "-o", str(files[name]), *options])
    report = qconv.report(model, list(files.values()), data=[arguments.test], runs=arguments.runs)
    print(f"{report.cpu}, {report.runtime}, {report.data.samples} test samples")
    header = [f"{'made by':30}", *(f"{name:>10}" for name in _COLUMNS)]
    print(*header, f"{'integer':>10} {'make s':>8} {'peak MB':>8}")
    rows: list[tuple[str, VariantReport, Cost | None]] = [("float", report.reference, None)]
    rows += [
        (name, variant, costs[name]) for name, variant in zip(files, report.variants, strict=True)
    ]
    for name, variant, cost in rows:
        values = metric_values(report, variant)
        numbers = [f"{values[c]:10.4g}" if c in values else f"{'':10}" for c in _COLUMNS]
        fusion = variant.fusion
        integer = "" if fusion is None else f"{fusion.integer}/{fusion.quantized}"
        made = "" if cost is None else f"{cost.wall:8.1f} {cost.memory:8.0f}"
        print(f"{name:30}", *numbers, f"{integer:>10}", made)


if __name__ == "__main__":
    main()
