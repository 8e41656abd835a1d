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
    """

    name: str
    group: str
    help: str
    metavar: str | None = None
    initial: str | None = None
    known_as: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in a recipe file: ``block-size``."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        """Its name on the command line: ``--block-size``."""
        return f"--{self.key}"
