"""Weights alone in few bits on the real models: sizes, accuracy, and time to make."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman, write_calibration
from benchmarks.speech import probabilities, read_speech
from qconv.recipe.settings import WeightOnlySettings, WeightType
from qconv.reporting.catalog import metric_values
from qconv.runtime.audit import audit_fusion
from tests.real.conftest import EfficientNet


def test_sentences(data_folder: Path, tmp_path: Path) -> None:
    """MiniLM, embedding included; the change of Spearman over all 1,500 pairs of sts-dev."""
    folder = data_folder / "all-minilm-l6-v2"
    model, record = folder / "model.onnx", tmp_path / "full.qcal"
    write_calibration(folder, tmp_path / "calibration")
    data = [str(tmp_path / "calibration")]
    qconv.calibrate(model, data=data, output=record, statistics="full")
    batches, scores = dev_pairs(folder)
    exact = spearman(cosines(_session(model), batches), scores)
    bars: dict[WeightType, tuple[float, float]] = {
        "int8": (24.0, 0.001),
        "int4": (13.0, 0.0015),
        "int2": (10.0, 0.015),
    }
    for dtype, (megabytes, change) in bars.items():
        path = tmp_path / f"{dtype}.onnx"
        settings = WeightOnlySettings(dtype=dtype)
        conversion = qconv.convert(model, path, calibration=record, settings=settings)
        assert conversion.size_bytes <= megabytes * 1e6, dtype
        found = spearman(cosines(_session(path), batches), scores)
        assert found >= exact - change, dtype
    audit = audit_fusion(tmp_path / "int4.onnx")
    assert audit.by_op == {"GatherBlockQuantized": (3, 3), "MatMulNBits": (36, 36)}


def test_images(efficientnet: EfficientNet, tmp_path: Path) -> None:
    """EfficientNet-Lite0 at four bits: GPTQ beside rounding to nearest, and the time it takes."""
    record, files = tmp_path / "full.qcal", []
    start = time.process_time()
    qconv.calibrate(
        efficientnet.model, data=[str(efficientnet.calibration)], output=record, statistics="full"
    )
    algorithms: tuple[Literal["gptq", "rtn"], ...] = ("gptq", "rtn")
    for algorithm in algorithms:
        files.append(tmp_path / f"{algorithm}.onnx")
        settings = WeightOnlySettings(dtype="int4", algorithm=algorithm)
        qconv.convert(efficientnet.model, files[-1], calibration=record, settings=settings)
    assert time.process_time() - start <= 40
    report = qconv.report(efficientnet.model, files, data=[str(efficientnet.test)], latency=False)
    gptq, nearest = (metric_values(report, variant) for variant in report.variants)
    assert gptq["size_mb"] <= 2.9
    assert gptq["top1_drop"] <= 3.0
    assert nearest["top1_drop"] >= 10


@pytest.mark.parametrize("name", ["silero_vad", "silero_vad_op18_ifless"])
def test_speech(data_folder: Path, tmp_path: Path, name: str) -> None:
    """Weights in the branches of If are stored, too."""
    folder, path = data_folder / "silero-vad", tmp_path / "int8.onnx"
    model = folder / f"{name}.onnx"
    conversion = qconv.convert(model, path, settings=WeightOnlySettings(dtype="int8"))
    assert conversion.size_bytes <= 0.35 * conversion.float_bytes
    speech = read_speech(folder / "speech.wav")
    exact, found = (probabilities(_session(file), speech) for file in (model, path))
    assert np.mean((exact > 0.5) == (found > 0.5)) >= 0.995


def test_every_weight_of_the_sentences_is_fused_behind_dequantize_linear(
    data_folder: Path, tmp_path: Path
) -> None:
    model, path = data_folder / "all-minilm-l6-v2" / "model.onnx", tmp_path / "qdq.onnx"
    settings = WeightOnlySettings(dtype="int4", format="qdq")
    qconv.convert(model, path, settings=settings)
    assert {entry.domain: entry.version for entry in onnx.load(path).opset_import}[""] >= 21
    audit = audit_fusion(path)
    assert audit.by_op["MatMul"] == (36, 36)
    optimized = tmp_path / "optimized.onnx"
    _session(path, optimized)
    counts = Counter(node.op_type for node in onnx.load(optimized).graph.node)
    assert counts["MatMulNBits"] == 36


def _session(path: Path, optimized: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
