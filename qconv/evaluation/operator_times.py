"""Where the time of an inference goes: the runtime's profile, and what the profile itself costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from qconv.data.source import Feeds
from qconv.progress import Progress
from qconv.reporting.profile_data import OperatorTime, Profile, TypeTime
from qconv.reporting.runs import Latency
from qconv.runtime.kernel_profile import Kernel, ProfiledRun, Spent, read_runs
from qconv.runtime.latency import Session
from qconv.runtime.runner import FittedSession, Place
from qconv.temporary import temporary_folder

_MOST_ROUNDS, _FEWEST_ROUNDS, _SECONDS = 30, 3, 2.0
"""Rounds of each model at most and at least, and the time that is spent on one."""
_SLOWEST = 3


@dataclass(frozen=True)
class Round:
    """One inference without the profile and one with it, in microseconds, and what it says."""

    plain_us: float
    profiled_us: float
    run: ProfiledRun


def profile_models(
    paths: Sequence[Path],
    place: Place,
    feeds: Sequence[Feeds],
    threads: int | None,
    latencies: Sequence[Latency | None],
    *,
    progress: Progress,
) -> tuple[Profile | None, ...]:
    """Return where the time of each model goes; None for each that was not timed.

    Each is run in a session of its own beside one without the profile, in turns, after all
    latencies are measured.

    Args:
        paths: the models.
        place: where they run.
        feeds: those that were timed.
        threads: threads inside one operator; None leaves the choice to the runtime.
        latencies: how long one inference of each takes.
        progress: shown over the models.
    """
    pairs = list(zip(paths, latencies, strict=True))
    if not any(latencies):
        return (None,) * len(pairs)
    return tuple(
        None if latency is None else _profile(path, place, feeds, threads, latency.median_ms)
        for path, latency in progress(pairs, len(pairs), "profiling")
    )


def _profile(
    path: Path, place: Place, feeds: Sequence[Feeds], threads: int | None, latency_ms: float
) -> Profile:
    if not place.is_cpu:
        return Profile(
            unknown=f"operators on {place.provider} end after the profile has timed them"
        )
    with temporary_folder("qconv-profile-") as folder:
        plain = FittedSession(place.open(path, threads))
        watched = place.open(path, threads, profile=folder / "profile")
        times = _times(plain, FittedSession(watched), feeds)
        try:
            runs = list(read_runs(Path(watched.session.end_profiling())))
        except (OSError, ValueError, LookupError, TypeError):
            return Profile(unknown="the profile that the runtime wrote cannot be read")
    rounds = [Round(*pair, run) for pair, run in zip(times, runs, strict=False)]
    if len(rounds) < 2:
        return Profile(unknown="more operators ran than the runtime's profile can hold")
    return operator_times(rounds[1:], latency_ms)


def _times(plain: Session, watched: Session, feeds: Sequence[Feeds]) -> list[tuple[float, float]]:
    """Return microseconds of inferences without and with the profile; the first warms up."""
    found: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while len(found) <= _FEWEST_ROUNDS or (
        len(found) <= _MOST_ROUNDS and time.perf_counter() - begin < _SECONDS
    ):
        feed = feeds[len(found) % len(feeds)]
        start = time.perf_counter_ns()
        plain.run(None, feed)
        between = time.perf_counter_ns()
        watched.run(None, feed)
        found.append(((between - start) / 1e3, (time.perf_counter_ns() - between) / 1e3))
    return found


def operator_times(rounds: Sequence[Round], latency_ms: float) -> Profile:
    """Divide the latency among operators as the profile tells, less what the profile adds.

    Each time is a median over the rounds, so that an interruption, which hits one kernel of a
    round, counts for nothing. Outside of operators is what a profiled inference takes before and
    after the runtime's executor; the rest of a plain inference belongs to operators. If the kernels
    together took longer than that, the profile has added to them, to each run of a kernel the
    same; if less, they were interrupted alike. All is scaled by the latency over that of the plain
    inference.

    Args:
        rounds: at least one.
        latency_ms: the median, as it was measured before.
    """
    plain = median(each.plain_us for each in rounds)
    outside = median(each.profiled_us - each.run.executor_us for each in rounds)
    seen = _typical([each.run for each in rounds])
    kernels = _without_profile(seen, max(0.0, plain - outside))
    factor = latency_ms / plain
    types: dict[str, Spent] = {}
    for kernel, spent in kernels.items():
        types[kernel.op] = types.get(kernel.op, Spent()).plus(spent.us, spent.count)
    by_type = [
        TypeTime(op, round(spent.count), factor * spent.us, 100 * factor * spent.us / latency_ms)
        for op, spent in types.items()
    ]
    singles = [OperatorTime(each.name, each.op, factor * s.us) for each, s in kernels.items()]
    return Profile(
        types=tuple(sorted(by_type, key=lambda each: (-each.ms, each.name))),
        slowest=tuple(sorted(singles, key=lambda each: (-each.ms, each.name))[:_SLOWEST]),
        outside_ms=max(0.0, latency_ms - sum(each.ms for each in by_type)),
        runs=len(rounds),
        plain_ms=plain / 1e3,
        profiled_ms=median(each.profiled_us for each in rounds) / 1e3,
        seen_ms=sum(spent.us for spent in seen.values()) / 1e3,
    )


def _typical(runs: Sequence[ProfiledRun]) -> dict[Kernel, Spent]:
    """Return the median of each kernel; one that ran in some of the runs alone counts for these."""
    found: dict[Kernel, list[Spent]] = {}
    for run in runs:
        for kernel, spent in run.kernels.items():
            found.setdefault(kernel, []).append(spent)
    return {
        kernel: Spent(
            median(spent.us for spent in each) * len(each) / len(runs),
            median(spent.count for spent in each) * len(each) / len(runs),
        )
        for kernel, each in found.items()
    }


def _without_profile(kernels: Mapping[Kernel, Spent], inside: float) -> dict[Kernel, Spent]:
    """Take off what the profile adds, so that the kernels together take ``inside`` microseconds.

    None of them takes less than nothing. What is left is scaled where some would, and where the
    kernels took less than that together.
    """
    seen = sum(spent.us for spent in kernels.values())
    count = sum(spent.count for spent in kernels.values())
    added = max(0.0, seen - inside) / count if count else 0.0
    left = {
        kernel: Spent(max(0.0, spent.us - added * spent.count), spent.count)
        for kernel, spent in kernels.items()
    }
    total = sum(spent.us for spent in left.values())
    scale = inside / total if total else 1.0
    return {kernel: Spent(spent.us * scale, spent.count) for kernel, spent in left.items()}
