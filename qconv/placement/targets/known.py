"""The targets that can be named."""

from __future__ import annotations

from collections.abc import Mapping

from qconv.errors import UsageError
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.placement.targets.table import Target

TARGETS: Mapping[str, Target] = {target.name: target for target in (ORT_CPU,)}


def find_target(target: str | Target) -> Target:
    """Return a target by its name; a table itself is taken as it is.

    Raises:
        UsageError: there is no such target.
    """
    if isinstance(target, Target):
        return target
    if target not in TARGETS:
        raise UsageError(f"unknown target '{target}'", hint=f"known targets: {', '.join(TARGETS)}")
    return TARGETS[target]
