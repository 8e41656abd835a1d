from dataclasses import replace

import pytest

from qconv.reporting import sentences, significance
from qconv.reporting.contents import LayerRisk
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Report
from qconv.reporting.runs import Latency


def with_latency(report: Report, latency: Latency) -> Report:
    return replace(report, variants=(replace(report.variants[0], latency=latency),))


def paired(report: Report, pairing: Pairing) -> Report:
    return replace(report, variants=(replace(report.variants[0], paired=pairing),))


def test_a_drop_is_told_with_its_interval(full_report: Report) -> None:
    assert list(significance.drops(full_report)) == [
        "model.int8.onnx: of 400 samples, 9 right answers lost and 4 gained: top-1 drop 1.25 "
        "points, 95 % interval -0.25 to 3.10, McNemar's test p = 0.27."
    ]


def test_without_labels_nothing_is_told(bare_report: Report) -> None:
    assert not list(significance.drops(bare_report))
    assert not list(significance.speeds(bare_report))


def undecided(report: Report, gate: str) -> list[str]:
    return list(significance.undecided(judged(report, read_gates([gate]))))


def test_an_undecided_gate_tells_how_many_samples_would_decide(full_report: Report) -> None:
    (line,) = undecided(paired(full_report, Pairing.of(400, 9, 4)), "top1_drop > 0.5 with 95%")
    assert line == (
        "model.int8.onnx: 400 samples cannot show with 95 % confidence if the top-1 drop is "
        "above 0.5 (limits -0.26 and 2.95); about 1,600 would be enough if answers change as often."
    )


def test_a_drop_of_just_the_threshold_is_never_decided(full_report: Report) -> None:
    (line,) = undecided(paired(full_report, Pairing.of(400, 6, 4)), "top1_drop > 0.5 with 95%")
    assert "more than ten million would be needed" in line


@pytest.mark.parametrize("pairing", [Pairing.of(400, 40, 4), Pairing.of(4000, 0, 0)])
def test_a_decided_gate_needs_no_word(full_report: Report, pairing: Pairing) -> None:
    assert not undecided(paired(full_report, pairing), "top1_drop > 0.5 with 95%")
    assert not undecided(paired(full_report, pairing), "top1_drop > 0.5")


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (1.9, 2.1, "95 % interval 1.90x to 2.10x."),
        (0.97, 1.05, "0.97x to 1.05x: no difference in speed was found."),
        (1.2, 2.6, "too noisy to tell; repeat on an idle one, or with more --runs."),
    ],
)
def test_a_speed_up_says_what_the_timing_can_tell(
    full_report: Report, low: float, high: float, end: str
) -> None:
    report = with_latency(full_report, Latency(7.272, 8.0, low, high))
    (line,) = significance.speeds(report)
    assert line.startswith("model.int8.onnx: speed-up 2.00x, 95 % interval")
    assert line.endswith(end)


def test_a_file_that_depends_on_the_cpu_is_told(full_report: Report) -> None:
    layers = (
        LayerRisk("a", "Conv", 100, 2),
        LayerRisk("b", "Gemm", 50, 3),
        LayerRisk("c", "Conv", 9, 0),
    )
    variant = replace(full_report.variants[0], portability=layers)
    report = replace(full_report, variants=(variant,), vnni=False)
    assert list(sentences.portability(report)) == [
        "model.int8.onnx: 2 of 3 integer layers have neighbouring weights whose products can "
        "saturate on x64 CPUs without VNNI, at most 6 % of the pairs ('b'), so its results there "
        "can differ from those with VNNI, which this CPU lacks."
    ]
    safe = replace(variant, portability=layers[2:])
    assert not list(sentences.portability(replace(report, variants=(safe,))))
