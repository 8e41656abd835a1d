"""The option that names libraries of operators, alike for all commands that run a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from qconv.cli.paths import FilePath


def custom_ops_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--custom-ops``; it receives the argument ``custom_ops``, paths."""
    option = click.option(
        "--custom-ops",
        metavar="FILE",
        type=FilePath(),
        multiple=True,
        help="A shared library of operators that the model needs and ONNX Runtime does not have. "
        "Its code is run. May be repeated.",
    )
    return option(function)
