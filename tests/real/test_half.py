"""FP16 on the real models, rounded value by value as hardware with float16 would."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

import qconv
from qconv.conversions.settings import HalfSettings
from qconv.data import Sample
from qconv.evaluation.simulation import HalfSimulation
from qconv.pipeline import Conversion
from qconv.reporting.catalog import metric_values
from tests.real.conftest import EfficientNet

Floats = NDArray[np.float32]

_BATCH = 16
_CONTEXT, _WINDOW = 64, 512


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
    rows = [line.split("\t") for line in (folder / "sts-dev.csv").read_text().splitlines()][::3]
    assert len(rows) == 500
    scores = np.array([float(row[4]) for row in rows])
    pairs = [(row[5], row[6]) for row in rows]
    batches = list(_tokenized(folder / "tokenizer.json", pairs))
    assert any((batch["attention_mask"] == 0).any() for batch in batches)
    exact = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    expected = _spearman(_cosines(exact, batches), scores)
    found = _spearman(_cosines(_simulated(half), batches), scores)
    assert expected == pytest.approx(0.867, abs=0.02)
    assert abs(found - expected) <= 0.0005
    padded = [batch for batch in batches if (batch["attention_mask"] == 0).any()][:8]
    names = ("input_ids", "attention_mask")
    samples = [Sample({name: batch[name] for name in names}, None, "a batch") for batch in padded]
    watched = HalfSimulation.of(half)
    assert watched is not None
    assert watched.watch(samples).overflow is None


def _tokenized(
    tokenizer: Path, pairs: Sequence[tuple[str, str]]
) -> Iterator[dict[str, NDArray[np.int64]]]:
    """Yield batches of first sentences, each followed by one of the second sentences."""
    tool = Tokenizer.from_file(str(tokenizer))
    tool.enable_truncation(128)
    tool.enable_padding()
    for start in range(0, len(pairs), _BATCH):
        for sentences in zip(*pairs[start : start + _BATCH], strict=True):
            encoded = tool.encode_batch(list(sentences))
            yield {
                "input_ids": np.array([e.ids for e in encoded]),
                "attention_mask": np.array([e.attention_mask for e in encoded]),
                "token_type_ids": np.array([e.type_ids for e in encoded]),
            }


def _cosines(
    session: ort.InferenceSession, batches: Sequence[dict[str, NDArray[np.int64]]]
) -> Floats:
    names = [port.name for port in session.get_inputs()]
    vectors = []
    for batch in batches:
        output = session.run(None, {name: batch[name] for name in names})[0].astype(np.float64)
        if output.ndim == 3:
            mask = batch["attention_mask"][..., np.newaxis]
            output = (output * mask).sum(1) / mask.sum(1)
        vectors.append(output / np.linalg.norm(output, axis=1, keepdims=True))
    pairs = zip(vectors[::2], vectors[1::2], strict=True)
    return np.concatenate([(first * second).sum(1) for first, second in pairs])


def _spearman(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


def _ranks(numbers: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each number; equal numbers share the mean of theirs."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


@pytest.mark.parametrize("name", ["silero_vad", "silero_vad_op18_ifless"])
def test_silero_vad(data_folder: Path, tmp_path: Path, name: str) -> None:
    folder = data_folder / "silero-vad"
    model = folder / f"{name}.onnx"
    half, conversion = _half(model, tmp_path)
    assert conversion.size_bytes / conversion.float_bytes <= 0.54
    with wave.open(str(folder / "speech.wav")) as stream:
        frames = stream.readframes(stream.getnframes())
    speech = np.frombuffer(frames, np.int16).astype(np.float32) / np.float32(32768)
    exact = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    expected, found = _probabilities(exact, speech), _probabilities(_simulated(half), speech)
    assert expected.size == 2603
    assert np.mean(expected > 0.5) == pytest.approx(0.786, abs=0.001)
    assert np.mean((expected > 0.5) == (found > 0.5)) >= 0.999
    assert np.abs(expected - found).mean() <= 0.001
    ort.InferenceSession(half, providers=["CPUExecutionProvider"])


def _probabilities(session: ort.InferenceSession, speech: Floats) -> Floats:
    """Run window by window, with the context before each and the state carried on."""
    padded = np.concatenate([np.zeros(_CONTEXT, np.float32), speech])
    state = np.zeros((2, 1, 128), np.float32)
    found = []
    for start in range(0, speech.size - _WINDOW + 1, _WINDOW):
        window = padded[np.newaxis, start : start + _CONTEXT + _WINDOW]
        feeds = {"input": window, "state": state, "sr": np.array(16000)}
        probability, state = session.run(None, feeds)
        found.append(float(probability[0, 0]))
    return np.array(found, np.float32)
