"""Files beside a model that hold its weights: ``model.onnx.<hash>.data``.

The hash is that of their content, so that a new model never needs the name of an old one's file,
and the model's own rename is the only step in which the old pair becomes the new one. Which files
a model names is read off its bytes: a name that stands anywhere in it counts, so that broken
models and forms of files that qconv does not know keep their weights too.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from filecmp import cmp
from pathlib import Path

from qconv.outputs.checking import Reads, read_as
from qconv.temporary import in_use

_HASH_DIGITS = 16
_RANDOM_DIGITS = 8
_PIECE = 1 << 20


def side_file_name(model: str, content: Path) -> str:
    """Return the name of the side file of a model that will hold this content."""
    with content.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{_begin(model)}{digest[:_HASH_DIGITS]}.data"


def _begin(model: str) -> str:
    """Return how the names of its files begin: ONNX does not allow two dots in a row."""
    return re.sub(r"\.{2,}", "_", f"{model}.")


def side_files(model: Path) -> set[str]:
    """Return the names beside a model that bear the pattern of its own name."""
    digits = rf"[0-9a-f]{{{_HASH_DIGITS}}}\.data"
    return _beside(model, re.compile(re.escape(_begin(model.name)) + digits))


def own_names(model: Path) -> set[str]:
    """Return those of the side files of its name that a model names."""
    with suppress(OSError):
        return _named_in(model, side_files(model))
    return set()


def unnamed(names: Collection[str], output: Path) -> set[str]:
    """Return those names that no file beside an output holds; none if one cannot be read.

    A model may have any name, so that every file is looked at, the output first, until each name
    is found; only files of weights, ``*.data``, are not.
    """
    missing = {*names}
    try:
        if missing:
            others = output.parent.iterdir()
            for path in sorted(others, key=lambda path: path.name != output.name):
                if missing and path.suffix.lower() != ".data" and path.is_file():
                    missing -= _named_in(path, missing)
    except OSError:
        return set()
    return missing


def remove_unnamed(names: Collection[str], output: Path, reads: Reads) -> None:
    """Remove side files beside an output that no file there names; where in doubt, keep them."""
    for name in sorted(unnamed(names, output)):
        side_file = output.with_name(name)
        if read_as(side_file, reads) is None:
            with suppress(OSError):
                side_file.unlink()


def holds_already(target: Path, file: Path) -> bool:
    """Whether a file is there with the same content, as one that no other name shares."""
    try:
        status = target.lstat()
        regular = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        return regular and cmp(target, file, shallow=False)
    except OSError:
        return False


def leftovers(output: Path, suspects: Collection[str]) -> list[Path]:
    """Return what runs that were killed have left beside an output.

    Args:
        output: the file that was written.
        suspects: side files that were there while no other run was about to name them.
    """
    random = rf"[a-z0-9_]{{{_RANDOM_DIGITS}}}"
    temporary = _beside(output, re.compile(rf"\.{re.escape(output.name)}\.{random}"))
    folders = {name for name in temporary if _is_abandoned(output.with_name(name))}
    orphans = {name for name in unnamed(suspects, output) if output.with_name(name).is_file()}
    return [output.with_name(name) for name in sorted(folders | orphans)]


def _is_abandoned(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and not in_use(path)
    except OSError:
        return False


def _beside(output: Path, pattern: re.Pattern[str]) -> set[str]:
    try:
        return {path.name for path in output.parent.iterdir() if pattern.fullmatch(path.name)}
    except OSError:
        return set()


def _named_in(path: Path, names: Collection[str]) -> set[str]:
    """Return those names whose bytes stand in a file, which is read until all are found.

    Raises:
        OSError: the file cannot be read.
    """
    wanted = {name: os.fsencode(name) for name in names}
    found: set[str] = set()
    pieces = _pieces(path, max(map(len, wanted.values()), default=1))
    while len(found) < len(wanted) and (piece := next(pieces, None)) is not None:
        found |= {name for name, text in wanted.items() if text in piece}
    return found


def _pieces(path: Path, longest: int) -> Iterator[bytes]:
    """Yield the content of a file in pieces that overlap, so that none parts a text."""
    end = b""
    with path.open("rb") as stream:
        while new := stream.read(_PIECE):
            yield (piece := end + new)
            end = piece[max(0, len(piece) - longest + 1) :] if longest > 1 else b""
