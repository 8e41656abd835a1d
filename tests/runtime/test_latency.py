from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pytest

from qconv.data.source import Feeds
from qconv.reporting.runs import Latency
from qconv.runtime.latency import measure_latency

T = TypeVar("T")
FEEDS: list[Feeds] = [{"x": np.array([index], np.float32)} for index in range(3)]


class Machine:
    """A clock, and sessions that take a given time of it in nanoseconds."""

    def __init__(self) -> None:
        self.now = 1_000
        self.calls: list[tuple[str, float]] = []

    def clock(self) -> int:
        return self.now


class FakeSession:
    def __init__(self, machine: Machine, name: str, times: Iterable[int]) -> None:
        self._machine = machine
        self._name = name
        self._times = iter(times)

    def run(self, _: None, feed: Feeds, /) -> object:
        self._machine.calls.append((self._name, float(feed["x"].item())))
        self._machine.now += next(self._times)
        return []


def test_median_and_ninetieth_percentile_are_of_the_timed_runs_in_milliseconds() -> None:
    machine = Machine()
    slow = FakeSession(machine, "slow", [10**12, *(1_000_000 * n for n in range(1, 12))])
    fast = FakeSession(machine, "fast", [10**12, *[250_000] * 11])
    found = measure_latency([slow, fast], FEEDS, 11, 1, clock=machine.clock)
    assert found[0] == Latency(
        6.0, 10.0, median_low=3.0, median_high=10.0, p90_low=8.0, p90_high=11.0
    )
    assert (found[1].median_ms, found[1].p90_ms) == (0.25, 0.25)


def test_the_speed_up_has_an_interval_that_holds_it_and_grows_with_the_noise() -> None:
    machine = Machine()
    steady = [2_000_000 + 1000 * (n % 7) for n in range(40)]
    wild = [1_000_000 * (1 + n * 7 % 5) for n in range(40)]
    sessions = [FakeSession(machine, "a", steady), FakeSession(machine, "b", steady),
                FakeSession(machine, "c", wild)]  # fmt: skip
    first, same, noisy = measure_latency(sessions, FEEDS, 40, 0, clock=machine.clock)
    assert (first.speedup_low, first.speedup_high) == (None, None)
    assert same.speedup_low is not None
    assert same.speedup_high is not None
    assert 0.999 < same.speedup_low <= 1 <= same.speedup_high < 1.001
    assert noisy.speedup_low is not None
    assert noisy.speedup_high is not None
    assert noisy.speedup_high > 1.2 * noisy.speedup_low


def test_a_few_runs_have_no_interval() -> None:
    machine = Machine()
    sessions = [FakeSession(machine, name, [1000] * 9) for name in "ab"]
    _, found = measure_latency(sessions, FEEDS, 9, 0, clock=machine.clock)
    assert (found.speedup_low, found.speedup_high) == (None, None)


def test_sessions_take_turns_and_another_one_begins_each_round() -> None:
    machine = Machine()
    sessions = [FakeSession(machine, name, [1] * 9) for name in "abc"]
    measure_latency(sessions, FEEDS, 4, 0, clock=machine.clock)
    order = "".join(name for name, _ in machine.calls)
    assert order == "abc" + "bca" + "cab" + "abc"


def test_all_sessions_get_the_same_feed_and_every_feed_has_its_turn() -> None:
    machine = Machine()
    sessions = [FakeSession(machine, name, [1] * 9) for name in "ab"]
    measure_latency(sessions, FEEDS, 6, 3, clock=machine.clock)
    for name in "ab":
        assert [feed for who, feed in machine.calls if who == name] == [0, 1, 2] * 3


def test_the_warm_up_may_be_longer_than_the_measurement() -> None:
    machine = Machine()
    session = FakeSession(machine, "a", [9_000_000] * 5 + [1_000_000] * 2)
    found = measure_latency([session], FEEDS, 2, 5, clock=machine.clock)
    assert found == (Latency(1.0, 1.0),)


def test_progress_sees_every_round_the_warm_up_included() -> None:
    machine = Machine()
    seen: list[object] = []

    def progress(items: Iterable[T], total: int, label: str, /) -> Iterable[T]:
        seen.extend([total, label])
        for item in items:
            seen.append("round")
            yield item

    session = FakeSession(machine, "a", [1] * 7)
    measure_latency([session], FEEDS, 5, 2, progress=progress, clock=machine.clock)
    assert seen == [7, "timing", *["round"] * 7]


def test_the_real_clock_runs_in_milliseconds() -> None:
    import time

    class Sleeper:
        def run(self, _: None, __: Feeds, /) -> object:
            time.sleep(0.02)
            return []

    (found,) = measure_latency([Sleeper()], FEEDS, 3, 0)
    assert 20 <= found.median_ms <= found.p90_ms < 2_000


def test_one_run_is_its_own_median() -> None:
    machine = Machine()
    (found,) = measure_latency(
        [FakeSession(machine, "a", [3_000_000])], FEEDS, 1, 0, clock=machine.clock
    )
    assert found.median_ms == pytest.approx(3.0)
    assert found.p90_ms == pytest.approx(3.0)
