"""Variants that compute in float16 or bfloat16, run as hardware that has the type would.

ONNX Runtime on x64 computes them in float32, or not at all. What they cost in accuracy shows only
when every value is rounded, and overflows, as in the type itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.data.source import Feeds, Sample, Source
from qconv.graph.edit import Editor
from qconv.graph.model_io import model_to_bytes, read_model
from qconv.graph.prepare import normalize
from qconv.parallel import in_parallel, worker_count
from qconv.reporting.runs import Overflow, Simulation
from qconv.rewrite.simulate import half_values, simulate_half, widen_half
from qconv.runtime.runner import Runner
from qconv.runtime.session import open_session

_WATCHED_SAMPLES = 64
_INFINITE = {ir.DataType.FLOAT16: 65520.0, ir.DataType.BFLOAT16: 255.5 * 2.0**120}
"""Numbers from here on round to infinity."""


class HalfSimulation:
    """A variant in float16 or bfloat16, rounded explicitly in a float32 model.

    Attributes:
        runner: runs the simulated model; its inputs and outputs are float32.
        dtype: the type that the variant computes in.
    """

    def __init__(self, path: Path, model: ir.Model, assumed: Feeds, threads: int | None) -> None:
        self._assumed = {
            name: array for name, array in assumed.items() if name in _input_names(model)
        }
        self.dtype = next(value.dtype for value in half_values(model) if value.dtype is not None)
        self._exact = model.clone()
        widen_half(self._exact)
        fast = model.clone()
        simulate_half(fast, clamped=True)
        self._names = simulate_half(model)
        self._model = model
        session = open_session(model_to_bytes(fast), threads=threads)
        self.runner = Runner(path, session, assumed)

    @classmethod
    def of(
        cls, path: Path, assumed: Feeds | None = None, threads: int | None = None
    ) -> HalfSimulation | None:
        """Return the simulation of a model file, None for one that computes in neither type."""
        model = normalize(read_model(path))
        return cls(path, model, assumed or {}, threads) if half_values(model) else None

    def watch(self, source: Source) -> Simulation:
        """Look for the first value, in graph order, that is too large for the type.

        The first 64 samples are looked at, and of the values those of the main graph. A value that
        is infinite or NaN without any rounding, as a mask may be, does not count.
        """
        name = self.dtype.name.lower()
        samples = [
            replace(sample, feeds={**sample.feeds, **self._assumed})
            for sample in islice(source, _WATCHED_SAMPLES)
        ]
        if not self._names or not samples:
            return Simulation(name, len(samples), None)
        maxima = _maxima(self._model, list(self._names.values()), samples)
        too_large = ~(maxima < _INFINITE[self.dtype])
        if not too_large.any():
            return Simulation(name, len(samples), None)
        too_large &= np.isfinite(_maxima(self._exact, list(self._names), samples))
        if not too_large.any():
            return Simulation(name, len(samples), None)
        value = int(np.flatnonzero(too_large.any(axis=0))[0])
        sample = int(np.flatnonzero(too_large[:, value])[0])
        overflow = Overflow(
            value=list(self._names)[value],
            magnitude=float(maxima[sample, value]),
            sample=samples[sample].origin,
        )
        return Simulation(name, len(samples), overflow)


def _input_names(model: ir.Model) -> set[str]:
    return {str(value.name) for value in model.graph.inputs}


def _maxima(
    model: ir.Model, names: Sequence[str], samples: Sequence[Sample]
) -> NDArray[np.float32]:
    """Return the largest magnitude of each named value, ``[samples, values]``."""
    session = open_session(model_to_bytes(_with_maxima(model, names)), threads=1)

    def largest(sample: Sample) -> NDArray[np.float32]:
        return np.stack(session.run(None, dict(sample.feeds))).reshape(-1)

    return np.stack(list(in_parallel(largest, samples, worker_count())))


def _with_maxima(model: ir.Model, names: Sequence[str]) -> ir.Model:
    """Return a copy whose outputs are the largest magnitudes ``[]`` of the named values."""
    watched = model.clone()
    graph = watched.graph
    editor = Editor(graph)
    values = ir.convenience.create_value_mapping(graph)
    graph.outputs.clear()
    for name in names:
        magnitude = editor.node("Abs", [values[name]], f"{name}/magnitude")
        largest = editor.node(
            "ReduceMax", magnitude.outputs, f"{name}/largest", dtype=ir.DataType.FLOAT, keepdims=0
        )
        graph.extend([magnitude, largest])
        graph.outputs.append(largest.outputs[0])
    return watched
