"""A report as a file: JSON, Markdown, JUnit XML or an HTML page, as the file's name says."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

from qconv.errors import UnsupportedError, UsageError
from qconv.outputs import check_text_output, staged
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import to_json


def save_report(report: Report, path: Path) -> None:
    """Write a report; a text that is there is replaced.

    Raises:
        UsageError: the name does not end in .json, .md, .xml or .html.
        UnsupportedError: what draws HTML is not installed.
        OutputError: the file cannot be written.
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            f"{path}: its ending is not that of a report", hint=f"the forms are {', '.join(_FORMS)}"
        )
    text = form(report)
    check_text_output(path)
    with staged(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def require_html() -> None:
    """Refuse to draw HTML where what draws it is not installed.

    Raises:
        UnsupportedError: it names what is missing, and the extra.
    """
    if not can_draw_html():
        raise UnsupportedError(
            "an HTML report needs jinja2, not installed here",
            hint="install the extra: pip install 'qconv[html]'",
        )


def can_draw_html() -> bool:
    """Whether what draws HTML is installed."""
    return importlib.util.find_spec("jinja2") is not None


def html_page(report: Report) -> str:
    """Return the report as an HTML page that says when, and at which commit, it was made."""
    from qconv.reporting.html.page import to_html
    from qconv.reporting.made import made_here

    return to_html(report, made_here())


def _markdown(report: Report) -> str:
    from qconv.reporting.markdown import to_markdown

    return to_markdown(report)


def _junit(report: Report) -> str:
    from qconv.reporting.junit import to_junit

    return to_junit(report)


def _html(report: Report) -> str:
    require_html()
    return html_page(report)


_FORMS: Mapping[str, Callable[[Report], str]] = {
    ".json": to_json,
    ".md": _markdown,
    ".xml": _junit,
    ".html": _html,
}
