"""How much faster one model is than another, told by few runs."""

from __future__ import annotations

import math
import time

from qconv.data.source import Feeds
from qconv.evaluation.judge import suited
from qconv.runtime.session import InferenceSession

_RUNS, _MOST_RUNS, _SECONDS = 9, 200, 0.02
"""Runs of each model at least and at most, and the time that a short one gets."""


def time_ratio(own: InferenceSession, other: InferenceSession, feeds: Feeds) -> float:
    """Return the processor time of one thread that a model takes, over that of another one.

    Both run in turns, and the fastest run of each counts, as nothing makes a run too fast: the
    ratio scatters by half a percent.

    Args:
        own: the model, loaded for one thread.
        other: what it is measured against.
        feeds: one sample.

    Raises:
        ModelError: one of them fails on the sample.
    """
    sessions = own, other
    fed = [suited(session, feeds) for session in sessions]
    least = [math.inf, math.inf]
    done, turns = 0, 1
    while done < turns:
        for place in (done % 2, 1 - done % 2):
            begin = time.thread_time()
            sessions[place].run(None, fed[place])
            least[place] = min(least[place], time.thread_time() - begin)
        done += 1
        wanted = math.ceil(_SECONDS / max(sum(least), 1e-6))
        turns = min(max(_RUNS, wanted), _MOST_RUNS)
    return max(least[0], 1e-9) / max(least[1], 1e-9)
