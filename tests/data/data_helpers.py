"""Small builders shared by the tests of data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from qconv.data import Sample, TensorSpec, open_data
from qconv.errors import DataError, QconvError


def spec(name: str, shape: Sequence[int | str | None] | None, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(name, np.dtype(dtype), None if shape is None else tuple(shape))


IMAGES = spec("images", ("batch", 3, 4, 4))


def refusal(kind: type[QconvError], call: Callable[[], object]) -> tuple[str, str | None]:
    """Return the message and the hint of the error that ``call`` raises."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value), caught.value.hint


def refused(*inputs: TensorSpec) -> tuple[str, str | None]:
    """Return the message and the hint with which ``calib.npz`` is refused."""
    return refusal(DataError, lambda: open_data(["calib.npz"], inputs))


def drain(samples: Iterable[Sample]) -> list[Sample]:
    return list(samples)


def counting(
    *shape: int, dtype: str = "float32"
) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Return 0, 1, 2, ... in the given shape."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
