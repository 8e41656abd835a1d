"""Paths on the command line: what is refused before any work begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from qconv.errors import OutputError


class FilePath(click.Path):
    """A path that is not the empty string, which an unset shell variable leaves behind."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        if not os.fspath(value):
            self.fail("the path is empty", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class OutputPath(FilePath):
    """A path to write to; with a slash at its end it must be a folder that exists."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.

        Raises:
            OutputError: the path ends in a slash, and there is no such folder.
        """
        path = super().convert(value, param, ctx)
        if os.fspath(value).endswith(os.sep) and not path.is_dir():
            raise OutputError(f"{value}: no such folder", hint="create it first")
        return path
