import ast
import io
import json
import sys
import traceback
from collections.abc import Callable

import pytest

from qconv.cli.progress_bar import Bar
from qconv.cli.terminal import console, guarded, overlay, print_table, say, show, unguarded
from tests.cli.cli_helpers import ROOT

Out = Callable[[], str]
PRINTERS = {"print", "click.echo", "click.secho", "Console"}


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Out:
    """Returns what was written to standard output since the last call."""
    return lambda: capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("tabs\tand lines\n", "tabs\tand lines\n"),
        ("größer ≤ 5 µs ─ 模型 🙂\n", "größer ≤ 5 µs ─ 模型 🙂\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("over\rwritten\b\x7f\x00", "over\\rwritten\\x08\\x7f\\x00"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u202egnp.\u2066x\u2069", "\\u202egnp.\\u2066x\\u2069"),
        ("a\u2028b\u2029c\u200bd\ufeffe", "a\\u2028b\\u2029c\\u200bd\\ufeffe"),
        ("\udcff.onnx", "\\udcff.onnx"),
        ("\\x1b stays", "\\x1b stays"),
    ],
)
def test_what_is_not_visible_is_shown_as_an_escape(out: Out, written: str, shown: str) -> None:
    with guarded():
        assert sys.stdout.write(written) == len(written)
    assert out() == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("::error::x\n", ":\\u003aerror::x\n"),
        ("fine\n \t::set-output name=a::b\n", "fine\n \t:\\u003aset-output name=a::b\n"),
        ("\n\n::::error::x", "\n\n:\\u003a::error::x"),
        ("\u0301\ufe0f::error::x", "\u0301\ufe0f:\\u003aerror::x"),
        ("a::b\n- c::d\n", "a::b\n- c::d\n"),
        ("text ##[error]x ##[warning]y", "text ##\\u005berror]x ##\\u005bwarning]y"),
        ("##vso[task.setvariable]x", "##vso\\u005btask.setvariable]x"),
        ("### Title [1] # [2]\n", "### Title [1] # [2]\n"),
    ],
)
def test_no_line_is_a_command_to_a_ci(out: Out, written: str, shown: str) -> None:
    with guarded():
        sys.stdout.write(written)
    assert out() == shown
    with guarded():
        sys.stdout.writelines(written)
    assert out() == shown


def test_long_lines_in_small_pieces_stay_as_they_are(out: Out) -> None:
    line = "a" + "." * 500 + "::" + "#" * 500
    with guarded():
        sys.stdout.writelines(line)
    assert out() == line


def test_a_command_behind_many_blanks_in_another_piece(out: Out) -> None:
    with guarded():
        sys.stdout.writelines([" " * 500, "::error::x\n", " " * 500, "a", " " * 500, "::b\n"])
    assert out() == f"{' ' * 500}:\\u003aerror::x\n{' ' * 500}a{' ' * 500}::b\n"


def test_json_says_the_same_though_its_text_is_broken_up(out: Out) -> None:
    names = ["##[error]x", "::error::", "\x1b[0m\n::error::", "\u202e\ud800"]
    with guarded():
        show(json.dumps(names, indent=2))
    text = out()
    assert "##[" not in text
    assert json.loads(text) == names


def test_a_name_does_not_begin_a_line(out: Out) -> None:
    with guarded():
        say("input a\n::error::b of float32")
    assert out() == "input a\\n::error::b of float32\n"


def test_a_table_has_neither_markup_nor_styles(out: Out) -> None:
    with guarded():
        print_table(("name", "why"), [("[red]x[/]:smile:", "\x1b[1m\nbold")])
    assert "│ [red]x[/]:smile: │ \\x1b[1m\\nbold │" in out()


def test_a_table_folds_what_is_too_wide(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("name",), [("n" * 100,)])
    assert out().count("n") == 101


def test_whoever_writes_is_guarded_and_only_inside(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        sys.stderr.write("\x1b")
        traceback.print_exception(ValueError("\x1b"))
        console(err=True).print("\x9b", end="")
        inside = sys.stderr
    assert "\x1b" not in capsys.readouterr().err
    assert unguarded(inside) is sys.stderr
    sys.stderr.write("\x1b")
    assert capsys.readouterr().err == "\x1b"


def test_other_ways_of_a_stream_are_those_of_the_stream_below(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with guarded():
        assert sys.stdout.isatty() is False
        assert sys.stdout.encoding.lower() == "utf-8"
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.flush()
    assert capfd.readouterr().out == "bytes\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_after_two_seconds_and_gives_way_to_a_line(
    out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Terminal()
    ticks = iter([0.0, 1.5, 3.0, 4.5, 6.0])
    cleared = []
    for item in Bar(screen, clock=lambda: next(ticks))(range(4), 4, "work\x1b"):
        cleared.append(screen.getvalue())
        if item == 2:
            with guarded():
                say("a line of a script")
            cleared.append(screen.getvalue())
    assert cleared[:2] == ["", ""]
    assert "2/4" in cleared[2]
    assert cleared[3].endswith("\r\x1b[1A\x1b[2K")
    assert "work\x1b" not in screen.getvalue()
    assert out() == "a line of a script\n"


def test_an_overlay_is_hidden_only_while_it_is_there(out: Out) -> None:
    hidden = []
    with guarded():
        with overlay(lambda: hidden.append(out())):
            say("one")
        say("two")
    assert hidden == [""]


def test_nothing_else_prints() -> None:
    homes = {ROOT / "qconv" / "cli" / name for name in ("terminal.py", "progress_bar.py")}
    for path in {*(ROOT / "qconv").rglob("*.py")} - homes:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in PRINTERS, path
