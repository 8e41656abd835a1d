"""What a report calls the model files that it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from qconv.errors import UsageError


def display_names(reference: Path, variants: Sequence[Path]) -> tuple[str, ...]:
    """Return a name for each model, the float model first: the file name where that is unique.

    Raises:
        UsageError: there is no variant, or one is given twice.
    """
    if not variants:
        raise UsageError("no variant to compare the float model with")
    seen: set[Path] = set()
    for path in variants:
        if path.absolute() in seen:
            raise UsageError(f"{path}: is given twice")
        seen.add(path.absolute())
    counts = Counter(path.name for path in seen | {reference.absolute()})
    return tuple(
        path.name if counts[path.name] == 1 else str(path) for path in (reference, *variants)
    )
