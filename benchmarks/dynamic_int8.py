"""INT8 without calibration, and INT8 of a recurrent model, beside onnxruntime's dynamic files.

python -m benchmarks.dynamic_int8 FOLDER [--models sentences speech]

FOLDER holds all-minilm-l6-v2/ and silero-vad/, see CONTRIBUTING.md. Latencies are medians, all
models of a line timed in turns; the factor is that of the float model.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman
from benchmarks.speech import probabilities, read_speech
from qconv.recipe.settings import DynamicSettings, Float32Settings, Int8Settings, Settings

_ROUNDS = 60
_RATE = {"sr": 16000}
Feeds = Mapping[str, NDArray[np.generic]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["sentences", "speech"])
    arguments = parser.parse_args()
    tasks = {"sentences": _sentences, "speech": _speech}
    with tempfile.TemporaryDirectory() as out:
        for name in arguments.models:
            tasks[name](arguments.folder, Path(out))


def _sentences(folder: Path, out: Path) -> None:
    model = folder / "all-minilm-l6-v2" / "model.onnx"
    files = {"float": model, "onnxruntime": _peer(model, out), "qconv": out / "mini.onnx"}
    qconv.convert(model, files["qconv"], settings=DynamicSettings(), force=True)
    batches, scores = dev_pairs(model.parent)
    exact = spearman(cosines(_session(model, 2), batches), scores)
    for name, path in files.items():
        found = spearman(cosines(_session(path, 2), batches), scores)
        size = path.stat().st_size / 1e6
        print(f"sentences {name:12} {size:6.2f} MB  Spearman {found:.4f} {found - exact:+.4f}")
    random = np.random.default_rng(0)
    for batch, tokens, threads in ((1, 32, 1), (8, 128, 2)):
        feeds = {
            "input_ids": random.integers(1000, 20000, (batch, tokens)),
            "attention_mask": np.ones((batch, tokens), np.int64),
        }
        _print_latencies(f"{batch} x {tokens}, {threads} threads", files, [feeds], threads)


def _speech(folder: Path, out: Path) -> None:
    folder = folder / "silero-vad"
    os.environ["QCONV_SPEECH"] = str(folder)
    speech = read_speech(folder / "speech.wav")
    data = ["benchmarks/speech.py:calibration"]
    made: dict[str, tuple[Settings, dict[str, int]]] = {
        "float, assumed": (Float32Settings(), _RATE),
        "dynamic": (DynamicSettings(), {}),
        "dynamic, assumed": (DynamicSettings(), _RATE),
        "static": (Int8Settings(), {}),
        "static, assumed": (Int8Settings(), _RATE),
    }
    for stem in ("silero_vad", "silero_vad_op18_ifless"):
        model = folder / f"{stem}.onnx"
        files = {"float": model}
        for name, (settings, assumed) in made.items():
            path = out / f"{stem}.{name.replace(', ', '.')}.onnx"
            if isinstance(settings, Float32Settings):
                qconv.convert(model, path, settings=settings, assume=assumed, force=True)
            else:
                static = isinstance(settings, Int8Settings)
                qconv.convert(
                    model,
                    path,
                    data=data if static else None,
                    settings=settings,
                    assume=assumed,
                    force=True,
                )
            files[name] = path
        exact = probabilities(_session(model, 1), speech)
        for name, path in files.items():
            found = probabilities(_session(path, 1), speech)
            agreed = np.mean((exact > 0.5) == (found > 0.5))
            size = path.stat().st_size / 1e6
            print(
                f"{stem:22} {name:16} {size:6.3f} MB  agree {agreed:.2%}, "
                f"mean difference {np.abs(exact - found).mean():.5f}"
            )
        windows = np.stack([speech[start : start + 576] for start in range(0, 160000, 16000)])
        state = np.zeros((2, 1, 128), np.float32)
        feeds = [{"input": w[None], "state": state, "sr": np.array(16000)} for w in windows]
        _print_latencies(stem, files, feeds, 1)


def _peer(model: Path, out: Path) -> Path:
    path = out / f"{model.parent.name}.peer.onnx"
    quantize_dynamic(model, path, weight_type=QuantType.QInt8)
    return path


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _print_latencies(
    label: str, files: Mapping[str, Path], feeds: Sequence[Feeds], threads: int
) -> None:
    sessions = {name: _session(path, threads) for name, path in files.items()}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(_ROUNDS):
        for name, session in sessions.items():
            known = {port.name for port in session.get_inputs()}
            fed = {key: a for key, a in feeds[turn % len(feeds)].items() if key in known}
            start = time.perf_counter()
            session.run(None, fed)
            times[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(taken)) for name, taken in times.items()}
    for name, median in medians.items():
        print(f"{label}: {name:16} {median * 1e3:8.3f} ms  {medians['float'] / median:.2f}x")


if __name__ == "__main__":
    main()
