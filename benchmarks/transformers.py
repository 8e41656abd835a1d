"""INT8 of a sentence transformer, beside onnxruntime.quantization: size, Spearman and latency.

python -m benchmarks.transformers FOLDER [--only NAME ...] [--rounds N] [--no-spearman]

FOLDER holds all-minilm-l6-v2/, see CONTRIBUTING.md. All files are made from 128 calibration
sentences or none, judged on the 1,500 pairs of sts-dev.csv, and timed in turns in one process:
1 x 32 tokens on one thread, 8 x 128 tokens on two. Speeds are those of the median inference,
against onnxruntime's dynamic INT8 file and against float.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import QuantType, quantize_dynamic

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman, write_calibration
from qconv.recipe.settings import Int8Settings

_SHAPES = ((1, 32, 1), (8, 128, 2))
_DYNAMIC = "onnxruntime dynamic"
_VARIANTS: Mapping[str, Int8Settings] = {
    "static": Int8Settings(),
    "static, qdq": Int8Settings(format="qdq"),
    "static, smooth off": Int8Settings(smooth="off"),
    "static, smooth 0.5": Int8Settings(smooth=0.5),
    "static, smooth off, clipped": Int8Settings(smooth="off", method="mse"),
    "static, int8 activations": Int8Settings(activations="int8"),
    "static, int16 activations": Int8Settings(activations="int16"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=list(_VARIANTS))
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--no-spearman", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        files = _files(arguments.folder / "all-minilm-l6-v2", Path(out), arguments.only)
        measure = None if arguments.no_spearman else _judge(arguments.folder / "all-minilm-l6-v2")
        _print(files, measure, arguments.rounds)


def _files(folder: Path, out: Path, names: list[str]) -> dict[str, Path]:
    model = folder / "model.onnx"
    files = {"float": model, _DYNAMIC: out / "dynamic.onnx"}
    quantize_dynamic(model, files[_DYNAMIC], weight_type=QuantType.QInt8)
    write_calibration(folder, out / "calibration")
    record = qconv.calibrate(model, data=[str(out / "calibration")])
    for name in names:
        files[name] = out / f"{len(files)}.onnx"
        qconv.convert(model, files[name], calibration=record, settings=_VARIANTS[name])
    return files


def _judge(folder: Path) -> Callable[[Path], float]:
    batches, scores = dev_pairs(folder)

    def judge(path: Path) -> float:
        return spearman(cosines(_session(path, 2), batches), scores)

    return judge


def _print(files: Mapping[str, Path], judge: Callable[[Path], float] | None, rounds: int) -> None:
    print(f"onnxruntime {ort.__version__}; speed against {_DYNAMIC} and against float")
    columns = [f"{batch} x {tokens}, {threads} thread" for batch, tokens, threads in _SHAPES]
    print(f"{'made by':30}{'MB':>8}{'Spearman':>10}{'change':>9}", *(f"{c:>24}" for c in columns))
    times = [_medians(list(files.values()), *shape, rounds) for shape in _SHAPES]
    exact = None if judge is None else judge(files["float"])
    for index, (name, path) in enumerate(files.items()):
        line = f"{name:30}{path.stat().st_size / 1e6:8.2f}"
        if judge is not None and exact is not None:
            found = judge(path)
            line += f"{found:10.4f}{found - exact:+9.4f}"
        for taken in times:
            line += f"{taken[index] * 1e3:9.2f} ms {taken[1] / taken[index]:5.2f}x"
            line += f" {taken[0] / taken[index]:5.2f}x"
        print(line)


def _medians(paths: list[Path], batch: int, tokens: int, threads: int, rounds: int) -> list[float]:
    """Return the median time of one inference of each file, in seconds, the files in turns."""
    sessions = [_session(path, threads) for path in paths]
    random = np.random.default_rng(0)
    feeds = {
        "input_ids": random.integers(1000, 20000, (batch, tokens)),
        "attention_mask": np.ones((batch, tokens), np.int64),
    }
    times: list[list[float]] = [[] for _ in paths]
    for turn in range(rounds if batch == 1 else max(rounds // 8, 5)):
        for session, taken in zip(sessions, times, strict=True):
            start = time.perf_counter()
            session.run(None, feeds)
            taken.extend([time.perf_counter() - start] if turn else [])
    return [float(np.median(taken)) for taken in times]


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
