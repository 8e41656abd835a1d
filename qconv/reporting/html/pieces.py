"""What the page is put together from: a section is a title and pieces, each with a template.

A piece of a new kind is a class here and the template that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from markupsafe import Markup

from qconv.reporting.report_tables import Table

Kind = Literal["text", "number", "code", "verdict"]


class Piece(Protocol):
    """A part of the page; ``template`` draws it under the name ``piece``."""

    template: ClassVar[str]


@dataclass(frozen=True)
class Words:
    """A paragraph; ``soft`` is what can be skipped, ``bad`` what is broken."""

    template: ClassVar[str] = "words.html"
    text: str
    tone: Literal["plain", "soft", "strong", "bad"] = "plain"


@dataclass(frozen=True)
class Listed:
    """Sentences, one below the other."""

    template: ClassVar[str] = "listed.html"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command line."""

    template: ClassVar[str] = "command.html"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    template: ClassVar[str] = "facts.html"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Grid:
    """A table: ``label`` says what it shows; titles and kinds of its columns; rows of cells."""

    template: ClassVar[str] = "grid.html"
    label: str
    titles: tuple[str, ...]
    kinds: tuple[Kind, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, label: str, columns: str, rows: Iterable[Sequence[str]]) -> Grid:
        """Return a grid whose columns are given in short: ``layer, bytes#`` has one of numbers."""
        titles = columns.split(", ")
        kinds: list[Kind] = ["number" if title.endswith("#") else "text" for title in titles]
        shown = tuple(title.removesuffix("#") for title in titles)
        return cls(label, shown, tuple(kinds), tuple(map(tuple, rows)))

    @classmethod
    def of_table(cls, label: str, table: Table) -> Grid:
        """Return a table of the report, whose cells are numbers but for the names."""
        columns = table.columns
        rows = zip(table.names, *(column.cells for column in columns), strict=True)
        numbers: list[Kind] = ["number"] * len(columns)
        titles = (table.rows, *(column.title for column in columns))
        return cls(label, titles, ("text", *numbers), tuple(rows))


@dataclass(frozen=True)
class Plot:
    """A drawing, and what it shows in words."""

    caption: str
    svg: Markup


@dataclass(frozen=True)
class Plots:
    """Drawings side by side, as far as there is room; ``small`` ones are four in a row."""

    template: ClassVar[str] = "plots.html"
    plots: tuple[Plot, ...]
    small: bool = False


@dataclass(frozen=True)
class Sample:
    """A sample with both answers; ``picture`` is a PNG in base64, empty where it is no image."""

    name: str
    before: str
    after: str
    label: str
    picture: str


@dataclass(frozen=True)
class Samples:
    """Samples, each with its picture and what two models say of it."""

    template: ClassVar[str] = "samples.html"
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Folded:
    """Pieces to be opened by their summary."""

    template: ClassVar[str] = "folded.html"
    summary: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Part:
    """A part of a section with a title of its own; a ``wide`` one has the whole width.

    ``name`` is unique in its section.
    """

    name: str
    title: str
    pieces: tuple[Piece, ...]
    wide: bool = False


@dataclass(frozen=True)
class Parts:
    """Parts side by side, as far as there is room."""

    template: ClassVar[str] = "parts.html"
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Section:
    """A section of the page, which is reached by its anchor."""

    anchor: str
    title: str
    pieces: tuple[Piece, ...]
    link: str = ""
    """What the link to it says, if that is not the title."""
