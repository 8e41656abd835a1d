"""One command line with its files, made of a seed and a number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

INPUTS = "in"
OUTPUTS = "out"
TEMPORARY = "tmp"
SECRET_FILE = "secret.bin"
SECRET = b"a working folder's secret" * 4
"""Lies in the working directory; nothing that is written or told may hold it."""


@dataclass(frozen=True)
class Case:
    """A command that is run with its folder as working directory.

    Attributes:
        number: which one it is; with the seed of the run it says everything.
        kind: the target: models, records, data, gates, recipes, reports or options.
        arguments: of ``qconv``.
        outputs: files that the command may write, relative to the folder.
    """

    number: int
    kind: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The subcommand."""
        return self.arguments[0] if self.arguments else ""


def random_of(seed: int, number: int) -> Random:
    """Return the source of chance of one case, which no other case shares."""
    return Random(f"{seed}/{number}")


def make_folders(folder: Path) -> None:
    """Make the empty folders that a case has: of inputs, of outputs, and for temporary files."""
    for name in (INPUTS, OUTPUTS, TEMPORARY):
        (folder / name).mkdir(parents=True)
