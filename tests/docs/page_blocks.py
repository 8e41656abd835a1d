"""The blocks of code in README.md and docs/: commands, Python, and files that they show.

Comments just above a block, which no reader sees, say what is special about it::

    <!-- exit 1 -->                         its last command ends with 1
    <!-- before: cp ocr.onnx model.onnx --> a command that is run before it
    <!-- not run: needs a GPU -->           nothing of it is run
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n|^\n(?= {4}|\n* {4}))+", re.MULTILINE)
_PARAGRAPH = re.compile(r"(?:^.*\S.*\n)+", re.MULTILINE)
_COMMENTS = re.compile(r"(?:<!-- (?:exit|before|not run)\b.*-->\s*)+$")
_COMMENT = re.compile(r"<!-- (exit|before:|not run:) (.+?) -->")
_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
_PYTHON = re.compile(r"^(import|from) |\b(qconv|np)\.", re.MULTILINE)
_COMMAND = re.compile(r"(\$ )?(qconv|python -m qconv\.[\w.]+)( |$)")
_SETTING = re.compile(r"(\$ )?([A-Z]+=\S+$|mkdir )")
_SHOW_ARGUMENTS = r"""
qconv() { printf '%s\0' qconv "$@"; }
python() { if [ "$1" = -m ]; then printf '%s\0' "$@"; else command python "$@"; fi; }"""


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        page: the page, from the top folder
        line: the line of the page at which it begins
        text: what stands in it, without indentation
        code: the exit code of its last command, as the page says
        before: commands that are run before it
        not_run: why it cannot be run, where it cannot
    """

    page: str
    line: int
    text: str
    code: int = 0
    before: tuple[str, ...] = ()
    not_run: str = ""

    @property
    def place(self) -> str:
        """Where the block stands, as editors find it."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The name of the file that the block shows, which its first line names."""
        found = _FILE.match(self.text)
        return found[1] if found else ""

    @property
    def lines(self) -> list[str]:
        """The lines for a shell, long ones joined, without prompts and what is printed."""
        lines = self.text.replace("\\\n", " ").splitlines()
        typed = [line for line in lines if _COMMAND.match(line) or _SETTING.match(line)]
        return [line.removeprefix("$ ") for line in typed]

    @property
    def is_python(self) -> bool:
        """Whether it is Python to be run, and not a file."""
        if self.file or not _PYTHON.search(self.text):
            return False
        try:
            compile(self.text, self.place, "exec")
        except SyntaxError:
            return False
        return True


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    found = [(each.start(), each[2]) for each in _FENCED.finditer(text)]
    bare = _FENCED.sub(lambda each: re.sub(r"[^\n]", "-", each[0]), text)
    for each in _INDENTED.finditer(bare):
        found += _parts(each.start(), each[0])
    return [_block(name, text, start, content) for start, content in sorted(found)]


def _parts(start: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield indented Python whole, else paragraphs: files, and the commands that read them."""
    content = textwrap.dedent(text)
    if Block("", 0, content).is_python:
        yield start + len(text) - len(text.lstrip("\n")), content
        return
    for paragraph in _PARAGRAPH.finditer(text):
        yield start + paragraph.start(), textwrap.dedent(paragraph[0])


def _block(page: str, text: str, start: int, content: str) -> Block:
    above = _COMMENTS.search(text[:start])
    said = _COMMENT.findall(above[0]) if above else []
    return Block(
        page,
        text.count("\n", 0, start) + 1,
        content,
        code=next((int(what) for kind, what in said if kind == "exit"), 0),
        before=tuple(what for kind, what in said if kind == "before:"),
        not_run=next((what for kind, what in said if kind == "not run:"), ""),
    )


def words(line: str, settings: list[str], folder: Path) -> list[str]:
    """Return a command line as a shell in a folder reads it, after lines that set variables.

    It begins with ``qconv``, or ``-m`` and a module; other commands are done, and give nothing.
    """
    done = subprocess.run(
        ["bash", "-c", "\n".join([_SHOW_ARGUMENTS, *settings, line])],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.split("\0")[:-1]


ALL = [block for page in PAGES for block in blocks(page)]
FILES = {block.file: block.text for block in ALL if block.file}
"""Files that pages show, by name; a page that names one of another page gets it."""
