"""What the readers of values make of the numbers that were seen there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from qconv.errors import ModelError, UnsupportedError
from qconv.graph.model_io import model_to_bytes
from qconv.graph.responses import response_model
from qconv.observers.distribution import Distribution, Floats, Response
from qconv.observers.value import ValueStatistics
from qconv.runtime.session import open_session

_STEPS = 1024


@dataclass(frozen=True)
class _Points:
    """Points ``[B]`` of a distribution, how far to look around each, and a grid ``[G]``."""

    at: Floats
    around: Floats
    grid: Floats

    @classmethod
    def of(cls, seen: ValueStatistics) -> _Points:
        distribution = Distribution.of(seen)
        points, span = distribution.points, distribution.high - distribution.low
        return cls(points, np.maximum(np.abs(points) / 256, span / _STEPS), _grid(distribution))

    @property
    def feed(self) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        parts = (self.at - self.around, self.at, self.at + self.around, self.grid)
        return np.concatenate(parts).astype(np.float32)

    def response(self, results: Floats) -> Response | None:
        """Return what the results ``[3 B + G]`` tell; None where some are not finite."""
        count = self.at.size
        if results.size != 3 * count + self.grid.size or not np.isfinite(results).all():
            return None
        numbers = results.astype(np.float64)
        before, here, behind = numbers[: 3 * count].reshape(3, -1)
        slopes = (behind - before) / (2 * self.around)
        return Response(here, slopes, self.grid, numbers[3 * count :])


def _grid(distribution: Distribution) -> Floats:
    """Return numbers from one extreme to the other, in even steps and in steps that shrink to 0."""
    low, high = distribution.low, distribution.high
    shrinking = np.geomspace(1e-4, 1, _STEPS // 2)
    even = np.linspace(low, high, _STEPS + 1)
    grid: Floats = np.unique(np.concatenate([low * shrinking, even, high * shrinking]))
    return grid


def find_responses(
    model: ir.Model, statistics: Mapping[str, ValueStatistics], names: Iterable[str]
) -> dict[str, tuple[Response, ...]]:
    """Return the responses of the readers of values, at the points of each value's distribution.

    Values are left out that all readers take as they are, whose numbers were not counted, or for
    which an operator behind them gives no number.

    Args:
        model: a prepared model.
        statistics: of its values, by name.
        names: the values.
    """
    points = {
        name: _Points.of(statistics[name])
        for name in names
        if name in statistics and statistics[name].histogram.items()[0].size
    }
    found = response_model(model, points)
    if found is None:
        return {}
    try:
        session = open_session(model_to_bytes(found.model), threads=1)
        feeds = {own: points[name].feed for name, own in found.inputs.items()}
        names = [output for each in found.outputs.values() for output in each]
        results = dict(zip(names, session.run(names, feeds), strict=True))
    except (ModelError, UnsupportedError):
        return {}
    responses = {}
    for name, outputs in found.outputs.items():
        own = [points[name].response(np.ravel(results[output])) for output in outputs]
        known = [each for each in own if each is not None]
        if len(known) == len(own):
            responses[name] = tuple(known)
    return responses
