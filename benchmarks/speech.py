"""The speech task of the benchmarks: is someone speaking, window by window, with carried state.

As data: ``--data benchmarks/speech.py:calibration`` and ``--data benchmarks/speech.py:whole``, with
the folder of silero-vad's model and speech.wav in the variable QCONV_SPEECH.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Feeds = dict[str, NDArray[np.generic]]
Run = Callable[[Feeds], Mapping[str, NDArray[np.generic]]]

RATE = 16000
_CONTEXT, _WINDOW = 64, 512
_CALIBRATION_SECONDS = 20


def read_speech(path: Path) -> Floats:
    """Return the samples of a 16-bit wave file, scaled to [-1, 1)."""
    with wave.open(str(path)) as stream:
        frames = stream.readframes(stream.getnframes())
    return np.frombuffer(frames, np.int16).astype(np.float32) / np.float32(32768)


def calibration(run: Run) -> Iterator[Feeds]:
    """The first seconds of the speech, as data for qconv."""
    yield from _windows(run, _speech()[: _CALIBRATION_SECONDS * RATE])


def whole(run: Run) -> Iterator[Feeds]:
    """All of the speech, as data for qconv."""
    yield from _windows(run, _speech())


def probabilities(session: ort.InferenceSession, speech: Floats) -> Floats:
    """Return how likely someone speaks in each window, ``[windows]``."""
    found = []
    outputs = [output.name for output in session.get_outputs()]
    inputs = {value.name for value in session.get_inputs()}

    def run(feeds: Feeds) -> Mapping[str, NDArray[np.generic]]:
        own = {name: array for name, array in feeds.items() if name in inputs}
        answer = dict(zip(outputs, session.run(None, own), strict=True))
        found.append(float(answer["output"][0, 0]))
        return answer

    for _ in _windows(run, speech):
        pass
    return np.array(found, np.float32)


def _windows(run: Run, speech: Floats) -> Iterator[Feeds]:
    """Run window by window, with the context before each and the state carried on."""
    padded = np.concatenate([np.zeros(_CONTEXT, np.float32), speech])
    state: NDArray[np.generic] = np.zeros((2, 1, 128), np.float32)
    for start in range(0, speech.size - _WINDOW + 1, _WINDOW):
        window = padded[np.newaxis, start : start + _CONTEXT + _WINDOW]
        feeds: Feeds = {"input": window, "state": state, "sr": np.array(RATE)}
        state = run(feeds)["stateN"]
        yield feeds


def _speech() -> Floats:
    return read_speech(Path(os.environ["QCONV_SPEECH"]) / "speech.wav")
