"""Elements of SVG as safe markup, and how wide text is.

A unit is a pixel where the drawing is as wide as a phone. Colours and fonts come from the page's
style sheet by the class of an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import east_asian_width

from markupsafe import Markup, escape

from qconv.printable import printable

WIDTH = 360.0
"""Units across a drawing."""
TEXT = 11.0
"""Height of a line of text."""


def element(tag: str, *children: Markup, **attributes: str | float) -> Markup:
    """Return an element; ``class_`` is the attribute ``class``, and ``text_anchor`` with a dash."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for name, value in attributes.items()
    )
    inner = Markup("").join(children)
    return Markup(f"<{tag}{given}>{inner}</{tag}>" if children else f"<{tag}{given}/>")


def drawing(
    height: float, caption: str, children: Iterable[Markup], width: float = WIDTH
) -> Markup:
    """Return a drawing; ``caption`` says what it shows to those who cannot see it."""
    box = f"0 0 {_shown(width)} {_shown(height)}"
    return element(
        "svg", *children, viewBox=box, role="img", aria_label=printable(caption), class_="plot"
    )


def text(
    x: float, y: float, said: str, anchor: str = "start", *, kind: str = "", room: float = WIDTH
) -> Markup:
    """Return a line of text, cut to the ``room`` that it has; ``anchor`` is its point at ``x``."""
    given = {"text_anchor": "" if anchor == "start" else anchor, "class_": kind}
    shown = escape(fitted(printable(said), room))
    return element("text", shown, x=x, y=y, **{name: text for name, text in given.items() if text})


def mark(told: str, *shapes: Markup) -> Markup:
    """Return shapes that tell more when they are pointed at, or reached by the keyboard."""
    return element("g", element("title", escape(printable(told))), *shapes, class_="mark")


def rectangle(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """Return a rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, class_=kind)


def line(start: tuple[float, float], end: tuple[float, float], kind: str) -> Markup:
    """Return a straight line."""
    return path([start, end], kind)


def path(points: Iterable[tuple[float, float]], kind: str) -> Markup:
    """Return a line through points."""
    steps = "L".join(f"{_shown(x)} {_shown(y)}" for x, y in points)
    return element("path", d=f"M{steps}", class_=kind)


def circle(x: float, y: float, radius: float, kind: str) -> Markup:
    """Return a circle."""
    return element("circle", cx=x, cy=y, r=radius, class_=kind)


def text_width(said: str) -> float:
    """Return about how many units a line of text takes."""
    return TEXT * _tenths(said) / 10


def _tenths(said: str) -> int:
    """Return the width in whole tenths of the height, whose sum no order of letters changes."""
    return sum(10 if east_asian_width(char) in "WF" else 6 for char in said)


def fitted(said: str, room: float) -> str:
    """Return the end of a text that is too long, which tells more of a name than its beginning."""
    if text_width(said) <= room:
        return said
    taken = _tenths("…")
    for kept in range(len(said)):
        taken += _tenths(said[-1 - kept])
        if TEXT * taken / 10 > room:
            return f"…{said[len(said) - kept :]}"
    return said


def _shown(value: str | float) -> str:
    """Return a number with one decimal at most."""
    return value if isinstance(value, str) else f"{round(value, 1) + 0.0:g}"
