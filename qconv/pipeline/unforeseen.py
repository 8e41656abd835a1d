"""What is told where work on a model fails for a reason that nobody foresaw."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from qconv.errors import QconvError
from qconv.runtime.libraries import custom_operators
from qconv.runtime.session import open_session

P = ParamSpec("P")
T = TypeVar("T")


def told_by_runtime(*models: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let the runtime tell what is wrong with a model on which a function fails unforeseen.

    The ONNX checker takes many a model that no runtime does, and whose nodes break what the rest
    relies on. Only if the runtime takes all of them is the failure one of qconv.

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
            except Exception:
                given = signature.bind(*args, **kwargs).arguments
                with custom_operators(given.get("custom_ops", ())):
                    for name in models:
                        paths = given[name]
                        for path in [paths] if isinstance(paths, str | Path) else paths:
                            open_session(Path(path))
                raise

        return told

    return decorate
