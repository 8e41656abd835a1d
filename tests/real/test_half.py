"""FP16 on the real models, rounded value by value as hardware with float16 would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman
from benchmarks.speech import probabilities, read_speech
from qconv.data import Sample
from qconv.evaluation.simulation import HalfSimulation
from qconv.pipeline import Conversion
from qconv.recipe.settings import HalfSettings
from qconv.reporting.catalog import metric_values
from tests.real.conftest import EfficientNet


def _half(model: Path, folder: Path) -> tuple[Path, Conversion]:
    output = folder / "model.fp16.onnx"
    return output, qconv.convert(model, output, settings=HalfSettings())


def _simulated(path: Path) -> ort.InferenceSession:
    simulation = HalfSimulation.of(path)
    assert simulation is not None
    return simulation.runner.session


def test_efficientnet(efficientnet: EfficientNet, tmp_path: Path) -> None:
    half, conversion = _half(efficientnet.model, tmp_path)
    report = qconv.report(efficientnet.model, [half], data=[str(efficientnet.test)], latency=False)
    values = metric_values(report, report.variants[0])
    assert conversion.note == "2 Casts added"
    assert values["size_ratio"] == pytest.approx(0.50, abs=0.005)
    assert values["agreement"] >= 99.5
    assert abs(values["top1_drop"]) <= 0.25
    assert values["sqnr_db"] >= 45
    simulation = report.variants[0].simulation
    assert simulation is not None
    assert (simulation.dtype, simulation.overflow) == ("float16", None)


def test_minilm(data_folder: Path, tmp_path: Path) -> None:
    """Every third of the 1,500 pairs of sts-dev, in batches of mixed lengths: masks matter."""
    folder = data_folder / "all-minilm-l6-v2"
    half, conversion = _half(folder / "model.onnx", tmp_path)
    assert conversion.size_bytes / conversion.float_bytes == pytest.approx(0.50, abs=0.005)
    batches, scores = dev_pairs(folder, step=3)
    assert len(scores) == 500
    assert any((batch["attention_mask"] == 0).any() for batch in batches)
    exact = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    expected = spearman(cosines(exact, batches), scores)
    found = spearman(cosines(_simulated(half), batches), scores)
    assert expected == pytest.approx(0.867, abs=0.02)
    assert abs(found - expected) <= 0.0005
    padded = [batch for batch in batches if (batch["attention_mask"] == 0).any()][:8]
    names = ("input_ids", "attention_mask")
    samples = [Sample({name: batch[name] for name in names}, None, "a batch") for batch in padded]
    watched = HalfSimulation.of(half)
    assert watched is not None
    assert watched.watch(samples).overflow is None


@pytest.mark.parametrize("name", ["silero_vad", "silero_vad_op18_ifless"])
def test_silero_vad(data_folder: Path, tmp_path: Path, name: str) -> None:
    folder = data_folder / "silero-vad"
    model = folder / f"{name}.onnx"
    half, conversion = _half(model, tmp_path)
    assert conversion.size_bytes / conversion.float_bytes <= 0.54
    speech = read_speech(folder / "speech.wav")
    exact = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected, found = probabilities(exact, speech), probabilities(_simulated(half), speech)
    assert expected.size == 2603
    assert np.mean(expected > 0.5) == pytest.approx(0.786, abs=0.001)
    assert np.mean((expected > 0.5) == (found > 0.5)) >= 0.999
    assert np.abs(expected - found).mean() <= 0.001
    ort.InferenceSession(half, providers=["CPUExecutionProvider"])
