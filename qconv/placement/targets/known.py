"""The targets that can be named."""

from __future__ import annotations

from collections.abc import Mapping

from qconv.errors import UnsupportedError, UsageError
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Target
from qconv.plugins import added, added_names

TARGETS: Mapping[str, Target] = {target.name: target for target in (ORT_CPU,)}


def find_target(target: str | Target) -> Target:
    """Return a target by its name; a table itself is taken as it is.

    Raises:
        UsageError: there is no such target.
        UnsupportedError: an installed package adds it, and it is no target.
    """
    if isinstance(target, Target):
        return target
    if target in TARGETS:
        return TARGETS[target]
    found = added("target", target)
    if isinstance(found, Target):
        return found
    if found is not None:
        raise UnsupportedError(
            f"the target '{target}' of an installed package is {type(found).__name__}, not a "
            "qconv.Target"
        )
    known = ", ".join([*TARGETS, *added_names("target")])
    raise UsageError(f"unknown target '{target}'", hint=f"known targets: {known}")
