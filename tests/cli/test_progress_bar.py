import io
from collections.abc import Iterator

import pytest

from qconv.cli.progress_bar import Bar, Lines, duration, make_progress
from qconv.progress import no_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ticking(step: float) -> Iterator[float]:
    now = 100.0
    while True:
        yield now
        now += step


def test_in_ci_there_is_a_line_for_every_tenth() -> None:
    stream = io.StringIO()
    clock = ticking(5.0)
    assert list(Lines(stream, clock=lambda: next(clock))(range(40), 40, "evaluating")) == [
        *range(40)
    ]
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "evaluating: 4/40 (10 %), 0.8/s, 45 s left"
    assert lines[-1] == "evaluating: 40/40 (100 %), 0.8/s"


@pytest.mark.parametrize("total", [1, 3, 9, 11, 1000])
def test_there_are_never_more_than_ten_lines_and_the_last_says_all(total: int) -> None:
    stream = io.StringIO()
    clock = ticking(1.0)
    list(Lines(stream, clock=lambda: next(clock))(range(total), total, "x"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == min(total, 10)
    assert lines[-1].startswith(f"x: {total}/{total} (100 %)")


def test_a_clock_that_stands_still_gives_no_rate() -> None:
    stream = io.StringIO()
    list(Lines(stream, clock=lambda: 1.0)(range(1), 1, "x"))
    assert stream.getvalue() == "x: 1/1 (100 %)\n"


def test_on_a_terminal_there_is_a_bar_with_rate_and_time_left() -> None:
    stream = Terminal()
    clock = ticking(1.0)
    assert list(Bar(stream, clock=lambda: next(clock))(range(7), 7, "evaluating")) == [*range(7)]
    assert "evaluating" in stream.getvalue()
    assert "4/7" in stream.getvalue()


def test_what_suits_the_stream_is_chosen() -> None:
    assert isinstance(make_progress(quiet=False, stream=Terminal()), Bar)
    assert isinstance(make_progress(quiet=False, stream=io.StringIO()), Lines)
    assert make_progress(quiet=True, stream=Terminal()) is no_progress


def test_no_progress_passes_the_items_on() -> None:
    assert list(no_progress(iter("abc"), 3, "x")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3780, "1 h 3 min")],
)
def test_durations_read_like_speech(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
