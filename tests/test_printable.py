import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.errors import ModelError, UsageError
from qconv.printable import printable, sentence


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer 模型 🙂", "größer 模型 🙂"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x1b[0m\x9b\x7f\x00", "\\x1b[0m\\x9b\\x7f\\x00"),
        ("\u202e\u2028\ufeff\udcff\U000e0001", "\\u202e\\u2028\\ufeff\\udcff\\U000e0001"),
    ],
)
def test_what_is_not_visible_becomes_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(categories=None)))
def test_any_text_becomes_one_visible_line(text: str) -> None:
    for shown in (printable(text), sentence(text)):
        assert shown.isprintable()
        assert printable(shown) == shown


def test_a_message_has_one_line() -> None:
    error = ModelError("the checker:\n\n  ==> Context: \x1b\r\n\n", hint="mend\nit")
    assert str(error) == "the checker: ==> Context: \\x1b"
    assert error.hint == "mend it"


def test_an_excerpt_stands_below_the_message() -> None:
    error = UsageError("in the gate at column 2", excerpt=("    \x1b\n>", "     ^"))
    assert str(error).split("\n") == ["in the gate at column 2", "    \\x1b\\n>", "     ^"]


def test_a_long_name_of_blanks_takes_no_time() -> None:
    start = time.perf_counter()
    assert sentence(f"{' ' * 200_000}\n{' ' * 200_000}x") == "x"
    assert time.perf_counter() - start < 1
