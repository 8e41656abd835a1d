"""Whether a written file is right: judged beside the float model, without qconv."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

Array = NDArray[Any]
_SENTINEL = 1e30
"""Numbers as large as this mask something; they differ from type to type."""


def judge(
    original: Path, written: Path, feeds: Mapping[str, Array] | None, near: float
) -> list[str]:
    """Return what is wrong with a file, found in a child, which the runtime may bring down.

    Args:
        original: the float model.
        written: what was made of it.
        feeds: what both are run on, if anything.
        near: how far the error of each output must lie below its signal, in dB.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as stream:
            json.dump(list(_faults(original, written, feeds, near)), stream)
            stream.flush()
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status):
        return ["judging it ends in a crash"]
    found: list[str] = json.loads(said)
    return found


def _faults(
    original: Path, written: Path, feeds: Mapping[str, Array] | None, near: float
) -> Iterator[str]:
    rejected = _rejected(written)
    if rejected and not _rejected(original):
        yield f"the checker rejects it: {rejected}"
    before, after = _open(original), _open(written)
    if isinstance(before, str):
        return
    if isinstance(after, str):
        yield f"it does not load: {after}"
    elif feeds is not None:
        yield from _differences(before, after, feeds, near)


def _rejected(path: Path) -> str:
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # the checker and shape inference raise different types
        return str(error)
    return ""


def _open(path: Path) -> ort.InferenceSession | str:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base class
        return str(error)


def _differences(
    before: ort.InferenceSession,
    after: ort.InferenceSession,
    feeds: Mapping[str, Array],
    near: float,
) -> Iterator[str]:
    try:
        expected, again = (before.run(None, dict(feeds)) for _ in range(2))
    except Exception:  # then there is nothing to compare with
        return
    try:
        found = after.run(None, dict(feeds))
    except Exception as error:  # the runtime's exceptions share no base class
        yield f"it does not run: {error}"
        return
    outputs = zip(before.get_outputs(), expected, again, found, strict=True)
    for port, one, twice, other in outputs:
        if not isinstance(one, np.ndarray) or one.dtype.kind != "f":
            continue
        if not np.array_equal(one, twice, equal_nan=True):
            continue  # random numbers
        if one.shape != other.shape:
            yield f"'{port.name}' has the shape {other.shape}, not {one.shape}"
        elif (distance := _sqnr(one, other)) < near:
            yield f"'{port.name}' is {distance:.1f} dB from the float model's"


def _sqnr(one: Array, other: Array) -> float:
    """Return signal to noise in dB, over the plain numbers of ``one``."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    plain = np.abs(one) < _SENTINEL
    signal, given = one[plain], other[plain]
    if not np.isfinite(given).all():
        return -np.inf
    noise = ((given - signal) ** 2).sum()
    return float(10 * np.log10((signal**2).sum() / noise)) if noise else np.inf
