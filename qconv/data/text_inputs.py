"""Which of a model's inputs gets what of a text: tokens, masks, positions, an empty past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qconv.data.input_checks import check_shape, describe
from qconv.data.source import Array, Feeds, TensorSpec
from qconv.errors import DataError

_PAST = ("past", "cache", "mem")
_MOST_AXES = 5
"""Of a past: layers, batch, heads, length, features."""


@dataclass(frozen=True)
class TextInputs:
    """The inputs of a model of text, by what they get.

    Attributes:
        tokens: the input of the tokens' numbers.
        others: each other input with what it gets: ``mask``, ``types``, ``positions``, ``past`` or
            ``off``.
        length: tokens of a feed where the model has a fixed number of them.
    """

    tokens: TensorSpec
    others: Sequence[tuple[TensorSpec, str]]
    length: int | None

    @classmethod
    def of(cls, inputs: Sequence[TensorSpec], where: str) -> TextInputs:
        """Find out by name, type and shape what each input is.

        Raises:
            DataError: there is not one input for the tokens, or one that nothing is known for.
        """
        others, tokens = [], []
        for spec in inputs:
            kind = _kind(spec)
            if kind == "tokens":
                tokens.append(spec)
            elif kind is None:
                raise DataError(
                    f"{where}: a text cannot feed the model's input '{spec.name}', "
                    f"{describe(spec)}",
                    hint="write a function that yields all inputs: script.py:function",
                )
            else:
                others.append((spec, kind))
        if len(tokens) != 1:
            names = ", ".join(f"'{spec.name}'" for spec in tokens) or "none"
            raise DataError(
                f"{where}: a text feeds one input of tokens, integers [batch, length]; this model "
                f"has {names}",
                hint="write a function that yields all inputs: script.py:function",
            )
        fixed = (tokens[0].shape or (None,))[-1]
        return cls(tokens[0], others, fixed if isinstance(fixed, int) else None)

    def feeds(self, ids: Sequence[int], types: Sequence[int], pad: int, where: str) -> Feeds:
        """Return what the model is fed for tokens and their segments; ``pad`` fills a fixed length.

        Raises:
            DataError: they do not fit the model's shapes.
        """
        length = len(ids) if self.length is None else self.length
        count = min(len(ids), length)
        made = {
            "tokens": _row(ids[:count], length, pad),
            "types": _row(types[:count], length, 0),
            "mask": _row([1] * count, length, 0),
            "positions": np.arange(length),
        }
        found = {}
        for spec, kind in ((self.tokens, "tokens"), *self.others):
            if kind in made:
                axes = len(spec.shape or (1, 1))
                array = made[kind].reshape((1,) * (axes - 1) + (length,)).astype(spec.dtype)
            else:
                array = _empty(spec)
            check_shape(array.shape, spec, f"{where}: '{spec.name}'")
            found[spec.name] = array
        return found


def _kind(spec: TensorSpec) -> str | None:
    name, axes = spec.name.lower(), len(spec.shape or (None, None))
    if any(word in name for word in _PAST) and spec.dtype.kind == "f" and axes <= _MOST_AXES:
        return "past"
    if spec.dtype.kind == "b" and axes <= 1:
        return "off"
    if axes > 2 or spec.dtype.kind not in "iuf":
        return None
    if "mask" in name:
        return "mask"
    if spec.dtype.kind == "f":
        return None
    if "type" in name or "segment" in name:
        return "types"
    return "positions" if "position" in name else "tokens"


def _row(
    numbers: Sequence[int], length: int, filler: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    row = np.full(length, filler, np.int64)
    row[: len(numbers)] = numbers
    return row


def _empty(spec: TensorSpec) -> Array:
    """Return a past without elements, ``[1, heads, 0, features]``, or a switch that is off."""
    return np.zeros(tuple(_axes(spec)), spec.dtype)


def _axes(spec: TensorSpec) -> Iterator[int]:
    for place, axis in enumerate(spec.shape or ()):
        yield axis if isinstance(axis, int) else 1 if place == 0 or spec.dtype.kind == "b" else 0
