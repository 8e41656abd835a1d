"""One .npz file that holds many samples: the first axis of each array counts them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qconv.data.input_checks import (
    Shape,
    check_dtype,
    check_feed,
    check_names,
    describe,
    finished,
    format_shape,
    nearest,
    quoted,
    shape_error,
    shape_fits,
)
from qconv.data.npz_file import Member, read_members
from qconv.data.npz_rows import Rows, open_rows
from qconv.data.source import Sample, TensorSpec
from qconv.errors import DataError
from qconv.memory import require_unpacked

LABELS = "labels"


@dataclass(frozen=True)
class _Column:
    """An input, the array that feeds it, and the shape of one feed."""

    spec: TensorSpec
    member: Member
    feed_shape: Shape

    @property
    def nbytes(self) -> int:
        """Bytes of one feed."""
        return math.prod(self.feed_shape) * self.member.header.dtype.itemsize


class NpzReader:
    """The samples of one .npz file, read one at a time.

    An array of the input's rank holds one sample per entry of its first axis and feeds it with a
    batch axis of 1: ``images [N, 3, 224, 224] -> [1, 3, 224, 224]``. An array of one rank more
    holds whole feeds: ``state [N, 2, 1, 128] -> [2, 1, 128]``, ``sr [N] -> []``. For an input of
    unknown rank the first case holds. ``labels [N]``, whole numbers, is optional, unless the
    model itself has an input of that name.
    """

    def __init__(self, path: Path, inputs: Sequence[TensorSpec]) -> None:
        """Read the headers, and validate them against the model's inputs.

        Raises:
            DataError: names, types, shapes or counts do not fit, or there is no sample.
        """
        self._path = path
        wanted = {spec.name for spec in inputs}
        names, members = read_members(path, {*wanted, LABELS})
        check_names(names, inputs, str(path))
        self._columns = [_column(spec, members[spec.name], str(path)) for spec in inputs]
        self._length = _common_length([column.member for column in self._columns], str(path))
        shapes = {column.spec.name: column.feed_shape for column in self._columns}
        check_feed(shapes, inputs, str(path))
        self._labels = None if LABELS in wanted else self._find_labels(names, members)
        require_unpacked(
            path.stat().st_size,
            sum(column.nbytes for column in self._columns),
            f"{path}: a sample",
            DataError,
        )

    def __len__(self) -> int:
        return self._length

    def check(self, indices: Iterable[int]) -> None:
        """Do nothing: the headers, already checked, speak for every sample."""

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the samples at ``indices``, one seek and one read for each stored array.

        Raises:
            DataError: the file is damaged, or a value is NaN or infinite.
        """
        with ExitStack() as stack:
            columns = [
                (column, stack.enter_context(open_rows(self._path, column.member)))
                for column in self._columns
            ]
            labels = None
            if self._labels is not None:
                labels = stack.enter_context(open_rows(self._path, self._labels))
            for index in indices:
                origin = f"{self._path}[{index}]"
                feeds = {}
                for column, rows in columns:
                    array = np.empty(column.feed_shape, column.member.header.dtype)
                    rows.read(index, array.reshape(-1).view(np.uint8))
                    feeds[column.spec.name] = finished(array, column.spec, origin)
                yield Sample(feeds, self._label(labels, index), origin)

    def _label(self, rows: Rows | None, index: int) -> int | None:
        if rows is None or self._labels is None:
            return None
        label = np.empty(1, self._labels.header.dtype)
        rows.read(index, label.view(np.uint8))
        return int(label[0])

    def _find_labels(self, names: Collection[str], members: Mapping[str, Member]) -> Member | None:
        member = members.get(LABELS)
        if member is None:
            refuse_misspelt_labels({*names} - {*members}, str(self._path))
            return None
        header = member.header
        if header.dtype.kind not in "iu" or len(header.shape) != 1:
            raise DataError(
                f"{self._path}: array '{LABELS}' is {header.dtype} {format_shape(header.shape)}; "
                f"expected whole numbers of shape [{self._length}]"
            )
        if header.shape[0] != self._length:
            raise DataError(
                f"{self._path}: array '{LABELS}' holds {header.shape[0]} labels "
                f"for {self._length} samples"
            )
        return member


def refuse_misspelt_labels(others: Collection[str], where: str) -> None:
    """Refuse an array whose name is nearly ``labels``: left out, it would be missed silently.

    Raises:
        DataError: there is one.
    """
    near = nearest(LABELS, others, cutoff=0.8)
    if near is not None:
        raise DataError(
            f"{where}: array '{near}' is neither an input of the model nor '{LABELS}'",
            hint=f"rename '{near}' to '{LABELS}' if it holds the labels, or leave it out",
        )


def _column(spec: TensorSpec, member: Member, where: str) -> _Column:
    header = member.header
    check_dtype(header.dtype, spec, where)
    rank = len(header.shape) if spec.shape is None else len(spec.shape)
    if not header.shape or len(header.shape) - rank not in (0, 1):
        raise shape_error(header.shape, spec, where, hint=_expected(spec))
    by_row = len(header.shape) == rank
    batch = spec.shape[0] if by_row and spec.shape else None
    if isinstance(batch, int) and batch != 1:
        raise DataError(
            f"{where}: array '{spec.name}' has shape {format_shape(header.shape)}, "
            f"one sample in each entry of its first axis; "
            f"the model's input '{spec.name}' is {describe(spec)}, whose first axis is {batch}",
            hint=_expected(spec),
        )
    feed_shape = (1, *header.shape[1:]) if by_row else header.shape[1:]
    if not shape_fits(feed_shape, spec):
        raise shape_error(header.shape, spec, where)
    if header.scattered:
        raise DataError(
            f"{where}: array '{spec.name}' is stored in Fortran order, "
            "so that its samples cannot be read one at a time",
            hint="store np.ascontiguousarray(array)",
        )
    return _Column(spec, member, feed_shape)


def _expected(spec: TensorSpec) -> str | None:
    if spec.shape is None:
        return None
    batch = spec.shape[0] if spec.shape else None
    whole = format_shape(("samples", *spec.shape))
    if not spec.shape or (isinstance(batch, int) and batch != 1):
        return f"store all feeds in one array {whole}"
    return f"store all samples in one array {format_shape(('samples', *spec.shape[1:]))} or {whole}"


def _common_length(members: Sequence[Member], where: str) -> int:
    counts = {member.name: member.header.shape[0] for member in members}
    if len(set(counts.values())) > 1:
        numbers = ", ".join(str(count) for count in counts.values())
        raise DataError(
            f"{where}: arrays {quoted(counts)} hold {numbers} samples",
            hint="the first axis counts the samples: it must be the same in all arrays",
        )
    length = next(iter(counts.values()))
    if length < 1:
        raise DataError(f"{where}: holds no samples")
    return length
