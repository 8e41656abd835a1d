"""Weights in eight bits and fewer on three real models: size, accuracy and latency of each type.

python -m benchmarks.low_bits FOLDER [--models sentences images speech] [--types int4 ...]

FOLDER holds all-minilm-l6-v2/, efficientnet-lite0/ and silero-vad/, see CONTRIBUTING.md. Each model
is calibrated on its calibration data with --statistics full, converted round to nearest and by the
default algorithm, and measured on its test data; latencies are medians, models in turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

import qconv
from benchmarks.efficientnet_data import write
from benchmarks.sentences import cosines, dev_pairs, spearman, write_calibration
from benchmarks.speech import probabilities, read_speech
from qconv.recipe.settings import WeightOnlySettings, WeightType
from qconv.reporting.catalog import metric_values

_SENTENCES: tuple[WeightType, ...] = (
    "int8",
    "int4",
    "uint4",
    "int3",
    "int2",
    "uint2",
    "ternary",
    "binary",
)
_IMAGES: tuple[WeightType, ...] = ("int8", "int4", "uint4", "int3", "ternary", "binary", "fp8e4m3")
_SPEECH: tuple[WeightType, ...] = ("int8", "int4", "fp8e4m3", "ternary", "binary")
_ROUNDS = 30


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["sentences", "images", "speech"])
    parser.add_argument("--types", nargs="+")
    parser.add_argument("--block-size", type=int, default="auto")
    parser.add_argument("--algorithms", nargs="+", default=["rtn", "auto"])
    arguments = parser.parse_args()
    tasks = {"sentences": _sentences, "images": _images, "speech": _speech}
    with tempfile.TemporaryDirectory() as out:
        for name in arguments.models:
            tasks[name](arguments, Path(out))


def _settings(
    arguments: argparse.Namespace, types: tuple[WeightType, ...]
) -> list[WeightOnlySettings]:
    return [
        WeightOnlySettings(dtype=dtype, algorithm=algorithm, block_size=arguments.block_size)
        for dtype in arguments.types or types
        for algorithm in arguments.algorithms
    ]


def _convert(model: Path, out: Path, settings: WeightOnlySettings, record: Path | None) -> str:
    start = time.perf_counter()
    conversion = qconv.convert(model, out, calibration=record, settings=settings, force=True)
    return (
        f"{settings.dtype:8} {settings.algorithm:5} {conversion.size_bytes / 1e6:7.2f} MB "
        f"{conversion.size_bytes / conversion.float_bytes:.3f} {time.perf_counter() - start:6.1f} s"
    )


def _sentences(arguments: argparse.Namespace, out: Path) -> None:
    folder = arguments.folder / "all-minilm-l6-v2"
    model, record, variant = folder / "model.onnx", out / "mini.qcal", out / "mini.onnx"
    write_calibration(folder, out / "mini")
    qconv.calibrate(model, data=[str(out / "mini")], output=record, statistics="full", force=True)
    batches, scores = dev_pairs(folder)
    exact = spearman(cosines(_session(model, 2), batches), scores)
    print(f"sentences: Spearman {exact:.4f} of the float model; speedup at 1 x 32, 8 x 128")
    for settings in _settings(arguments, _SENTENCES):
        line = _convert(model, variant, settings, record)
        found = spearman(cosines(_session(variant, 2), batches), scores)
        speed = [_speedup(model, variant, *shape) for shape in ((1, 32, 1), (8, 128, 2))]
        print(f"{line}  {found:.4f} {found - exact:+.4f}  {speed[0]:.2f}x {speed[1]:.2f}x")


def _images(arguments: argparse.Namespace, out: Path) -> None:
    folder = arguments.folder / "efficientnet-lite0"
    model, record, variant = folder / "model.onnx", out / "eff.qcal", out / "eff.onnx"
    write(folder, out)
    data = [str(out / "calibration.npz")]
    qconv.calibrate(model, data=data, output=record, statistics="full", force=True)
    print("images: top-1, drop, agreement, SQNR in dB, speedup")
    for settings in _settings(arguments, _IMAGES):
        line = _convert(model, variant, settings, record)
        report = qconv.report(model, [variant], data=[str(out / "test.npz")])
        found = metric_values(report, report.variants[0])
        shown = [found[name] for name in ("top1", "top1_drop", "agreement", "sqnr_db", "speedup")]
        print(line, " ".join(f"{number:7.2f}" for number in shown))


def _speech(arguments: argparse.Namespace, out: Path) -> None:
    folder = arguments.folder / "silero-vad"
    speech = read_speech(folder / "speech.wav")
    print("speech: agreement of decisions, mean difference of probabilities")
    for name in ("silero_vad", "silero_vad_op18_ifless"):
        model, variant = folder / f"{name}.onnx", out / "vad.onnx"
        exact = probabilities(_session(model, 1), speech)
        for settings in _settings(arguments, _SPEECH):
            if settings.algorithm == "auto":
                continue
            line = _convert(model, variant, settings, None)
            found = probabilities(_session(variant, 1), speech)
            agreed = np.mean((exact > 0.5) == (found > 0.5))
            print(f"{name:22} {line}  {agreed:.2%} {np.abs(exact - found).mean():.5f}")


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _speedup(model: Path, variant: Path, batch: int, tokens: int, threads: int) -> float:
    """Return the ratio of the median latencies, the models timed in turns."""
    sessions = [_session(path, threads) for path in (model, variant)]
    random = np.random.default_rng(0)
    feeds = {
        "input_ids": random.integers(1000, 20000, (batch, tokens)),
        "attention_mask": np.ones((batch, tokens), np.int64),
        "token_type_ids": np.zeros((batch, tokens), np.int64),
    }
    feeds = {port.name: feeds[port.name] for port in sessions[0].get_inputs()}
    times: list[list[float]] = [[], []]
    for _ in range(_ROUNDS):
        for session, taken in zip(sessions, times, strict=True):
            start = time.perf_counter()
            session.run(None, feeds)
            taken.append(time.perf_counter() - start)
    return float(np.median(times[0]) / np.median(times[1]))


if __name__ == "__main__":
    main()
