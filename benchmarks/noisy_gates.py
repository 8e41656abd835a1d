"""What a gate on speed says on machines that are noisy in many ways; the clock is a made-up one.

python -m benchmarks.noisy_gates [--runs N]

A variant is 1.3 times as fast as the float model, and the gate is ``speedup < 1.2``. For each kind
of noise it prints how many of N reports hold, fail, and are undecided. Ends with 1 if one fails.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qconv.reporting.confidence import noise
from qconv.reporting.gates import judge, parse_gate
from qconv.reporting.report_data import Verdict
from qconv.reporting.verdicts import verdict_word
from qconv.runtime.latency import measure_latency

Noise = Callable[[np.random.Generator, int], Any]
_GATE = parse_gate("speedup < 1.2", ["speedup"])
_MILLISECOND = 1_000_000


def steady(size: float) -> Noise:
    """Return noise of one size throughout, as the logarithm of a normal number."""
    return lambda r, runs: r.lognormal(0, size, (runs, 2))


def slow_moments(r: np.random.Generator, runs: int) -> Any:
    """Return factors: now and then the machine is three times as slow for a while."""
    slow = np.repeat(r.random(runs // 5) < 0.2, 5)
    return r.lognormal(0, 0.05, (runs, 2)) * np.where(slow, 3, 1)[:, None]


def spikes(r: np.random.Generator, runs: int) -> Any:
    """Return factors: one run in ten is interrupted."""
    return r.lognormal(0, 0.03, (runs, 2)) * np.where(r.random((runs, 2)) < 0.1, 8, 1)


def drift(r: np.random.Generator, runs: int) -> Any:
    """Return factors: the machine gets slower and slower."""
    return r.lognormal(0, 0.1, (runs, 2)) * np.linspace(1, 2, runs)[:, None]


def verdict(kind: Noise, seed: int, ratio: float = 1.3, runs: int = 50) -> Verdict:
    """Return what the gate says where the float model takes 13 ms for ``ratio`` 1.3, else 10."""
    factors = kind(np.random.default_rng(seed), runs)
    now, done = [0], [0, 0]

    class Session:
        def __init__(self, index: int, milliseconds: float) -> None:
            self._index, self._milliseconds = index, milliseconds

        def run(self, _: None, __: object, /) -> None:
            factor = factors[done[self._index], self._index]
            done[self._index] += 1
            now[0] += int(self._milliseconds * factor * _MILLISECOND)

    base, own = measure_latency(
        [Session(0, 10 * ratio), Session(1, 10)], [{}], runs, 0, clock=lambda: now[0]
    )
    speedup = base.median_ms / own.median_ms
    return judge(_GATE, "v", {"speedup": speedup}, noise=noise(own))


NOISES: Mapping[str, Noise] = {
    "2 %": steady(0.02),
    "10 %": steady(0.1),
    "30 %": steady(0.3),
    "100 %": steady(1.0),
    "slow moments": slow_moments,
    "spikes": spikes,
    "drift": drift,
}
"""Factors on the times of both models, ``[rounds, 2]``."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    print("noise          holds  FAILS  undecided")
    failed = 0
    for name, kind in NOISES.items():
        words = Counter(verdict_word(verdict(kind, seed)) for seed in range(runs))
        failed += words["FAILS"]
        print(
            f"{name:13} {words['holds']:6} {words['FAILS']:6} {words['undecided']:10}", flush=True
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
