"""Whether the tables of a record hold what the statistics are rebuilt from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

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


def check_tables(tables: Mapping[str, Array], values: int) -> None:
    """Check names, types and lengths of the tables of so many values.

    Raises:
        KeyError: a table is missing.
        ValueError: a table does not hold what it should.
    """
    for name, (kind, shape) in _ROWS.items() if values else ():
        table, ends = tables[name], tables[f"{name}.ends"]
        if table.dtype.kind != kind or table.shape[:-1] != shape or table.ndim != len(shape) + 1:
            raise ValueError(f"{name} is {table.dtype} {list(table.shape)}")
        if ends.dtype.kind != "i" or ends.shape != (values,):
            raise ValueError(f"{name}.ends is {ends.dtype} {list(ends.shape)} for {values} values")
        if (_lengths(ends) < 0).any() or ends[-1] != table.shape[-1]:
            raise ValueError(f"{name}.ends do not part {name}")
    if values:
        _check_contents(tables)


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
    if not np.array_equal(tables["channels.limits.ends"], tables["channels.sums.ends"]):
        raise ValueError("channels.limits and channels.sums differ in length")
    if not np.isfinite(tables["channels.limits"].astype(np.float32)).all():
        raise ValueError("channels.limits are not finite")
    if tables["histogram.bins"].dtype != np.uint16:
        raise ValueError(f"histogram.bins is {tables['histogram.bins'].dtype}")
    if (tables["histogram.counts"].astype(np.int64) < 1).any():
        raise ValueError("histogram.counts are not positive")
    for kind in ("means", "channels"):
        weight = tables[f"{kind}.weight"].astype(np.int64)
        summed = _lengths(tables[f"{kind}.sums.ends"]) > 0
        if (weight < summed).any():
            raise ValueError(f"{kind}.weight is less than 1 where there are sums")


def _lengths(ends: Array) -> NDArray[np.int64]:
    stops = ends.astype(np.int64)
    return stops - np.append(np.zeros(1, np.int64), stops[:-1])
