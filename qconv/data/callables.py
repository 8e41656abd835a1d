"""Feeds from a function that the user wrote."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Protocol, runtime_checkable

import numpy as np

from qconv.data.input_checks import checked_label, fit
from qconv.data.source import Array, Sample, TensorSpec
from qconv.data.user_code import user_code
from qconv.data.user_function import Function
from qconv.errors import DataError, foreign
from qconv.memory import require_free

_MOST = 1 << 48
"""Feeds; a length above this is no length."""


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

    again = "the function must give the same feeds each time it is called"

    def __init__(
        self,
        spec: str,
        inputs: Sequence[TensorSpec],
        function: Function,
        length: int | None = None,
    ) -> None:
        """Call the function, count its feeds and validate the first one, if ``length`` is None.

        Raises:
            DataError: it fails, yields nothing, or its first feed does not fit.
        """
        self.spec = spec
        self._inputs = inputs
        self._function = function
        self._length = self._count() if length is None else length

    def __len__(self) -> int:
        return self._length

    def check(self, indices: Iterable[int]) -> None:
        """Do nothing: only running the function can tell."""

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen feeds.

        Raises:
            DataError: the function fails, yields fewer feeds than at first, or a feed does not
                fit the model.
        """
        result = self._call()
        if isinstance(result, _Indexed):
            for index in indices:
                with user_code(self.spec):
                    item = result[index]
                yield self.sample(item, index)
            return
        items = enumerate(self._items(result))
        for wanted in indices:
            item = next((item for index, item in items if index == wanted), None)
            if item is None:
                raise DataError(
                    f"{self.spec}: ended before feed {wanted}, "
                    f"but gave {self._length} feeds when first called",
                    hint=self.again,
                )
            yield self.sample(item, wanted)

    def _count(self) -> int:
        result = self._call()
        if isinstance(result, Sized):
            with user_code(self.spec):
                length = len(result)
            if length > _MOST:
                raise DataError(f"{self.spec}: says that it has {length} feeds")
            if length and isinstance(result, _Indexed):
                with user_code(self.spec):
                    first = result[0]
                self.sample(first, 0)
            elif length:
                for first in self._items(result):
                    self.sample(first, 0)
                    break
                else:
                    length = 0
        else:
            length = 0
            for item in self._items(result):
                if length == 0:
                    self.sample(item, 0)
                length += 1
        if length == 0:
            raise DataError(f"{self.spec}: yields no feeds")
        return length

    def _call(self) -> object:
        with user_code(self.spec):
            result = self._function()
            several = isinstance(result, Iterable | _Indexed)
        if isinstance(result, Mapping | str | bytes) or not several:
            raise DataError(
                f"{self.spec}: returned {type(result).__name__}; expected an iterable of dicts "
                "(name -> array), or of pairs (dict, label)",
                hint="yield each feed, or return them in a list",
            )
        return result

    def _items(self, result: object) -> Iterator[object]:
        with user_code(self.spec):
            iterator = iter(result)  # type: ignore[call-overload]
        while True:
            with user_code(self.spec):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def sample(self, item: object, index: int) -> Sample:
        """Return what the function yielded at ``index`` as a sample.

        Raises:
            DataError: it is no feed, or does not fit the model.
        """
        origin = f"{self.spec}[{index}]"
        with user_code(self.spec):  # what it gave may be of classes of its own
            feed, given = feed_and_label(item, origin)
            arrays = as_arrays(feed, self._inputs, origin)
            label = as_label(given, origin)
        return Sample(fit(arrays, self._inputs, origin), label, origin)


def feed_and_label(item: object, origin: str) -> tuple[Mapping[str, object], object]:
    """Take apart what a function yielded: a feed, or a pair of a feed and its label.

    Raises:
        DataError: it is neither.
    """
    feed, label = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if not isinstance(feed, Mapping):
        raise DataError(
            f"{origin}: is {type(feed).__name__}; expected a dict (name -> array), "
            "or a pair (dict, label)"
        )
    return feed, label


def as_arrays(
    feed: Mapping[str, object], inputs: Sequence[TensorSpec], origin: str
) -> dict[str, Array]:
    """Copy what a feed holds for the inputs into arrays; what else it holds is not looked at.

    Raises:
        DataError: something is not an array.
    """
    names = {spec.name for spec in inputs}
    return {
        str(name): _array(value, str(name), origin) if name in names else np.empty(0)
        for name, value in feed.items()
    }


def _array(value: object, name: str, origin: str) -> Array:
    if isinstance(value, np.ndarray):
        require_free(value.nbytes, f"{origin}: '{name}'")
    # another library's tensor says in its own way why it cannot
    with foreign(lambda error: DataError(f"{origin}: '{name}' is not an array: {error}")):
        array: Array = np.array(value, order="C", copy=True)
    return array


def as_label(label: object, origin: str) -> int | None:
    """Return a label as a whole number.

    Raises:
        DataError: it is something else.
    """
    if label is None:
        return None
    if isinstance(label, np.ndarray) and label.size == 1:
        label = label.reshape(-1)[0]
    try:
        number = operator.index(label)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(
            f"{origin}: the label is {type(label).__name__}; expected a whole number"
        ) from None
    return checked_label(number, origin)
