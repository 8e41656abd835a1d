"""Files beside a model that hold its weights: ``model.onnx.<hash>.data``.

The hash is that of their content, so that a new model never needs the name of an old one's file,
and the model's own rename is the only step in which the old pair becomes the new one. Which files
a model names is read off its bytes: a name that stands anywhere in it counts, so that broken
models and forms of files that qconv does not know keep their weights too.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path

from qconv.outputs.checking import Reads, read_as
from qconv.temporary import in_use

_HASH_DIGITS = 16
_RANDOM_DIGITS = 8


def side_file_name(model: str, content: Path) -> str:
    """Return the name of the side file of a model that will hold this content."""
    with content.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{model}.{digest[:_HASH_DIGITS]}.data"


def own_names(model: Path) -> set[str]:
    """Return the side files that a model names and that bear the pattern of its own name."""
    pattern = re.compile(_pattern(model.name).encode("utf-8", "surrogateescape"))
    with suppress(OSError), _bytes_of(model) as content:
        return {os.fsdecode(name) for name in pattern.findall(content)}
    return set()


def remove_unnamed(names: Collection[str], output: Path, reads: Reads) -> None:
    """Remove side files beside an output that no model there names; where in doubt, keep them."""
    for name in sorted({*names} - named_beside(output, names)):
        side_file = output.with_name(name)
        if read_as(side_file, reads) is None:
            with suppress(OSError):
                side_file.unlink()


def named_beside(output: Path, names: Collection[str]) -> set[str]:
    """Return those names that a model in the folder holds; all of them if one cannot be read."""
    found: set[str] = set()
    try:
        for model in _models(output) if names else ():
            with _bytes_of(model) as content:
                found |= {name for name in names if content.find(os.fsencode(name)) >= 0}
    except OSError:
        return {*names}
    return found


def holds_already(target: Path, file: Path) -> bool:
    """Whether a file is there with the same content, as one that no other name shares."""
    try:
        status = target.lstat()
        regular = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        return regular and cmp(target, file, shallow=False)
    except OSError:
        return False


def leftovers(output: Path) -> list[Path]:
    """Return what runs that were killed have left beside an output: folders and side files."""
    temporary = re.compile(rf"\.{re.escape(output.name)}\.[a-z0-9_]{{{_RANDOM_DIGITS}}}")
    side_file = re.compile(_pattern(output.name))
    try:
        names = [path.name for path in output.parent.iterdir()]
    except OSError:
        return []
    beside = {name for name in names if side_file.fullmatch(name)}
    orphans = beside - named_beside(output, beside)
    folders = {
        name for name in names if temporary.fullmatch(name) and not in_use(output.with_name(name))
    }
    return [output.parent / name for name in sorted(folders | orphans)]


def _pattern(model: str) -> str:
    return rf"{re.escape(model)}\.[0-9a-f]{{{_HASH_DIGITS}}}\.data"


def _models(output: Path) -> Iterator[Path]:
    """Yield the files that may be models: ``a.onnx``, ``a.onnx.bak``, and what ends as the output.

    A folder is read through, so that what is no model by its name is not searched.
    """
    for path in output.parent.iterdir():
        name = path.name.lower()
        model = ".onnx" in name or ".ort" in name or path.suffix == output.suffix
        if model and not name.endswith("data") and path.is_file():
            yield path


@contextmanager
def _bytes_of(path: Path) -> Iterator[mmap.mmap | bytes]:
    """Map a file, so that a large one takes no memory."""
    with path.open("rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            yield b""
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
