"""Options in messages: named as Python has them, and on the command line as it does."""

from __future__ import annotations

import re
from shlex import quote

from qconv.recipe.options import OPTIONS

_GOAL = ("objective", "max_size", "min_speedup", "max_time", "plan", "save_plan")
"""What a search is told on the command line, and in Python, but not in a recipe."""
_QUOTED = re.compile(r"`(\w+)(?:=([^`]*))?`")


def with_flags(text: str) -> str:
    """Return a message in which options in backquotes are named as on the command line.

    Below the command line a message says ```block_size```, ```effort=best``` or
    ```portable=false```; here they become ``--block-size``, ``--effort best``, ``--no-portable``.
    """

    def flag(found: re.Match[str]) -> str:
        option, value = OPTIONS.get(found[1]), found[2]
        if option is None and found[1] not in _GOAL:
            return found[0]
        if option is None:
            own = f"--{found[1].replace('_', '-')}"
            return own if value is None else f"{own} {_quoted(value)}"
        if value == "false":
            return f"--no-{option.key}"
        return option.flag if value in (None, "true") else f"{option.flag} {_quoted(value)}"

    return _QUOTED.sub(flag, text)


def _quoted(value: str) -> str:
    return value if "'" in value else quote(value)
