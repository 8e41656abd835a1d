"""What a folder holds, in the order in which people count."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that puts ``2.npz`` before ``10.npz``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the folder's own files with one of ``suffixes`` (lower case), in natural order.

    Hidden files and files of subfolders are left out; the suffix may be in any case.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    ]
    return sorted(found, key=lambda path: natural_key(path.name))
