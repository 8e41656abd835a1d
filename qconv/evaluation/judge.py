"""What a variant loses at the outputs against the float model, on a few samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx_ir as ir

from qconv.data.source import Array, Feeds
from qconv.errors import DataError, ModelError
from qconv.graph.model_io import model_to_bytes
from qconv.graph.view import name_of, static_shape
from qconv.numerics.feature_sqnr import FeatureSqnr, Floats, feature_axis, prominence
from qconv.numerics.metrics import Sqnr
from qconv.parallel import in_parallel, worker_count
from qconv.runtime.session import InferenceSession, input_specs, open_session

JUDGED = 16
"""Samples on which a conversion compares what it chooses from."""

_LEAST_DB = 0.2
_MOST_BYTES = 256_000_000
"""Of the float model's outputs, which are kept."""


@dataclass(frozen=True)
class OutputError:
    """The error at one output, in dB of its signal.

    ``sqnr`` counts all its elements alike. ``by_feature`` is the mean over its features, counted
    where the output stands out from most of itself; it is the same for an output without features.
    """

    output: str
    sqnr: float
    by_feature: float


@dataclass(frozen=True)
class Judgement:
    """The errors at the outputs that hold floats.

    ``by_sample [samples]`` is in dB what the outputs have on average, feature by feature.
    """

    outputs: tuple[OutputError, ...]
    by_sample: Floats

    @property
    def samples(self) -> int:
        """On how many samples the errors were measured."""
        return len(self.by_sample)

    @property
    def overall(self) -> float:
        """What the outputs have on average over all samples, feature by feature, in dB."""
        return float(np.mean([each.by_feature for each in self.outputs]))

    @property
    def typical(self) -> float:
        """The mean over the samples, in dB: few that go astray do not decide it."""
        return float(np.mean(self.by_sample))

    def surely_beats(self, other: Judgement) -> bool:
        """Whether it is better over all samples, and each gains beyond doubt.

        That is 0.2 dB on average, and twice the standard error of that.
        """
        gains = self.by_sample - other.by_sample
        error = float(gains.std()) / math.sqrt(gains.size)
        return self.overall > other.overall and float(gains.mean()) > max(_LEAST_DB, 2 * error)


_Outputs = Mapping[str, Array]


class Judge:
    """Runs variants of a model on the same samples as the model itself.

    Args:
        model: the float model.
        feeds: the samples.
    """

    def __init__(self, model: ir.Model, feeds: Sequence[Feeds]) -> None:
        self._model = model
        self.feeds = feeds
        self._prominence: dict[str, list[Floats]] = {}
        self._axes = {
            name_of(output): feature_axis(static_shape(output))
            for output in model.graph.outputs
            if output.dtype in (None, ir.DataType.FLOAT, ir.DataType.DOUBLE, ir.DataType.FLOAT16)
        }

    def judge(self, variant: ir.Model | Path) -> Judgement | None:
        """Return what a variant loses, or None where its outputs cannot be compared.

        That is the case where no output holds floats, or where their shapes depend on the numbers,
        as those of boxes that were chosen by their scores.

        Raises:
            ModelError, UnsupportedError: the runtime cannot load it.
        """
        if not self._exact:
            return None
        model = model_to_bytes(variant) if isinstance(variant, ir.Model) else variant
        return self.compare(open_session(model, threads=1))

    def on(self, feeds: Sequence[Feeds]) -> Judge:
        """Return one that judges on other samples."""
        return Judge(self._model, feeds)

    def open_exact(self) -> InferenceSession:
        """Load the float model.

        Raises:
            ModelError, UnsupportedError: the runtime cannot load it.
        """
        return open_session(model_to_bytes(self._model), threads=1)

    def compare(self, session: InferenceSession) -> Judgement | None:
        """Return what a variant that is loaded loses; see :meth:`judge`."""
        exact = self._exact
        try:
            found = self._outputs(session, len(exact))
        except ModelError:
            return None
        errors, scores = [], []
        for name, declared in self._axes.items():
            pairs = [(e[name], f[name]) for e, f in zip(exact, found, strict=True)]
            if any(reference.shape != own.shape or not own.size for reference, own in pairs):
                continue
            axis = declared if _has_features([own for _, own in pairs], declared) else None
            total, features = Sqnr(), FeatureSqnr(axis)
            weights = self._weights(name, axis)
            for (reference, own), weight in zip(pairs, weights, strict=True):
                total.update(reference, own)
                features.update(reference, own, weight)
            errors.append(OutputError(name, total.result, features.mean))
            scores.append(features.by_feed)
        if not errors:
            return None
        return Judgement(tuple(errors), np.mean(scores, axis=0))

    def _weights(self, name: str, axis: int | None) -> Sequence[Floats | None]:
        if axis is None:
            return [None] * len(self._exact)
        if name not in self._prominence:
            self._prominence[name] = prominence([each[name] for each in self._exact], axis)
        return self._prominence[name]

    @cached_property
    def _exact(self) -> list[_Outputs]:
        """What the float model gives for as many samples as there is memory for."""
        if not self._axes or not self.feeds:
            return []
        session = self.open_exact()
        try:
            first = self._run(session, self.feeds[0])
            size = sum(array.nbytes for array in first.values())
            count = max(1, min(len(self.feeds), _MOST_BYTES // max(1, size)))
            return self._outputs(session, count)
        except ModelError as error:
            raise DataError(f"the float model fails on a kept sample: {error}") from error

    def _outputs(self, session: InferenceSession, count: int) -> list[_Outputs]:
        def run(feeds: Feeds) -> _Outputs:
            return self._run(session, feeds)

        return list(in_parallel(run, self.feeds[:count], worker_count()))

    def _run(self, session: InferenceSession, feeds: Feeds) -> _Outputs:
        names = list(self._axes)
        return dict(zip(names, session.run(names, suited(session, feeds)), strict=True))


def _has_features(arrays: Sequence[Array], axis: int | None) -> bool:
    """Whether arrays have an axis of one length, as the model declares."""
    lengths = {array.shape[axis : axis + 1] for array in arrays} if axis is not None else set()
    return len(lengths) == 1 and () not in lengths


def suited(session: InferenceSession, feeds: Feeds) -> Feeds:
    """Return a sample in the types that a model takes; a variant may take others."""
    types = {each.name: each.dtype for each in input_specs(session)}
    return {name: array.astype(types[name], copy=False) for name, array in feeds.items()}
