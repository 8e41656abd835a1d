"""The trees of docs/lost-accuracy.md and docs/slower.md, read from the pages and walked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.model_helpers import one_line

DOCS = Path(__file__).parents[2] / "docs"
Command = Callable[[str], str]
"""Runs a command line, which must not fail, and returns what it prints."""
NONE = "none of these"


@dataclass(frozen=True)
class Branch:
    """A row of the tree: what is typed at its step, what is seen, and where that leads."""

    step: str
    typed: str
    seen: str
    leads: str

    def fits(self, printed: str) -> bool:
        """Whether the output shows what the row says; N and M are numbers, M the smaller one."""
        if self.seen == NONE:
            return True
        words = re.findall("`(.+?)`", self.seen)[0]
        pattern = re.escape(words).replace("M\\ of\\ N", r"(\d+)\ of\ (\d+)")
        return any(
            not found.groups() or int(found[1]) < int(found[2])
            for found in re.finditer(pattern, printed)
        )


def walk(page: str, command: Command) -> list[str]:
    """Follow the tree of a page; return the names of the steps, and the section at the end."""
    rows, place, path = list(branches(page)), "1", ["1"]
    while place.isdecimal():
        choices = [row for row in rows if row.step == place]
        printed = one_line(command(choices[0].typed))
        place = next(row.leads for row in choices if row.fits(printed))
        path.append(place)
    return path


def branches(page: str) -> Iterator[Branch]:
    """Yield the rows of the tree at the top of a page."""
    step = typed = ""
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| ") or cells[0] in ("step", "---"):
            continue
        if found := re.fullmatch(r"(\d)\. `(.+)`", cells[0]):
            step, typed = found.groups()
        _, seen, leads = cells
        target = re.fullmatch(r"step (\d)|\[(.+)\]\(#(.+)\)", leads)
        assert target is not None, line
        if target[2]:
            assert target[3] == re.sub(r"[^a-z0-9-]", "", target[2].lower().replace(" ", "-"))
        yield Branch(step, typed, seen.split(", M less")[0], target[1] or target[2])


def typed_in(page: str, section: str) -> list[str]:
    """Return the command lines of a section."""
    text = (DOCS / page).read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^ {4}(qconv .+)$", text, re.MULTILINE)


def arguments(line: str) -> list[str]:
    """Return the arguments of a command line that begins with qconv."""
    name, *rest = shlex.split(line)
    assert name == "qconv"
    return rest
