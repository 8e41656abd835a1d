"""Running code that the user wrote: its errors are told, and what it changes is its own.

A process has one working directory, one set of streams, one state of NumPy. A script that changes
them would change where qconv writes, and what it refuses.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

import numpy as np

from qconv.errors import DataError, QconvError, lacks_memory

_LONGEST = 500
"""Characters of a script's error that are told."""


@contextmanager
def user_code(spec: str) -> Iterator[None]:
    """Turn an error of the user's code into a DataError that carries its message and line.

    What qconv itself raises inside of it, when it runs the model, passes as it is, and so do a
    lack of memory and an interruption. What the code prints goes to standard error: standard
    output is for results.
    """
    open_before = _open_at_first()
    try:
        with _own_settings(spec):
            yield
    except (QconvError, KeyboardInterrupt):
        raise
    except BaseException as error:  # CancelledError, SystemExit and GeneratorExit, too
        if lacks_memory(error):
            raise
        raise DataError(f"{spec}: {_described(error)}{_place(error, spec)}") from error
    if closed := open_before - _open_streams():
        raise DataError(f"{spec}: has closed {' and '.join(sorted(closed))}")


def forget(spec: str) -> None:
    """Forget what the code changed, which is about to be imported anew."""
    _changes.pop(_code_of(spec), None)


class _Setting(NamedTuple):
    """Something that there is one of in a process: how it is read, and how it is set."""

    read: Callable[[], Any]
    set: Callable[[Any], object]


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - this runs for each sample
    except OSError:  # it is gone
        return ""


def _enter(folder: str) -> None:
    with suppress(OSError):
        os.chdir(folder)


def _set_filters(filters: tuple[Any, ...]) -> None:
    with warnings.catch_warnings():
        pass  # leaving the block tells the module that its filters change
    warnings.filters[:] = filters  # type: ignore[index]


_SETTINGS = (
    _Setting(_folder, _enter),
    _Setting(lambda: tuple(warnings.filters), _set_filters),
    _Setting(np.geterr, lambda errors: np.seterr(**errors)),
)

_changes: dict[str, list[tuple[_Setting, Any]]] = {}
"""What the code of each script has set to something else, and finds again."""


def _code_of(spec: str) -> str:
    return spec.rpartition(":")[0]


@contextmanager
def _own_settings(spec: str) -> Iterator[None]:
    """Lend the standard streams, and set back what the code sets."""
    before = [setting.read() for setting in _SETTINGS]
    for setting, value in _changes.get(_code_of(spec), ()):
        setting.set(value)
    streams = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = cast(TextIO, None if sys.stderr is None else _Lent(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams
        after = [setting.read() for setting in _SETTINGS]
        triples = zip(_SETTINGS, before, after, strict=True)
        changed = [triple for triple in triples if triple[1] != triple[2]]
        _changes[_code_of(spec)] = [(setting, theirs) for setting, _, theirs in changed]
        for setting, ours, _ in changed:
            setting.set(ours)


class _Lent:
    """A stream that may be written to, and not closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Leave the stream open: it belongs to others."""


_STREAMS = {"standard output": 1, "standard error": 2}


@cache
def _open_at_first() -> set[str]:
    return _open_streams()


def _open_streams() -> set[str]:
    """Return which of the standard streams can be written to."""
    streams = zip(_STREAMS.items(), (sys.stdout, sys.stderr), strict=True)
    return {name for (name, number), stream in streams if _is_open(number, stream)}


def _is_open(number: int, stream: TextIO | None) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return stream is not None and not stream.closed


def _described(error: BaseException) -> str:
    name = type(error).__name__
    text = ""
    with suppress(BaseException):  # of its own making, too
        text = str(error)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return f"{name}: {text}" if text else name


def _place(error: BaseException, spec: str) -> str:
    """Return `` (script.py, line 12)``: the last line reached in the script, or else at all."""
    if isinstance(error, SyntaxError):
        return ""
    own = Path(spec.rpartition(":")[0]).name
    frames = [
        (Path(frame.f_code.co_filename).name, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).parent != Path(__file__).parent
        and "importlib" not in frame.f_code.co_filename
        and not frame.f_code.co_filename.endswith("contextlib.py")
    ]
    frames = [frame for frame in frames if frame[0] == own] or frames
    return f" ({frames[-1][0]}, line {frames[-1][1]})" if frames else ""
