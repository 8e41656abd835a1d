"""One thread for linear algebra, where many small products follow each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")


def on_one_blas_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function with a BLAS of one thread.

    OpenBLAS lets its threads spin between products: products of a few microseconds then take many
    times as long, most of all where other work keeps the cores busy.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
