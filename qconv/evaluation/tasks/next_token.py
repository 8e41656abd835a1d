"""How well a decoder predicts the next token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from qconv.data.source import Array, Feeds, Sample
from qconv.errors import DataError
from qconv.evaluation.tasks.score import Outputs, TaskScore, task_output

_IDS, _MASK = "input_ids", "attention_mask"
_ROWS = 256


class NextTokenScore(TaskScore):
    """The perplexity of the texts that the samples hold.

    An output ``[batch, tokens, vocabulary]`` predicts at each place the token of the next one in
    the input ``input_ids``, or in the only input of integers with these two axes; places that
    ``attention_mask`` leaves out do not count.

    Args:
        named: the output, if it is named.
    """

    def __init__(self, named: Sequence[str]) -> None:
        self._named = named
        self._losses = [0.0, 0.0]
        self._tokens = 0

    def update(self, sample: Sample, reference: Outputs, own: Outputs) -> None:
        """Add one sample."""
        name = task_output(reference, self._named, (3,), "perplexity")
        logits = reference[name]
        ids = _ids(sample, logits.shape[:2])
        counted = _counted(sample.feeds, ids)
        targets = ids[:, 1:][counted]
        if len(targets) and not 0 <= targets.min() <= targets.max() < logits.shape[-1]:
            raise DataError(
                f"{sample.origin}: has tokens beyond the {logits.shape[-1]} of the output '{name}'"
            )
        for index, outputs in enumerate((reference, own)):
            self._losses[index] += surprise(outputs[name][:, :-1][counted], targets)
        self._tokens += len(targets)

    @property
    def reference(self) -> Mapping[str, float]:
        """The perplexity of the float model."""
        return {"perplexity": _power(self._losses[0] / self._tokens)} if self._tokens else {}

    @property
    def result(self) -> Mapping[str, float]:
        """``perplexity``, and ``perplexity_ratio`` to that of the float model."""
        if not self._tokens:
            raise DataError("no sample has two tokens, so there is no next token to predict")
        theirs, mine = (loss / self._tokens for loss in self._losses)
        return {"perplexity": _power(mine), "perplexity_ratio": _power(mine - theirs)}


def surprise(logits: Array, tokens: Array) -> float:
    """Return the sum of ``-log softmax(logits)[token]`` in nats.

    Args:
        logits: ``[n, vocabulary]``.
        tokens: ``[n]``.
    """
    total = 0.0
    for start in range(0, len(tokens), _ROWS):
        rows = logits[start : start + _ROWS].astype(np.float64)
        chosen = np.take_along_axis(rows, tokens[start : start + _ROWS, None].astype(np.int64), 1)
        top = rows.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            logarithms = np.log(np.exp(rows - top).sum(axis=1)) + top[:, 0]
            total += float((logarithms - chosen[:, 0]).sum())
    return total


def _power(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf if nats == nats else math.nan


def _ids(sample: Sample, shape: tuple[int, ...]) -> Array:
    whole = {
        name: array
        for name, array in sample.feeds.items()
        if array.dtype.kind in "iu" and array.shape == shape
    }
    if _IDS in whole:
        return whole[_IDS]
    others = [array for name, array in whole.items() if name != _MASK]
    if len(others) != 1:
        raise DataError(
            f"{sample.origin}: has {len(others) or 'no'} inputs that could be the tokens of an "
            f"output of {shape[0]} x {shape[1]} places",
            hint=f"the tokens are the input '{_IDS}', or the only one of integers of that shape",
        )
    return others[0]


def _counted(feeds: Feeds, ids: Array) -> Array:
    """Return at which places the token of the next one counts, ``[batch, tokens - 1]``."""
    mask = feeds.get(_MASK)
    if mask is None or mask.shape != ids.shape:
        return np.ones((ids.shape[0], max(0, ids.shape[1] - 1)), np.bool_)
    real = mask != 0
    both: Array = real[:, :-1] & real[:, 1:]
    return both
