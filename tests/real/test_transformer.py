"""Static INT8 of all-MiniLM-L6-v2: 128 training sentences calibrate, 1,500 pairs judge."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman, write_calibration
from qconv.calibration.record_file import write_record
from qconv.observers.estimators import Method
from qconv.recipe.settings import Int8Settings


@dataclass(frozen=True)
class Sentences:
    """The model, its calibration data, and a record of them."""

    folder: Path
    calibration: Path
    record: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.onnx"


@pytest.fixture(scope="module")
def sentences(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Sentences:
    out = tmp_path_factory.mktemp("minilm")
    folder = data_folder / "all-minilm-l6-v2"
    write_calibration(folder, out / "calibration")
    found = Sentences(folder, out / "calibration", out / "model.qcal")
    qconv.calibrate(found.model, data=[str(found.calibration)], output=found.record)
    return found


@pytest.fixture(scope="module")
def int8(sentences: Sentences) -> Path:
    path = sentences.record.with_name("model.int8.onnx")
    qconv.convert(sentences.model, path, calibration=sentences.record)
    return path


def _session(path: Path, optimized: Path | None = None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_the_spearman_is_that_of_float(sentences: Sentences, int8: Path) -> None:
    batches, scores = dev_pairs(sentences.folder)
    exact = spearman(cosines(_session(sentences.model), batches), scores)
    found = spearman(cosines(_session(int8), batches), scores)
    assert exact == pytest.approx(0.8672, abs=0.0002)
    assert found >= exact - 0.001


def test_the_file_is_a_quarter_of_float(int8: Path) -> None:
    assert int8.stat().st_size <= 23e6


def test_products_run_in_integers_and_nothing_slow_is_fused(int8: Path, tmp_path: Path) -> None:
    _session(int8, tmp_path / "optimized.onnx")
    ops = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert ops["MatMulIntegerToFloat"] == 36
    assert ops["QuantizeLinear"] == 24
    assert ops["GatherBlockQuantized"] == 3
    assert ops["Gelu"] + ops["BiasGelu"] == 6
    assert ops["LayerNormalization"] == 13
    assert not ops["DequantizeLinear"] + ops["SkipLayerNormalization"] + ops["Erf"]


def test_the_order_of_sentences_changes_no_bit(sentences: Sentences, tmp_path: Path) -> None:
    files = sorted(sentences.calibration.glob("*.npz"))
    assert len({np.load(path)["input_ids"].shape for path in files}) > 10
    for name, part in (("first", files[50:]), ("second", files[:50])):
        (tmp_path / name).mkdir()
        for path in part:
            shutil.copy(path, tmp_path / name)
    parts = [str(tmp_path / name) for name in ("first", "second")]
    for name, data in (("one", [str(sentences.calibration)]), ("other", parts)):
        record = qconv.calibrate(sentences.model, data=data, statistics="histogram")
        write_record(record, tmp_path / f"{name}.qcal")
    assert (tmp_path / "other.qcal").read_bytes() == (tmp_path / "one.qcal").read_bytes()


def test_the_mask_is_no_data(sentences: Sentences) -> None:
    record = qconv.calibrate(
        sentences.model, data=[str(sentences.calibration)], statistics="ranges", values="all"
    )
    limits = [(value.range.low, value.range.high) for value in record.statistics.values()]
    assert len(limits) > 150
    assert all(abs(low) < 1e4 and abs(high) < 1e4 for low, high in limits if low <= high)


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy", "mse"])
def test_lengths_may_vary_with_every_method(
    sentences: Sentences, method: Method, tmp_path: Path
) -> None:
    path = tmp_path / "int8.onnx"
    qconv.convert(
        sentences.model, path, calibration=sentences.record, settings=Int8Settings(method=method)
    )
    batches, scores = dev_pairs(sentences.folder, step=5)
    exact = spearman(cosines(_session(sentences.model), batches), scores)
    assert spearman(cosines(_session(path), batches), scores) >= exact - 0.03
