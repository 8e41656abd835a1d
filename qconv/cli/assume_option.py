"""The option that fixes inputs to constants, alike for all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from qconv.errors import UsageError


def assume_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--assume``; it receives the argument ``assume``, from name to text."""
    option = click.option(
        "--assume",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_parsed,
        help="Fix an input to a constant: a number, or several with commas between. The input is "
        "removed, the data need not hold it, and branches that depend on it are decided. May be "
        "repeated; calibrate, convert and report need the same.",
    )
    return option(function)


def _parsed(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--assume '{text}' is not of the form NAME=VALUE")
        if name in found:
            raise UsageError(f"--assume names the input '{name}' twice")
        found[name] = value
    return found
