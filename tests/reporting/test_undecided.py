"""Gates on time: what noise alone may not decide. The clock is a made-up one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.noisy_gates import NOISES, steady, verdict
from qconv.reporting.github import error_commands
from qconv.reporting.judging import judged, judged_again, read_gates
from qconv.reporting.junit import to_junit
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import from_json, to_json
from qconv.reporting.runs import Latency
from qconv.reporting.sentences import gate_summary
from qconv.reporting.verdicts import verdict_line

OPEN = {
    "2 %": (0, 0),
    "10 %": (10, 100),
    "30 %": (95, 100),
    "100 %": (99, 100),
    "slow moments": (0, 60),
    "spikes": (0, 30),
    "drift": (10, 100),
}
"""Percent of the gates that each noise leaves undecided."""


@pytest.mark.parametrize("name", NOISES)
def test_noise_alone_fails_no_gate(name: str) -> None:
    verdicts = [verdict(NOISES[name], seed) for seed in range(25)]
    assert not [each for each in verdicts if each.failed and not each.undecided]
    share = 100 * sum(each.undecided for each in verdicts) / len(verdicts)
    assert OPEN[name][0] <= share <= OPEN[name][1]


def test_what_is_clear_is_decided() -> None:
    assert {verdict(steady(0.02), seed, ratio=1.1).failed for seed in range(10)} == {True}
    clear = [verdict(steady(0.02), seed, ratio=ratio) for seed in range(10) for ratio in (1.1, 1.3)]
    assert not any(each.undecided for each in clear)
    assert verdict(steady(0.3), 0, ratio=1.2, runs=9).noise == {}  # too few to tell


def noisy(report: Report) -> Report:
    """Return a report whose variant is 2 times as fast, but perhaps 1.7 or 2.4 times."""
    latency = replace(
        report.variants[0].latency or Latency(1, 1), speedup_low=1.7, speedup_high=2.4
    )
    return replace(report, variants=(replace(report.variants[0], latency=latency),))


def test_it_is_told_and_counts_as_chosen(full_report: Report) -> None:
    gates = read_gates(["speedup < 1.9"])
    strict = judged(noisy(full_report), gates)
    assert (strict.exit_code, gate_summary(strict)) == (1, "1 of 1 gate undecided")
    assert verdict_line(strict.verdicts[0]) == (
        "model.int8.onnx undecided: speedup = 2, must be at least 1.9; the machine is too noisy to "
        "decide, speedup may be 1.388 to 2.939; this fails"
    )
    assert '<failure message="speedup = 2' in to_junit(strict)
    assert len([*error_commands(strict)]) == 1
    lenient = judged_again(strict, (), None, "r.json", undecided_fails=False)
    assert (lenient.exit_code, lenient.verdicts[0].undecided) == (0, True)
    assert verdict_line(lenient.verdicts[0]).endswith("; this passes")
    assert "failure" not in to_junit(lenient).replace("failures", "")
    assert from_json(to_json(lenient)) == lenient


def test_only_what_noise_may_turn_around(full_report: Report) -> None:
    for gate, undecided in (
        ("speedup < 1.3", False),
        ("speedup < 1.5", True),
        ("speedup > 3", False),
        ("speedup < 1.9 and size_mb > 90", False),
        ("speedup < 1.9 or size_mb > 90", True),
        ("size_ratio * speedup > 0.55", True),
        ("size_mb > 90", False),
        ("latency_ms > 7.3", False),  # how sure it is, the report does not tell
    ):
        [found] = judged(noisy(full_report), read_gates([gate])).verdicts
        assert found.undecided is undecided, gate


def test_some_of_several(full_report: Report) -> None:
    gates = read_gates(["speedup < 1.9", "size_mb > 1", "size_mb > 99"])
    assert gate_summary(judged(noisy(full_report), gates)) == "1 of 3 gates failed, 1 is undecided"
