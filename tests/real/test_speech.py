"""silero-vad: INT8 of a recurrent model with control flow, over a recording with carried state."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import qconv
from benchmarks.speech import Floats, probabilities, read_speech
from qconv.graph.model_io import read_model
from qconv.graph.view import op_counts
from qconv.recipe.settings import DynamicSettings, Float32Settings, Int8Settings, Settings

FILES = ["silero_vad", "silero_vad_op18_ifless"]
RATE = {"sr": 16000}
CALIBRATION = ["benchmarks/speech.py:calibration"]


@pytest.fixture(scope="module")
def speech(data_folder: Path) -> Floats:
    os.environ["QCONV_SPEECH"] = str(data_folder / "silero-vad")
    return read_speech(data_folder / "silero-vad" / "speech.wav")


def session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def converted(model: Path, out: Path, settings: Settings, assume: dict[str, int]) -> Path:
    data = CALIBRATION if isinstance(settings, Int8Settings) else None
    return qconv.convert(model, out, data=data, settings=settings, assume=assume, force=True).path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("assume", [{}, RATE], ids=["If", "assumed"])
@pytest.mark.parametrize("settings", [Int8Settings(), DynamicSettings()], ids=["static", "dynamic"])
def test_decisions_agree(
    data_folder: Path,
    tmp_path: Path,
    speech: Floats,
    name: str,
    assume: dict[str, int],
    settings: Settings,
) -> None:
    model = data_folder / "silero-vad" / f"{name}.onnx"
    path = converted(model, tmp_path / "vad.onnx", settings, assume)
    assert op_counts(read_model(path))["If"] == (0 if assume else 1)
    assert path.stat().st_size < (0.37e6 if assume else 0.65e6)
    exact, found = (probabilities(session(file), speech) for file in (model, path))
    assert len(exact) == 2603
    assert np.mean((exact > 0.5) == (found > 0.5)) >= 0.99
    assert np.abs(exact - found).mean() < 0.005


@pytest.mark.parametrize("settings", [Int8Settings(), DynamicSettings()], ids=["static", "dynamic"])
def test_it_is_not_slower_than_float(
    data_folder: Path, tmp_path: Path, speech: Floats, settings: Settings
) -> None:
    """The float model has the rate fixed, too, which alone makes it a third faster."""
    model = data_folder / "silero-vad" / "silero_vad.onnx"
    floats = converted(model, tmp_path / "f.onnx", Float32Settings(), RATE)
    path = converted(model, tmp_path / "i.onnx", settings, RATE)
    sessions = [session(floats), session(path)]
    feeds = {"input": speech[None, 48000:48576], "state": np.zeros((2, 1, 128), np.float32)}
    times = np.zeros((300, 2))
    for row in times:
        for index, one in enumerate(sessions):
            start = time.perf_counter()
            one.run(None, feeds)
            row[index] = time.perf_counter() - start
    medians = np.median(times, axis=0)
    assert medians[1] <= 1.1 * medians[0]
