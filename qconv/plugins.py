"""What installed packages add by entry points: data sources, metrics, estimators and targets.

Nothing of a package is imported before somebody names what it adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from qconv.errors import UnsupportedError, foreign
from qconv.printable import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Addition = Literal["data source", "metric", "estimator", "target"]

GROUPS: Mapping[Addition, str] = {
    "data source": "qconv.data_sources",
    "metric": "qconv.metrics",
    "estimator": "qconv.estimators",
    "target": "qconv.targets",
}
"""The groups of entry points."""


def added_names(what: Addition) -> list[str]:
    """Return the names of what installed packages add, sorted."""
    return sorted({point.name for point in _points(what)})


def added(what: Addition, name: str) -> object | None:
    """Return what an installed package adds by a name, None where none does.

    Raises:
        UnsupportedError: several packages add it, or it cannot be imported.
    """
    points = [point for point in _points(what) if point.name == name]
    if not points:
        return None
    if len({point.value for point in points}) > 1:
        packages = ", ".join(sorted(map(_package, points)))
        raise UnsupportedError(f"several packages add the {what} '{name}': {packages}")
    with foreign(lambda error: _broken(what, points[0], error)):
        found: object = points[0].load()
    return found


def _points(what: Addition) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # takes as long as all of a gate

    return entry_points(group=GROUPS[what])


def _package(point: EntryPoint) -> str:
    return "one without a name" if point.dist is None else point.dist.name


def _broken(what: Addition, point: EntryPoint, error: Exception) -> UnsupportedError:
    return UnsupportedError(
        f"the {what} '{point.name}' of the package {_package(point)} cannot be imported: "
        f"{type(error).__name__}: {printable(str(error))}"
    )
