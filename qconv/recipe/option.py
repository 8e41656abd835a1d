"""What can be said of a thing to choose, wherever it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """A thing to choose.

    Attributes:
        name: as Python has it: ``block_size``.
        group: the heading that it stands under.
        help: what it does, in sentences.
        metavar: what stands for its value in the help; None lists the choices.
        initial: its default in words, where it is not a plain value.
        known_as: other words for its values, in small letters.
        formerly: its older names, which are still read.
        letter: its short form on the command line, ``o`` for ``-o``.
    """

    name: str
    group: str
    help: str
    metavar: str | None = None
    initial: str | None = None
    known_as: Mapping[str, str] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()
    letter: str = ""

    @property
    def is_table(self) -> bool:
        """Whether its values are NAME=VALUE, which a recipe may have as a table."""
        return self.metavar is not None and "=" in self.metavar

    @property
    def key(self) -> str:
        """Its name in a recipe file: ``block-size``."""
        return _key(self.name)

    @property
    def flag(self) -> str:
        """Its name on the command line: ``--block-size``."""
        return f"--{self.key}"

    @property
    def old_keys(self) -> tuple[str, ...]:
        """Its older names in a recipe file."""
        return tuple(map(_key, self.formerly))


def _key(name: str) -> str:
    return name.replace("_", "-")
