"""What a folder or a pattern holds, in the order in which people count."""

from __future__ import annotations

import glob
import os
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
    found = [path for path in folder.iterdir() if _has(path.name, suffixes) and path.is_file()]
    return sorted(found, key=lambda path: natural_key(path.name))


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of all subfolders as :func:`files_in` does, links to folders followed."""
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            found += [Path(place) / name for name in names if _has(name, suffixes)]
        seen.add(real)
    files = (path for path in found if path.is_file())
    return sorted(files, key=lambda path: natural_key(str(path.relative_to(folder))))


def matches(pattern: str) -> tuple[Path, list[Path]]:
    """Return the files that match a pattern in natural order, and the folder that holds them all.

    ``*``, ``?`` and ``[]`` are as in the shell, and ``**`` stands for any folders.
    """
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    found = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - any root
    files = sorted(
        (path for path in found if path.is_file()), key=lambda path: natural_key(str(path))
    )
    return Path(*parts[:fixed]), files


def is_pattern(text: str) -> bool:
    """Whether a text has signs that stand for others."""
    return glob.has_magic(text)


def _has(name: str, suffixes: Collection[str]) -> bool:
    return Path(name).suffix.lower() in suffixes and not name.startswith(".")
