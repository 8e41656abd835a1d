"""The speech task of the benchmarks: is someone speaking, window by window, with carried state."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_CONTEXT, _WINDOW = 64, 512


def read_speech(path: Path) -> Floats:
    """Return the samples of a 16-bit wave file, scaled to [-1, 1)."""
    with wave.open(str(path)) as stream:
        frames = stream.readframes(stream.getnframes())
    return np.frombuffer(frames, np.int16).astype(np.float32) / np.float32(32768)


def probabilities(session: ort.InferenceSession, speech: Floats) -> Floats:
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
