"""Every error that qconv raises on purpose, each with the exit code that the command line gives it.

::

    QconvError                 70  (a bug, when nothing more exact applies)
    ├── UsageError              2  wrong or contradictory arguments
    ├── InputError              3  something given to qconv is bad
    │   ├── ModelError          3  the model is missing, broken, or already quantized
    │   ├── DataError           3  the data does not fit the model, or is not finite
    │   ├── RecordError         3  the calibration record is broken, or of another model
    │   └── OutputError         3  the result cannot be written where it was asked for
    ├── UnsupportedError        4  well-formed, but qconv or the runtime cannot do it
    │   └── NothingQuantized    4  no part of the model could be quantized
    └── OutOfMemoryError        5  this machine does not have enough memory

A message says what was found and where; ``hint`` says what to do next.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from qconv.printable import printable, sentence

INTERRUPTED = 130
"""Exit code of a command that a signal ended, such as Ctrl-C."""


class QconvError(Exception):
    """Root of all errors of qconv.

    All of it is made printable: names are anybody's words.

    Args:
        message: one sentence: what was found, and where (file, tensor, sample). It has one line.
        hint: what the user can do about it.
        excerpt: lines to show below the message.
    """

    exit_code: ClassVar[int] = 70

    def __init__(
        self, message: str, *, hint: str | None = None, excerpt: Iterable[str] = ()
    ) -> None:
        super().__init__("\n".join((sentence(message), *map(printable, excerpt))))
        self.hint = hint and sentence(hint)


class UsageError(QconvError):
    """The arguments are wrong, or contradict each other."""

    exit_code = 2


class InputError(QconvError):
    """Something given to qconv (model, data, record, output path) is bad."""

    exit_code = 3


class ModelError(InputError):
    """The model file is missing, unreadable, invalid, or already quantized."""


class DataError(InputError):
    """The data does not fit the model's inputs, is empty, or holds NaN or Inf."""


class RecordError(InputError):
    """The calibration record is unreadable, or belongs to another model or other settings."""


class OutputError(InputError):
    """The result cannot be written to the path that was asked for."""


class UnsupportedError(QconvError):
    """The request is well-formed, but qconv or the runtime cannot fulfil it."""

    exit_code = 4


class NothingQuantized(UnsupportedError):  # noqa: N818 - a finding, not a malfunction
    """No part of the model could be quantized, so no model is written."""


class OutOfMemoryError(QconvError):
    """The memory that Python or the runtime may have does not suffice for the work."""

    exit_code = 5


def lacks_memory(error: BaseException) -> bool:
    """Whether Python or the system says that the memory does not suffice."""
    refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return refused or isinstance(error, MemoryError)


class OutputWarning(UserWarning):
    """A result is written; something beside it is worth knowing."""


@contextmanager
def foreign(told: Callable[[Exception], QconvError]) -> Iterator[None]:
    """Tell what a library raises inside the block as an error of qconv.

    Errors of qconv pass as they are. So does a lack of memory: it says nothing of what was read.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, QconvError) or lacks_memory(error):
            raise
        raise told(error) from error
