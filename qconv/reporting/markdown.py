"""The report as GitHub-flavoured Markdown, for pull requests."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from qconv.printable import printable
from qconv.reporting import report_tables, sentences, significance
from qconv.reporting.bottom_line import bottom_lines
from qconv.reporting.doubts import doubts
from qconv.reporting.energy_told import energy_lines
from qconv.reporting.mermaid import trade_offs
from qconv.reporting.report_data import Report
from qconv.reporting.report_tables import Table
from qconv.reporting.time_told import time_lines
from qconv.reporting.verdicts import verdict_told, verdict_word


def to_markdown(report: Report) -> str:
    """Return the bottom lines, verdicts, pictures, tables, and what is to be said about them."""
    blocks = [
        *_list(list(map(str, bottom_lines(report)))),
        *_verdicts(report),
        *(f"```mermaid\n{diagram}\n```" for diagram in trade_offs(report)),
        _table(report_tables.headline(report)),
        *map(escaped, sentences.conditions(report)),
        *map(escaped, significance.undecided(report)),
        *_list((*significance.speeds(report), *significance.drops(report))),
        *map(escaped, sentences.simulations(report)),
        *map(escaped, sentences.clipped(report)),
        *map(escaped, sentences.portability(report)),
        *(f"**{escaped(sentence)}**" for sentence in sentences.faults(report)),
        *map(escaped, doubts(report)),
        *_fusion(report),
        *_list((*time_lines(report), *energy_lines(report))),
        _details("Outputs", _table(report_tables.outputs(report))),
        *(_details(table.rows, _table(table)) for table in report_tables.layers(report)),
    ]
    return "\n\n".join(["### qconv report", *blocks]) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, in a table or out of it."""
    text = re.sub(r"[\\`*_\[\]<>|~&#$]", r"\\\g<0>", printable(text))
    text = _unmentioned(text)
    return re.sub(r"^(\d*)([-+=.)])(?=[-=\s]|$)", r"\1\\\2", text)


def _unmentioned(text: str) -> str:
    """Keep GitHub from taking ``@name`` and ``#1`` for a person and an issue."""
    return re.sub(r"[@#]", r"\g<0><!-- -->", text)


def _verdicts(report: Report) -> Iterator[str]:
    summary = sentences.gate_summary(report)
    if summary is None:
        return
    yield f"**{summary[0].upper()}{summary[1:]}.**"
    rows = [
        (
            f"**{verdict_word(verdict)}**" if verdict.failed else verdict_word(verdict),
            escaped(verdict.variant),
            escaped(verdict_told(verdict)),
            escaped(verdict.expression),
        )
        for verdict in report.verdicts
    ]
    yield _rows(("", "variant", "measured", "fails if"), "llll", rows)


def _fusion(report: Report) -> Iterator[str]:
    for variant in report.variants:
        summary = sentences.fusion_summary(variant)
        if summary is None or variant.fusion is None:
            continue
        misses = [f"- {escaped(line)}" for line in sentences.fusion_misses(variant.fusion)]
        yield "\n".join([escaped(summary), *([""] if misses else []), *misses])
        covered = sentences.coverage_summary(variant)
        if covered is not None:
            yield escaped(covered)


def _list(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(f"- {escaped(line)}" for line in lines)


def _table(table: Table) -> str:
    titles = (escaped(table.rows), *(escaped(column.title) for column in table.columns))
    rows = [
        (escaped(name), *(escaped(column.cells[index]) for column in table.columns))
        for index, name in enumerate(table.names)
    ]
    return _rows(titles, "l" + "r" * len(table.columns), rows)


def _rows(titles: Sequence[str], align: str, rows: Sequence[Sequence[str]]) -> str:
    rules = ["---:" if side == "r" else "---" for side in align]
    lines = [titles, rules, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _details(summary: str, block: str) -> str:
    """Return a block to be opened by its summary, which is HTML, where Markdown escapes nothing."""
    shown = _unmentioned(html.escape(printable(summary), quote=False))
    return f"<details><summary>{shown}</summary>\n\n{block}\n\n</details>"
