"""Feeds from a function that the user wrote."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Protocol, runtime_checkable

import numpy as np

from qconv.data.fit import fit
from qconv.data.source import Array, Sample, TensorSpec
from qconv.data.user_function import load_function, user_code
from qconv.errors import DataError


@runtime_checkable
class _Indexed(Sized, Protocol):
    def __getitem__(self, index: int) -> object: ...


class FunctionReader:
    """The feeds that ``script.py:function`` yields, called anew for each pass.

    The function takes no arguments and returns an iterable of dicts (name -> array, all the
    model's axes in it) or of pairs (dict, label). Whatever has a length and an index, such as a
    list or a dataset, is asked for the chosen samples only. Anything else is iterated, once
    already to count it: it must end, and give the same feeds each time. Arrays are copied, so
    that the function may reuse its buffers.
    """

    def __init__(self, spec: str, inputs: Sequence[TensorSpec]) -> None:
        """Import the function, call it, count its feeds and validate the first one.

        Raises:
            DataError: it cannot be found, fails, yields nothing, or its first feed does not fit.
        """
        self._spec = spec
        self._inputs = inputs
        self._function = load_function(spec)
        self._length = self._count()

    def __len__(self) -> int:
        return self._length

    def check(self, indices: Sequence[int]) -> None:
        """Do nothing: only running the function can tell."""

    def read(self, indices: Sequence[int]) -> Iterator[Sample]:
        """Yield the chosen feeds.

        Raises:
            DataError: the function fails, yields fewer feeds than at first, or a feed does not
                fit the model.
        """
        result = self._call()
        if isinstance(result, _Indexed):
            for index in indices:
                with user_code(self._spec):
                    item = result[index]
                yield self._sample(item, index)
            return
        items = enumerate(self._items(result))
        for wanted in indices:
            item = next((item for index, item in items if index == wanted), None)
            if item is None:
                raise DataError(
                    f"{self._spec}: ended before feed {wanted}, "
                    f"but gave {self._length} feeds when first called",
                    hint="the function must give the same feeds each time it is called",
                )
            yield self._sample(item, wanted)

    def _count(self) -> int:
        result = self._call()
        if isinstance(result, Sized):
            with user_code(self._spec):
                length = len(result)
            if length and isinstance(result, _Indexed):
                with user_code(self._spec):
                    first = result[0]
                self._sample(first, 0)
            elif length:
                self._sample(next(self._items(result)), 0)
        else:
            length = 0
            for item in self._items(result):
                if length == 0:
                    self._sample(item, 0)
                length += 1
        if length == 0:
            raise DataError(f"{self._spec}: yields no feeds")
        return length

    def _call(self) -> object:
        with user_code(self._spec):
            result = self._function()
        if isinstance(result, Mapping | str | bytes) or not isinstance(result, Iterable | _Indexed):
            raise DataError(
                f"{self._spec}: returned {type(result).__name__}; expected an iterable of dicts "
                "(name -> array), or of pairs (dict, label)",
                hint="yield each feed, or return them in a list",
            )
        return result

    def _items(self, result: object) -> Iterator[object]:
        with user_code(self._spec):
            iterator = iter(result)  # type: ignore[call-overload]
        while True:
            with user_code(self._spec):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _sample(self, item: object, index: int) -> Sample:
        origin = f"{self._spec}[{index}]"
        feed, label = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        if not isinstance(feed, Mapping):
            raise DataError(
                f"{origin}: is {type(feed).__name__}; expected a dict (name -> array), "
                "or a pair (dict, label)"
            )
        names = {spec.name for spec in self._inputs}
        arrays = {
            str(name): _array(value, str(name), origin) if name in names else np.empty(0)
            for name, value in feed.items()
        }
        return Sample(fit(arrays, self._inputs, origin), _label(label, origin), origin)


def _array(value: object, name: str, origin: str) -> Array:
    try:
        array: Array = np.array(value, order="C", copy=True)
    except Exception as error:  # another library's tensor says in its own way why it cannot
        raise DataError(f"{origin}: '{name}' is not an array: {error}") from error
    return array


def _label(label: object, origin: str) -> int | None:
    if label is None:
        return None
    if isinstance(label, np.ndarray) and label.size == 1:
        label = label.reshape(-1)[0]
    try:
        return operator.index(label)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(
            f"{origin}: the label is {type(label).__name__}; expected a whole number"
        ) from None
