"""What is told where work on a model fails for a reason that nobody foresaw."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from qconv.errors import OutOfMemoryError, QconvError, UnsupportedError
from qconv.graph.sound import require_sound
from qconv.runtime.libraries import custom_operators
from qconv.runtime.session import open_session

P = ParamSpec("P")
T = TypeVar("T")

_OURS = {"qconv", "numpy", "onnx", "onnx_ir", "onnxruntime", "google", "ml_dtypes", "PIL"}


def told_by_runtime(*models: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let the runtime tell what is wrong with a model on which a function fails unforeseen.

    The ONNX checker takes many a model that no runtime takes, and that breaks what the code after
    the checker relies on. Only if the runtime takes all of them is the failure one of qconv. What
    a function raises that the caller gave, for data or progress, is the caller's.

    Args:
        models: the parameters of the function that are paths of models, or several of them.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def told(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except (QconvError, OSError, MemoryError):
                raise
            except Exception as error:
                if not _is_callers(error):
                    given = signature.bind(*args, **kwargs).arguments
                    with custom_operators(given.get("custom_ops", ())):
                        for name in models:
                            paths = given[name]
                            for path in [paths] if isinstance(paths, str | Path) else paths:
                                _require_loadable(Path(path))
                raise

        return told

    return decorate


def _require_loadable(path: Path) -> None:
    """Refuse a model file that is not sound, or that the runtime calls wrong."""
    require_sound(path)
    with suppress(UnsupportedError, OutOfMemoryError):  # that would not explain the failure
        open_session(path, memory="frugal")


def _is_callers(error: Exception) -> bool:
    """Whether an error comes through code that is neither of qconv nor of a library that it uses.

    The first two frames are those of :func:`told_by_runtime` and of the function that it decorates.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][2:]
    packages = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames}
    return not packages <= _OURS | sys.stdlib_module_names
