"""The tables of a record: the arrays of all values one behind the other, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qconv.data.npy import NpyHeader
from qconv.observers.statistic import Arrays
from qconv.observers.value import ValueStatistics

Array = NDArray[np.generic]

_ROWS = {
    "range.limits": ("f", ()),
    "histogram.bins": ("u", ()),
    "histogram.counts": ("i", ()),
    "means.sums": ("i", (2,)),
    "means.weight": ("i", ()),
    "channels.limits": ("f", (2,)),
    "channels.sums": ("i", (2,)),
    "channels.weight": ("i", ()),
}
_LENGTHS = {"range.limits": 2, "means.weight": 1, "channels.weight": 1}
_GRAM = {"count": ("i", 1), "sums": ("f", 2), "products": ("f", 2)}
_EXPONENT = 0x7F80
"""Bits of a bin that are all set in Inf and NaN, and in no number."""


def table_names(values: int, grams: int) -> list[str]:
    """Return the tables of so many values, and of the second moments of so many inputs."""
    columns = [name for row in _ROWS for name in (row, f"{row}.ends")] if values else []
    return columns + [gram_table(index, name) for index in range(grams) for name in _GRAM]


def gram_table(index: int, name: str) -> str:
    """Return what an array of second moments is called."""
    return f"gram.{index}.{name}"


def joined_tables(statistics: Sequence[ValueStatistics]) -> dict[str, Array]:
    """Lay the arrays of all values behind one another: ``kind.array`` and its ``.ends [V]``."""
    columns: dict[str, list[Array]] = {}
    for value in statistics:
        for kind, statistic in value.parts().items():
            for name, array in statistic.to_arrays().items():
                columns.setdefault(f"{kind}.{name}", []).append(array)
    tables: dict[str, Array] = {}
    for name, arrays in columns.items():
        tables[name] = np.concatenate(arrays, axis=-1)
        tables[f"{name}.ends"] = np.cumsum([array.shape[-1] for array in arrays])
    return tables


def parted_tables(tables: Mapping[str, Array], values: int) -> Iterator[dict[str, Arrays]]:
    """Yield the arrays of each value by statistic and name: what :func:`joined_tables` joined."""
    bounds = {name: [0, *map(int, tables[f"{name}.ends"])] for name in (_ROWS if values else ())}
    for index in range(values):
        parts: dict[str, dict[str, Array]] = {kind: {} for kind in ValueStatistics.KINDS}
        for row, ends in bounds.items():
            kind, _, name = row.partition(".")
            parts[kind][name] = tables[row][..., ends[index] : ends[index + 1]]
        yield dict(parts)


def check_headers(headers: Mapping[str, NpyHeader], values: int, grams: int) -> None:
    """Check types and shapes of the tables, before one is read.

    Raises:
        ValueError: a table cannot hold what it should.
    """
    for name, (kind, shape) in _ROWS.items() if values else ():
        table, ends = headers[name], headers[f"{name}.ends"]
        other = table.shape[:-1] != shape or len(table.shape) != len(shape) + 1
        if other or table.dtype.kind != kind:
            raise ValueError(f"{name} is {table.dtype} {list(table.shape)}")
        if ends.dtype.kind != "i" or ends.shape != (values,):
            raise ValueError(f"{name}.ends is {ends.dtype} {list(ends.shape)} for {values} values")
    for index in range(grams):
        mine = {name: headers[gram_table(index, name)] for name in _GRAM}
        for name, (kind, rank) in _GRAM.items():
            if mine[name].dtype.kind != kind or len(mine[name].shape) != rank:
                found = f"{mine[name].dtype} {list(mine[name].shape)}"
                raise ValueError(f"{gram_table(index, name)} is {found}")
        groups, size = mine["sums"].shape
        triangles = (groups, size * (size + 1) // 2)
        if mine["products"].shape != triangles or (groups == 0) != (size == 0):
            raise ValueError(f"gram.{index}.products do not fit gram.{index}.sums")
        if mine["count"].shape != (1,):
            raise ValueError(f"gram.{index}.count is not one number")


def check_tables(tables: Mapping[str, Array], values: int, grams: int) -> None:
    """Check the contents of tables whose headers are right.

    Raises:
        ValueError: a table does not hold what it should.
    """
    if values:
        for name in _ROWS:
            ends = tables[f"{name}.ends"]
            if (_lengths(ends) < 0).any() or ends[-1] != tables[name].shape[-1]:
                raise ValueError(f"{name}.ends do not part {name}")
        _check_contents(tables)
    for index in range(grams):
        count = int(tables[gram_table(index, "count")][0])
        if count < 0 or (count == 0) != (tables[gram_table(index, "sums")].size == 0):
            raise ValueError(f"gram.{index}.count is {count}")


def _check_contents(tables: Mapping[str, Array]) -> None:
    for name, length in _LENGTHS.items():
        if (_lengths(tables[f"{name}.ends"]) != length).any():
            raise ValueError(f"{name} does not hold {length} for each value")
    if not np.array_equal(tables["histogram.bins.ends"], tables["histogram.counts.ends"]):
        raise ValueError("histogram.bins and histogram.counts differ in length")
    limits = tables["range.limits"].astype(np.float32).reshape(-1, 2)
    unseen = limits == np.array([np.inf, -np.inf], np.float32)
    if not (np.isfinite(limits) | unseen).all():
        raise ValueError("range.limits are not finite")
    if ((limits[:, 0] > limits[:, 1]) & ~unseen.all(axis=1)).any():
        raise ValueError("range.limits are not in order")
    if not np.array_equal(tables["channels.limits.ends"], tables["channels.sums.ends"]):
        raise ValueError("channels.limits and channels.sums differ in length")
    if not np.isfinite(tables["channels.limits"].astype(np.float32)).all():
        raise ValueError("channels.limits are not finite")
    if tables["histogram.bins"].dtype != np.uint16:
        raise ValueError(f"histogram.bins is {tables['histogram.bins'].dtype}")
    _check_histograms(tables)
    for kind in ("means", "channels"):
        weight = tables[f"{kind}.weight"].astype(np.int64)
        summed = _lengths(tables[f"{kind}.sums.ends"]) > 0
        if (weight < summed).any():
            raise ValueError(f"{kind}.weight is less than 1 where there are sums")


def _check_histograms(tables: Mapping[str, Array]) -> None:
    bins, counts = (tables[f"histogram.{name}"].astype(np.int64) for name in ("bins", "counts"))
    if (counts < 1).any():
        raise ValueError("histogram.counts are not positive")
    if counts.sum(dtype=np.float64) > np.iinfo(np.int64).max / 2:
        raise ValueError("histogram.counts are too large")
    begins = np.append(0, tables["histogram.bins.ends"])[:-1]
    rises = np.diff(bins, prepend=-1) > 0
    rises[begins[begins < len(bins)]] = True
    if not rises.all():
        raise ValueError("histogram.bins are not in order")
    if ((bins & _EXPONENT) == _EXPONENT).any():
        raise ValueError("histogram.bins are not finite")


def _lengths(ends: Array) -> NDArray[np.int64]:
    stops = ends.astype(np.int64)
    return stops - np.append(np.zeros(1, np.int64), stops[:-1])
