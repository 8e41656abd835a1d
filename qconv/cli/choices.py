"""Options that nothing would read or that no number can mean are refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.core import ParameterSource

from qconv.errors import UsageError


class FiniteRange(click.FloatRange):
    """Like FloatRange, but without NaN, which is in every range, and infinity."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number, and refuse one that is not finite."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def refuse_unread(context: click.Context, unread: Mapping[str, str]) -> None:
    """Refuse options that were given but have nothing to act on.

    Args:
        context: of the command that runs.
        unread: parameter names, each with what its option goes with: ``--dtype int8``.

    Raises:
        UsageError: one of them was given on the command line.
    """
    for option in context.command.params:
        name = str(option.name)
        if name in unread and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            negated = context.params[name] is False and option.secondary_opts
            spelled = (option.secondary_opts if negated else _long(option.opts))[0]
            raise UsageError(f"{spelled} goes with {unread[name]}")


def _long(names: Iterable[str]) -> list[str]:
    return sorted(names, key=len, reverse=True)
