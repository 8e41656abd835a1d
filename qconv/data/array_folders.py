"""Folders of .npz or .npy files, each file one whole feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from qconv.data.input_checks import (
    check_dtype,
    check_feed,
    check_names,
    check_shape,
    finished,
    format_shape,
    quoted,
)
from qconv.data.npy import NpyHeader, read_npy_array, read_npy_header, readable
from qconv.data.npz import LABELS, refuse_misspelt_labels
from qconv.data.npz_file import Member, load_arrays, read_members
from qconv.data.source import Sample, TensorSpec
from qconv.errors import DataError
from qconv.files import require_regular
from qconv.memory import require_free, require_unpacked


class NpzFolder:
    """One feed per .npz file, all the model's axes in it; shapes may differ between files.

    An entry ``labels`` of one whole number is optional, unless the model has such an input.
    """

    def __init__(self, files: Sequence[Path], inputs: Sequence[TensorSpec]) -> None:
        self._files = files
        self._inputs = inputs
        self._names = {spec.name for spec in inputs}

    def __len__(self) -> int:
        return len(self._files)

    def check(self, indices: Iterable[int]) -> None:
        """Validate the headers of the chosen files.

        Raises:
            DataError: a file is damaged or does not fit the model.
        """
        for index in indices:
            self._members(self._files[index])

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen files' feeds, with one file in memory at a time.

        Raises:
            DataError: a file is damaged, does not fit the model, or holds NaN or Inf.
        """
        for index in indices:
            path = self._files[index]
            arrays = load_arrays(path, self._members(path))
            feeds = {
                spec.name: finished(arrays[spec.name], spec, str(path)) for spec in self._inputs
            }
            label = None
            if LABELS in arrays and LABELS not in self._names:
                label = int(arrays[LABELS].reshape(-1)[0])
            yield Sample(feeds, label, str(path))

    def _members(self, path: Path) -> list[Member]:
        """Return the arrays to load from a file, checked by their headers."""
        names, members = read_members(path, {*self._names, LABELS})
        check_names(names, self._inputs, str(path))
        used = [members[spec.name] for spec in self._inputs]
        for member, spec in zip(used, self._inputs, strict=True):
            check_dtype(member.header.dtype, spec, str(path))
            check_shape(member.header.shape, spec, str(path))
        shapes = {member.name: member.header.shape for member in used}
        check_feed(shapes, self._inputs, str(path))
        size = sum(member.header.nbytes for member in used)
        require_unpacked(path.stat().st_size, size, f"{path}: the feed", DataError)
        if LABELS in members and LABELS not in self._names:
            _check_label(members[LABELS], path)
            used.append(members[LABELS])
        else:
            refuse_misspelt_labels({*names} - {*members}, str(path))
        return used


def _check_label(member: Member, path: Path) -> None:
    header = member.header
    if header.dtype.kind not in "iu" or header.shape not in ((), (1,)):
        raise DataError(
            f"{path}: array '{LABELS}' is {header.dtype} {format_shape(header.shape)}; "
            "expected one whole number, since the file is one feed",
            hint="store many labelled samples in one .npz file, outside a folder",
        )


class NpyFolder:
    """One feed per .npy file, for a model with one input.

    An array of one rank less than the input gets a batch axis of 1:
    ``[3, 224, 224] -> [1, 3, 224, 224]``.
    """

    def __init__(self, files: Sequence[Path], inputs: Sequence[TensorSpec], folder: Path) -> None:
        """Take a folder's .npy files.

        Raises:
            DataError: the model has more than one input.
        """
        if len(inputs) != 1:
            raise DataError(
                f"{folder}: a folder of .npy files feeds a model with one input; "
                f"this model has {len(inputs)}: {quoted([spec.name for spec in inputs])}",
                hint="store .npz files, whose arrays have the inputs' names",
            )
        self._files = files
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._files)

    def check(self, indices: Iterable[int]) -> None:
        """Validate the headers of the chosen files.

        Raises:
            DataError: a file is damaged or does not fit the model.
        """
        for index in indices:
            with self._opened(self._files[index]):
                pass

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen files' feeds, with one file in memory at a time.

        Raises:
            DataError: a file is damaged, does not fit the model, or holds NaN or Inf.
        """
        (spec,) = self._inputs
        for index in indices:
            path = self._files[index]
            with self._opened(path) as (stream, header), readable(str(path)):
                array = read_npy_array(stream, header)
            if self._lacks_batch(array.shape):
                array = array[np.newaxis]
            yield Sample({spec.name: finished(array, spec, str(path))}, None, str(path))

    @contextmanager
    def _opened(self, path: Path) -> Iterator[tuple[IO[bytes], NpyHeader]]:
        """Open a file, and check its header; the stream is at the first element."""
        size = require_regular(path, "a .npy file", DataError)
        with readable(str(path)), path.open("rb", buffering=0) as stream:
            header = read_npy_header(stream)
            header.check_length(size)
            self._check(header.dtype, header.shape, path)
            require_free(header.nbytes, f"{path}: the feed")
            yield stream, header

    def _lacks_batch(self, shape: tuple[int, ...]) -> bool:
        (spec,) = self._inputs
        return spec.shape is not None and len(shape) + 1 == len(spec.shape)

    def _check(self, dtype: np.dtype[np.generic], shape: tuple[int, ...], path: Path) -> None:
        (spec,) = self._inputs
        check_dtype(dtype, spec, str(path))
        feed_shape = (1, *shape) if self._lacks_batch(shape) else shape
        check_shape(feed_shape, spec, str(path))
        check_feed({spec.name: feed_shape}, self._inputs, str(path))
