"""Timing several sessions side by side, so that drift of the machine hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from qconv.data.source import Feeds
from qconv.numerics.intervals import median_ratio_interval, percentile_interval
from qconv.progress import Progress, no_progress
from qconv.reporting.runs import Latency


class Session(Protocol):
    """What is timed: an ONNX Runtime session, or anything that runs like one."""

    def run(self, output_names: None, input_feed: Feeds, /) -> object:
        """Run one inference and return all outputs."""


def measure_latency(
    sessions: Sequence[Session],
    feeds: Sequence[Feeds],
    runs: int,
    warmup: int,
    *,
    progress: Progress = no_progress,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[Latency, ...]:
    """Run every session ``runs`` times in turns, and return how long an inference takes.

    That is the median and the 90th percentile in ms, and for all sessions but the first the
    confidence interval of the speed-up against it.

    In each round all sessions run once, on the same feed, and another session goes first; the
    rounds go through the feeds in order, over and over.

    Args:
        sessions: what to time, at least one.
        feeds: inputs, at least one.
        runs: timed rounds, at least one.
        warmup: rounds before the first timed one.
        progress: shown over all rounds.
        clock: nanoseconds that never go back.
    """
    times = np.empty((runs, len(sessions)), np.float64)
    rounds: Iterable[int] = range(-warmup, runs)
    for turn in progress(rounds, warmup + runs, "timing"):
        feed = feeds[turn % len(feeds)]
        for place in range(len(sessions)):
            index = (turn + place) % len(sessions)
            start = clock()
            sessions[index].run(None, feed)
            elapsed = clock() - start
            if turn >= 0:
                times[turn, index] = elapsed / 1e6
    medians, nineties = np.percentile(times, [50, 90], axis=0)
    latencies = []
    for index in range(len(sessions)):
        own = times[:, index]
        none = None, None
        intervals = (
            (median_ratio_interval(times[:, 0], own) if index else None) or none,
            percentile_interval(own, 50) or none,
            percentile_interval(own, 90) or none,
        )
        ends = [end for interval in intervals for end in interval]
        latencies.append(Latency(float(medians[index]), float(nineties[index]), *ends))
    return tuple(latencies)
