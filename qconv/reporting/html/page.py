"""The report as a page: sections, in a frame that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from qconv.printable import printable
from qconv.reporting.bottom_line import bottom_lines
from qconv.reporting.html.pieces import Section
from qconv.reporting.html.sections.all_numbers import overview
from qconv.reporting.html.sections.judged_gates import gates
from qconv.reporting.html.sections.one_variant import variants
from qconv.reporting.html.sections.reproduced import reproduce
from qconv.reporting.html.sections.searched import search
from qconv.reporting.html.sections.trade_offs import tradeoffs
from qconv.reporting.made import Made
from qconv.reporting.report_data import Report


def sections(report: Report) -> Iterator[Section]:
    """Yield what the page shows, in its order; a new section is a line here."""
    found = (
        gates(report),
        overview(report),
        tradeoffs(report),
        search(report),
        *variants(report),
        reproduce(report),
    )
    yield from (section for section in found if section is not None)


def to_html(report: Report, made: Made) -> str:
    """Return the report as an HTML page, the same for the same report and the same ``made``."""
    environment = Environment(
        loader=PackageLoader("qconv.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    style, script = _asset("style.css"), _asset("script.js")
    return environment.get_template("page.html").render(
        report=report,
        made=made,
        lines=list(bottom_lines(report)),
        sections=list(sections(report)),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _asset(name: str) -> Markup:
    """Return the text of a file of this package, which is safe."""
    place = files("qconv.reporting.html").joinpath("templates", name)
    return Markup(place.read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy allows a text by."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
