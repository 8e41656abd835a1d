"""A report at a glance: in one line, and as the HTML that a notebook shows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from qconv.printable import printable
from qconv.reporting import report_tables, sentences
from qconv.reporting.report_data import Report
from qconv.reporting.report_tables import Table
from qconv.reporting.verdicts import verdict_line


def one_line(report: Report) -> str:
    """Return ``<Report on 400 samples: a.onnx: MB 5.10, ...; all 2 gates pass>``."""
    table = report_tables.essentials(report)
    told = []
    for row, name in list(enumerate(table.names))[1:]:
        cells = (f"{column.title} {column.cells[row]}" for column in table.columns)
        told.append(f"{printable(name)}: {', '.join(cells)}")
    gates = sentences.gate_summary(report)
    told += [] if gates is None else [gates]
    return f"<Report on {sentences.counted(report.data.samples, 'sample')}: {'; '.join(told)}>"


def to_notebook(report: Report) -> str:
    """Return the table of the report and its verdicts as HTML without styles or scripts."""
    lines = [_table(report_tables.headline(report))]
    lines += [f"<p>{_text(sentence)}</p>" for sentence in sentences.conditions(report)]
    if report.verdicts:
        items = (f"<li>{_text(verdict_line(verdict))}</li>" for verdict in report.verdicts)
        lines.append(f"<ul>{''.join(items)}</ul>")
    return "\n".join(lines)


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(title)}</th>" for title in _titles(table))
    rows = (
        "".join(f"<td>{_text(cell)}</td>" for cell in (name, *_cells(table, row)))
        for row, name in enumerate(table.names)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _titles(table: Table) -> Iterator[str]:
    yield table.rows
    yield from (column.title for column in table.columns)


def _cells(table: Table, row: int) -> Iterator[str]:
    yield from (column.cells[row] for column in table.columns)


def _text(text: str) -> str:
    return escape(printable(text))
