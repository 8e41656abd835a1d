"""The report on a terminal: tables that fit its width, then what is to be said, then verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from qconv.printable import printable
from qconv.reporting import report_tables, sentences, significance
from qconv.reporting.doubts import doubts
from qconv.reporting.energy_told import energy_lines
from qconv.reporting.report_data import Report
from qconv.reporting.report_tables import Column, Table
from qconv.reporting.time_told import time_lines
from qconv.reporting.verdicts import verdict_line

_GAP = 2
_NUMBERS_WIDTH = 48
_SHORTEST_NAME = 16
MOST_OUTPUTS = 8
"""Outputs of a variant in the table, which all others would push off the screen."""


def print_report(report: Report, console: Console) -> None:
    """Print tables, conditions, faults, the fusion audit and the verdicts."""
    for table in (
        report_tables.headline(report),
        report_tables.outputs(report, MOST_OUTPUTS),
        *report_tables.layers(report),
    ):
        for part in rich_tables(table, console.width):
            console.print(part)
            console.print()
    if (count := max(len(variant.outputs) for variant in report.variants)) > MOST_OUTPUTS:
        _say(
            f"The table shows {MOST_OUTPUTS} of {count} outputs: first those that are not states, "
            "then those with the lowest SQNR. The other forms of the report list all.",
            console,
        )
    for sentence in sentences.conditions(report):
        _say(sentence, console)
    for sentence in (
        *significance.speeds(report),
        *significance.drops(report),
        *significance.undecided(report),
        *sentences.simulations(report),
        *sentences.clipped(report),
        *sentences.portability(report),
    ):
        _say(sentence, console)
    for sentence in (*sentences.faults(report), *doubts(report)):
        _say(sentence, console)
    _print_fusion(report, console)
    for sentence in (*time_lines(report), *energy_lines(report)):
        _say(sentence, console)
    for sentence in sentences.terms(report):
        _say(sentence, console)
    print_verdicts(report, console)


def print_verdicts(report: Report, console: Console) -> None:
    """Print one line for each gate and variant, as long as it is, and nothing without gates."""
    if report.verdicts:
        console.print()
    for verdict in report.verdicts:
        console.print(Text(printable(verdict_line(verdict))), soft_wrap=True)


def rich_tables(table: Table, width: int) -> Iterator[RichTable]:
    """Yield the table, in several parts where it is wider than ``width`` columns.

    Every part begins with the names; numbers are never cut, long names are folded.
    """
    names = [printable(name) for name in table.names]
    longest = max(_SHORTEST_NAME, width - _NUMBERS_WIDTH)
    name_width = min(longest, max(map(cell_len, (table.rows, *names))))
    room = width - name_width
    whole = sum(_width(column) + _GAP for column in table.columns) <= room
    for group in (table.columns,) if whole else table.groups:
        for part in _parts(group, room):
            yield _rich_table(table.rows, names, name_width, part)


def _parts(columns: Sequence[Column], room: int) -> Iterator[list[Column]]:
    """Deal the columns out to parts that fit the room, as many as fit to each."""
    part: list[Column] = []
    for unit in report_tables.units(columns):
        if part and sum(_width(column) + _GAP for column in (*part, *unit)) > room:
            yield part
            part = []
        part += unit
    if part:
        yield part


def _width(column: Column) -> int:
    texts = [*column.title.split(), *column.cells]
    return max(cell_len(printable(text)) for text in texts)


def _rich_table(
    rows: str, names: Sequence[str], name_width: int, columns: Sequence[Column]
) -> RichTable:
    padding = (0, _GAP - 1, 0, 0)  # the box adds one space between columns
    table = RichTable(box=box.SIMPLE_HEAD, padding=padding, show_edge=False, pad_edge=False)
    table.add_column(Text(printable(rows)), vertical="bottom", overflow="fold", width=name_width)
    for column in columns:
        title = Text(printable(column.title).replace(" ", "\n"))
        table.add_column(title, justify="right", vertical="bottom", no_wrap=True)
    for index, name in enumerate(names):
        cells = [Text(printable(column.cells[index])) for column in columns]
        table.add_row(Text(name), *cells)
    return table


def _print_fusion(report: Report, console: Console) -> None:
    for variant in report.variants:
        summary = sentences.fusion_summary(variant)
        if summary is None or variant.fusion is None:
            continue
        _say(summary, console)
        for line in sentences.fusion_misses(variant.fusion):
            _say(f"  {line}", console)
        covered = sentences.coverage_summary(variant)
        if covered is not None:
            _say(covered, console)


def _say(sentence: str, console: Console) -> None:
    console.print(Text(printable(sentence)))
