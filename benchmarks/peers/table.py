"""One table of accuracy, size, latency, time and memory: qconv and other tools.

python -m benchmarks.peers.table MODEL CALIBRATION.npz TEST.npz [--environments FOLDER]

FOLDER holds a virtual environment for each other tool; those that are missing are left out:

    python3 -m venv FOLDER/nncf && FOLDER/nncf/bin/pip install nncf onnx onnxruntime
    python3 -m venv FOLDER/quark && FOLDER/quark/bin/pip install amd-quark onnx onnxruntime \\
        onnxslim onnxruntime-extensions torch
    python3 -m venv FOLDER/modelopt && FOLDER/modelopt/bin/pip install "nvidia-modelopt[onnx]" torch

onnxruntime.quantization runs in qconv's own environment. Time and memory are those of the whole
process that makes the file; accuracy and latency (one thread, batch 1, files in turns) come from
one ``qconv.report`` over all files.
"""

import argparse
import tempfile
from pathlib import Path

import qconv
from benchmarks.processes import Cost, measure
from qconv.reporting.catalog import metric_values

_HERE = Path(__file__).parent
_ORT = str(_HERE.with_name("ort_quantize.py"))
_ORTS = {
    "onnxruntime u8s8 MinMax": ["MinMax", "u8"],
    "onnxruntime u8s8 MinMax, 7 bits": ["MinMax", "u8", "reduce-range"],
    "onnxruntime s8s8 MinMax": ["MinMax", "s8"],
}
_OTHERS = {
    "NNCF mixed": ("nncf", []),
    "Quark A8W8": ("quark", []),
    "ModelOpt max": ("modelopt", ["max"]),
    "ModelOpt entropy": ("modelopt", ["entropy"]),
}
_OURS = {
    "qconv --effort fast": ["--effort", "fast"],
    "qconv": [],
    "qconv --no-portable": ["--no-portable"],
}
_COLUMNS = ("top1", "agreement", "sqnr_db", "kl", "size_mb", "speedup")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = _make(arguments, Path(folder))
        files = [Path(folder) / f"{name}.onnx" for name in costs]
        report = qconv.report(arguments.model, files, data=[arguments.test], runs=arguments.runs)
    print(f"{report.cpu}, VNNI: {report.vnni}, {report.runtime}, {report.data.samples} samples")
    print("| made by |", " | ".join(_COLUMNS), "| integer ops | make s | peak MB |")
    print("| --- |", " | ".join("---:" for _ in _COLUMNS), "| ---: | ---: | ---: |")
    for (name, cost), variant in zip(costs.items(), report.variants, strict=True):
        values = metric_values(report, variant)
        cells = [f"{values[column]:.4g}" for column in _COLUMNS]
        fusion = variant.fusion
        cells.append("" if fusion is None else f"{fusion.integer}/{fusion.quantized}")
        print(f"| {name} |", " | ".join(cells), f"| {cost.wall:.1f} | {cost.memory:.0f} |")


def _make(arguments: argparse.Namespace, folder: Path) -> dict[str, Cost]:
    model, data = arguments.model, arguments.calibration
    costs: dict[str, Cost] = {}
    for name, options in _ORTS.items():
        costs[name] = measure([_ORT, model, data, str(folder / f"{name}.onnx"), *options])
    for name, (tool, options) in _OTHERS.items():
        python = (arguments.environments or Path()) / tool / "bin" / "python"
        if arguments.environments is None or not python.exists():
            print(f"{name}: left out, there is no {python}")
            continue
        script = str(_HERE / f"quantize_{tool}.py")
        output = str(folder / f"{name}.onnx")
        costs[name] = measure([script, model, data, output, *options], python=str(python))
    for name, options in _OURS.items():
        convert = ["-m", "qconv", "convert", model, "--dtype", "int8", "--data", data, "-q"]
        costs[name] = measure([*convert, "-o", str(folder / f"{name}.onnx"), *options])
    return costs


if __name__ == "__main__":
    main()
