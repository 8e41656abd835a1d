"""README.md and docs/: links lead somewhere, and commands have the options that pages name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import qconv
from qconv.cli.main import cli
from scripts.docs_pictures import PICTURES, pictures
from scripts.python_page import PAGE, page
from tests.docs.page_blocks import ALL, PAGES, ROOT, Block

LINKING = [
    *PAGES,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "sample_models").rglob("*.md")),
]
_CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_OPTION = re.compile(r"(?:`|^ {4})(--[a-z][a-z-]+)", re.MULTILINE)
OTHERS = {"--help", "--version"}
OTHERS |= {"--environments", "--limit", "--only", "--slow"}  # benchmarks/
OTHERS |= {"--kinds", "--own", "--processes", "--workers"}  # tests/fuzz
OTHERS |= {"--user", "--network", "--name"}  # docker, and the form that hooks take
"""Options of other programs, and of all commands, that pages name."""

_CONTEXT = click.Context(cli, **cli.context_settings)
COMMANDS = {
    name: command
    for name in cli.list_commands(_CONTEXT)
    if (command := cli.get_command(_CONTEXT, name)) is not None
}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub and the site give to headings."""
    text = _CODE.sub("", path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in _HEADING.findall(text):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        found.add(re.sub(r"[^\w -]", "", words).strip().replace(" ", "-"))
    return found


def _links(path: Path) -> Iterator[tuple[Path, str]]:
    text = _CODE.sub("", path.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if not link.startswith(("https://", "mailto:")):
            target, _, anchor = link.partition("#")
            yield (path.parent / target if target else path), anchor


@pytest.mark.parametrize("path", LINKING, ids=_name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, anchor in _links(path):
        assert target.exists(), f"{target} is not there"
        assert target.resolve().is_relative_to(ROOT)
        if anchor:
            assert anchor in _anchors(target), f"{target} has no heading #{anchor}"


def _commands() -> list[tuple[Block, str]]:
    return [
        (block, line)
        for block in ALL
        if not block.not_run
        for line in block.lines
        if line.startswith("qconv ")
    ]


def test_every_command_of_a_page_has_these_options() -> None:
    """Reads the words of each command as click does; tests/docs runs them."""
    assert len(_commands()) > 50
    for block, line in _commands():
        name, *words = _words(line)
        if name.startswith("-"):
            continue
        assert name in COMMANDS, f"{block.place}: there is no command '{name}'"
        context = click.Context(COMMANDS[name], info_name=name, parent=_CONTEXT)
        try:
            COMMANDS[name].make_parser(context).parse_args(words)
        except click.UsageError as error:
            pytest.fail(f"{block.place}: `{line}`: {error.format_message()}")


def _words(line: str) -> list[str]:
    return shlex.split(line, comments=True)[1:]


def test_every_option_that_a_page_names_is_one_of_a_command() -> None:
    known = set(OTHERS)
    for command in COMMANDS.values():
        for parameter in command.params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    for path in PAGES:
        named = set(_OPTION.findall(path.read_text(encoding="utf-8")))
        assert named <= known, f"{_name(path)} names options that no command has: {named - known}"


def test_every_public_name_is_on_the_page_of_python() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in qconv.__all__ if f"`qconv.{name}`" not in text] == []
    assert page() == text, "python scripts/python_page.py writes it anew"


def test_the_pictures_are_those_that_the_script_draws() -> None:
    drawn = {f"{name}.svg": content for name, content in pictures()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in PICTURES.iterdir()}
    assert kept == drawn, "python scripts/docs_pictures.py draws them anew"
    assert all(len(content) < 60_000 for content in kept.values())
