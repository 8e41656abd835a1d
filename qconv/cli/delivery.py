"""Where a report goes: files, standard output, and what GitHub Actions shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

import click

from qconv.cli.paths import FilePath
from qconv.cli.terminal import in_github, show, tell_runner
from qconv.errors import OutputWarning

if TYPE_CHECKING:
    from qconv.outputs import Reads
    from qconv.reporting.report_data import Report

STDOUT = Path("-")


@dataclass(frozen=True)
class Files:
    """What the user wants written, each None where it is not."""

    json: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None
    html: Path | None = None

    @property
    def takes_stdout(self) -> bool:
        """Whether one of them has standard output for itself."""
        return STDOUT in self._chosen

    @property
    def _chosen(self) -> list[Path]:
        return [file for file in (self.json, self.markdown, self.junit, self.html) if file]

    def check(self, reads: Reads) -> None:
        """Refuse files that cannot be written, before any work.

        A report that exists is replaced, as any text is; a file that is read, or is no text,
        never is.

        Raises:
            UsageError: two outputs on one file, or an output on an input.
            OutputError: a file cannot be written.
            UnsupportedError: HTML is wanted, and what draws it is not installed.
        """
        from qconv.errors import UsageError
        from qconv.outputs import check_text_output

        taken: set[Path] = set()
        for file in self._chosen:
            if file == STDOUT:
                continue
            if file.resolve() in taken:
                raise UsageError(f"{file}: is given for two outputs")
            taken.add(file.resolve())
            check_text_output(file, reads)
        if self.html is not None:
            from qconv.reporting.report_forms import require_html

            require_html()
        if self._chosen.count(STDOUT) > 1:
            raise UsageError("only one of the files can be - (standard output)")

    def write(self, report: Report, reads: Reads) -> None:
        """Write them all, and change no file that is read."""
        from qconv.reporting.report_json import to_json

        if self.json is not None:
            write_text(self.json, to_json(report), reads)
        if self.markdown is not None:
            from qconv.reporting.markdown import to_markdown

            write_text(self.markdown, to_markdown(report), reads)
        if self.junit is not None:
            from qconv.reporting.junit import to_junit

            write_text(self.junit, to_junit(report), reads)
        if self.html is not None:
            from qconv.reporting.report_forms import html_page

            write_text(self.html, html_page(report), reads)


def tell_github(report: Report) -> None:
    """In a step of GitHub Actions, annotate failed gates and add the report to its summary."""
    if not in_github():
        return
    from qconv.reporting.github import error_commands
    from qconv.reporting.markdown import to_markdown

    for line in error_commands(report):
        tell_runner(line)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(to_markdown(report))
        except OSError as error:
            warn(
                f"{summary}: the summary of the step cannot be written: {error.strerror or error}",
                OutputWarning,
                stacklevel=1,
            )


def file_option(name: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator of an option that names a file to write."""
    return click.option(
        f"--{name}",
        f"{name}_file",
        metavar="FILE",
        type=FilePath(),
        help=what,
    )


def write_text(file: Path, text: str, reads: Reads) -> None:
    """Write a text to a file, whole or not at all, or to standard output."""
    from qconv.outputs import check_text_output, staged

    if file == STDOUT:
        show(text)
        return
    check_text_output(file, reads)
    with staged(file, force=True, reads=reads) as temporary:
        temporary.write_text(text, encoding="utf-8")
