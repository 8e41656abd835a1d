"""A report as files beside each other: JSON, Markdown, JUnit, and HTML where it can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from qconv.outputs import check_text_output, staged
from qconv.reporting.report_data import Report
from qconv.reporting.report_forms import can_draw_html, html_page
from qconv.reporting.report_json import to_json


def report_files(file: Path) -> Sequence[Path]:
    """Return the files that :func:`write_report` may write beside ``file``."""
    return [file.with_suffix(suffix) for suffix in (".md", ".xml", ".html")]


def write_report(report: Report, file: Path) -> Sequence[Path]:
    """Write a report as ``file``, which is JSON, and in other forms beside it; return all files.

    Raises:
        OutputError: one cannot be written.
    """
    files = []
    for path, text in _texts(report, file):
        check_text_output(path)
        with staged(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        files.append(path)
    return files


def _texts(report: Report, file: Path) -> Iterator[tuple[Path, str]]:
    from qconv.reporting.junit import to_junit
    from qconv.reporting.markdown import to_markdown

    yield file, to_json(report)
    yield file.with_suffix(".md"), to_markdown(report)
    yield file.with_suffix(".xml"), to_junit(report)
    if can_draw_html():
        yield file.with_suffix(".html"), html_page(report)
