"""Folders of .npz or .npy files, each file one whole feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from qconv.data.fit import (
    check_dtype,
    check_feed,
    check_names,
    check_shape,
    finished,
    format_shape,
    quoted,
)
from qconv.data.npz import LABELS, refuse_misspelt_labels
from qconv.data.npz_file import Member, load_arrays, read_members, read_npy_header, readable
from qconv.data.source import Sample, TensorSpec
from qconv.errors import DataError


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

    def check(self, indices: Sequence[int]) -> None:
        """Validate the headers of the chosen files.

        Raises:
            DataError: a file is damaged or does not fit the model.
        """
        for index in indices:
            self._members(self._files[index])

    def read(self, indices: Sequence[int]) -> Iterator[Sample]:
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
        members = read_members(path)
        check_names(members, self._inputs, str(path))
        used = [members[spec.name] for spec in self._inputs]
        for member, spec in zip(used, self._inputs, strict=True):
            check_dtype(member.header.dtype, spec, str(path))
            check_shape(member.header.shape, spec, str(path))
        shapes = {member.name: member.header.shape for member in used}
        check_feed(shapes, self._inputs, str(path))
        others = {name: member for name, member in members.items() if name not in self._names}
        if LABELS in others:
            _check_label(others[LABELS], path)
            used.append(others[LABELS])
        else:
            refuse_misspelt_labels(others, str(path))
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
                hint="store .npz files, whose arrays bear the inputs' names",
            )
        self._files = files
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._files)

    def check(self, indices: Sequence[int]) -> None:
        """Validate the headers of the chosen files.

        Raises:
            DataError: a file is damaged or does not fit the model.
        """
        for index in indices:
            path = self._files[index]
            with readable(str(path)), path.open("rb") as stream:
                header = read_npy_header(stream)
                header.check_length(path.stat().st_size)
            self._check(header.dtype, header.shape, path)

    def read(self, indices: Sequence[int]) -> Iterator[Sample]:
        """Yield the chosen files' feeds, with one file in memory at a time.

        Raises:
            DataError: a file is damaged, does not fit the model, or holds NaN or Inf.
        """
        (spec,) = self._inputs
        for index in indices:
            path = self._files[index]
            with readable(str(path)):
                array = np.load(path, allow_pickle=False)
            self._check(array.dtype, array.shape, path)
            if self._lacks_batch(array.shape):
                array = array[np.newaxis]
            yield Sample({spec.name: finished(array, spec, str(path))}, None, str(path))

    def _lacks_batch(self, shape: tuple[int, ...]) -> bool:
        (spec,) = self._inputs
        return spec.shape is not None and len(shape) + 1 == len(spec.shape)

    def _check(self, dtype: np.dtype[np.generic], shape: tuple[int, ...], path: Path) -> None:
        (spec,) = self._inputs
        check_dtype(dtype, spec, str(path))
        feed_shape = (1, *shape) if self._lacks_batch(shape) else shape
        check_shape(feed_shape, spec, str(path))
        check_feed({spec.name: feed_shape}, self._inputs, str(path))
