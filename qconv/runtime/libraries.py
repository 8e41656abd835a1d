"""Libraries of operators that ONNX Runtime does not have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import onnxruntime as ort

from qconv.errors import InputError
from qconv.files import require_regular

_libraries: ContextVar[tuple[str, ...]] = ContextVar("libraries of operators", default=())


@contextmanager
def custom_operators(libraries: Sequence[str | Path]) -> Iterator[None]:
    """Give the operators of shared libraries to every session that is opened in the meantime.

    Those that are given around it stay. Loading a library runs code of it.

    Raises:
        InputError: a file is missing, or the runtime cannot load it.
    """
    paths = []
    for library in map(Path, libraries):
        require_regular(library, "a library of operators", InputError)
        paths.append(str(library.absolute()))
        try:
            add_libraries(ort.SessionOptions(), paths[-1:])
        except Exception as error:  # the runtime's exceptions share no base class
            reason = " ".join(str(error).split())
            raise InputError(
                f"{library}: ONNX Runtime cannot load it as a library of operators: {reason}"
            ) from error
    token = _libraries.set(tuple(dict.fromkeys((*_libraries.get(), *paths))))
    try:
        yield
    finally:
        _libraries.reset(token)


def add_libraries(options: ort.SessionOptions, libraries: Sequence[str] | None = None) -> None:
    """Register libraries for a session, by default those of :func:`custom_operators`."""
    for library in _libraries.get() if libraries is None else libraries:
        options.register_custom_ops_library(library)
