"""Whether a command that a signal ended was brought down by the runtime, and is told well."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import numpy as np

from tests.fuzz.case import INPUTS, Case
from tests.fuzz.outcome import Fault, Outcome, faults, innermost
from tests.fuzz.worker import run_process

_TRIES = 60
_LOADS = 60
"""What reads memory that is not its own crashes in some loads and not in others."""
_UNSUPPORTED = 4


def crash_faults(case: Case, outcome: Outcome, again: Path) -> list[Fault]:
    """Return what is wrong with a crash: nothing if the runtime is to blame and code 4 says so.

    Args:
        case: the command.
        outcome: what became of it in a forked child.
        again: a folder with the case made anew, to run it once more as a process. Where the runtime
            alone crashes, and not each time, that may end well.
    """
    place = innermost(outcome.errors)
    found = []
    crashes = any(_brings_down(model) for model in sorted((again / INPUTS).glob("*.onnx")))
    if not crashes:
        found.append(
            Fault(
                f"{outcome.signal_name} at {place}",
                "the float model alone does not crash the runtime",
            )
        )
    process = run_process(case, again)
    if process.code != _UNSUPPORTED and not crashes:
        shape = f"{outcome.signal_name}: as a process it ends with {process.code}"
        found.append(Fault(shape, place))
    found += faults(case, process)
    return found


def _brings_down(model: Path) -> bool:
    """Tell whether ONNX or the runtime crash on a model, without qconv."""
    return any(_dies(attempt, model) for attempt in (_check, _infer, _raise_version, _load, _run))


def _dies(attempt: object, model: Path) -> bool:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            signal.alarm(_TRIES)
            os.chdir(model.parent.parent)
            attempt(model)  # type: ignore[operator]
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGALRM


def _check(model: Path) -> None:
    import onnx

    onnx.checker.check_model(str(model.absolute()), full_check=True)


def _infer(model: Path) -> None:
    import onnx

    onnx.shape_inference.infer_shapes(onnx.load(model), data_prop=True)


def _raise_version(model: Path) -> None:
    import onnx

    onnx.version_converter.convert_version(onnx.load(model), 21)


def _load(model: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for _ in range(_LOADS):
        onnxruntime.InferenceSession(str(model), options)


def _run(model: Path) -> None:
    import onnxruntime

    feeds = dict(np.load(model.parent / "data.npz"))
    for level in (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    ):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = level
        session = onnxruntime.InferenceSession(str(model), options)
        for index in range(len(next(iter(feeds.values())))):
            for whole in (True, False):
                with contextlib.suppress(Exception):
                    fed = {
                        name: array[index] if whole else array[index : index + 1]
                        for name, array in feeds.items()
                    }
                    session.run(None, fed)
