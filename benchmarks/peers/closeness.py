"""A metric against the float model for tools that search, without qconv: see search_nncf."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from types import SimpleNamespace

import onnxruntime as ort

from benchmarks.peers.feeds import Feed


class Closeness:
    """Calls a metric, FILE:FUNCTION, as qconv does: function(outputs, sample, reference).

    Args:
        metric: its name.
        model: the float model.
        feeds: the samples.
    """

    def __init__(self, metric: str, model: str, feeds: Sequence[Feed]) -> None:
        file, _, name = metric.rpartition(":")
        self._judge = runpy.run_path(file)[name]
        self._feeds = feeds
        self._exact = self._run(model)

    def scores(self, model: str | bytes) -> list[float]:
        """Return the metric of a file, or of its bytes, on each feed."""
        return [
            float(self._judge(found, SimpleNamespace(feeds=feed, label=None), exact))
            for feed, exact, found in zip(self._feeds, self._exact, self._run(model), strict=True)
        ]

    def mean(self, model: str | bytes) -> float:
        """Return the mean of the metric over the feeds."""
        scores = self.scores(model)
        return sum(scores) / len(scores)

    def _run(self, model: str | bytes) -> list[Feed]:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_outputs()]
        return [dict(zip(names, session.run(names, feed), strict=True)) for feed in self._feeds]
