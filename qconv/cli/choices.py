"""Options that nothing would read are refused, so that no wish is dropped without a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click
from click.core import ParameterSource

from qconv.errors import UsageError


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
