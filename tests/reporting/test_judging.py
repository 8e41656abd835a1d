from dataclasses import replace

import pytest

from qconv.errors import UsageError
from qconv.reporting.judging import gate_values, judged, judged_again, read_gates
from qconv.reporting.report_data import Report
from qconv.reporting.verdicts import verdict_line


def lines(report: Report) -> list[str]:
    return [verdict_line(verdict) for verdict in report.verdicts]


def smaller(report: Report) -> Report:
    """An earlier report, whose variant took 4 MB."""
    return replace(report, variants=(replace(report.variants[0], size_bytes=4_000_000),))


def test_a_gate_compares_with_the_same_variant_of_an_earlier_report(full_report: Report) -> None:
    gates = read_gates(["size_mb > baseline.size_mb * 1.02"], baseline=True)
    result = judged(full_report, gates, smaller(full_report))
    assert lines(result) == [
        "model.int8.onnx FAILS: size_mb = 5.1, limit baseline.size_mb * 1.02 = 4.08 "
        "(baseline.size_mb = 4)"
    ]
    assert result.exit_code == 1


def test_the_baseline_finds_a_variant_by_its_path_where_names_differ(full_report: Report) -> None:
    earlier = smaller(full_report)
    earlier = replace(earlier, variants=(replace(earlier.variants[0], name="other"),))
    gates = read_gates(["size_bytes != baseline.size_bytes"], baseline=True)
    assert judged(full_report, gates, earlier).exit_code == 1


def test_a_baseline_without_the_variant_is_an_error(full_report: Report) -> None:
    other = replace(full_report.variants[0], name="other", path="other")
    gates = read_gates(["size_mb > baseline.size_mb"], baseline=True)
    with pytest.raises(UsageError) as caught:
        judged(full_report, gates, replace(full_report, variants=(other,)))
    assert str(caught.value) == "the baseline has no variant 'model.int8.onnx'"
    assert caught.value.hint == "it has 'other'; give the file the same name"


def test_a_gate_on_a_baseline_needs_one() -> None:
    with pytest.raises(UsageError, match="compares with a baseline, but none is given"):
        read_gates(["size_mb > baseline.size_mb"])


def test_a_number_that_the_baseline_lacks_is_an_error(
    full_report: Report, bare_report: Report
) -> None:
    gates = read_gates(["latency_ms > baseline.latency_ms"], baseline=True)
    with pytest.raises(UsageError, match="the baseline has no such number for model"):
        judged(full_report, gates, bare_report)


@pytest.mark.parametrize(
    "expression",
    [
        "coverage.macs < 99",
        "coverage_macs < 99",
        "fusion.integer < 57",
        "outputs.logits.kl > 0.1",
        'outputs."logits".kl > 0.1',
        r'outputs."\logits"."kl" > 0.1',
        "outputs.0.kl > 0.1 or paired.lost > 100",
        "data.samples < 200",
        "reference.size_bytes > 20000000",
        "timing.runs < 50",
        "custom.confidence < 0.4",
        "latency.speedup_low < 1.5",
        "(speedup_high - speedup_low) / speedup > 0.5",
    ],
)
def test_every_number_of_the_json_can_be_gated(full_report: Report, expression: str) -> None:
    known = set(gate_values(full_report, full_report.variants[0]))
    if "outputs.0" in expression:
        assert "outputs.0.kl" not in known  # an entry with a name goes by its name
        return
    assert judged(full_report, read_gates([expression], ["confidence"])).exit_code == 0


def test_a_quoted_word_is_shown_as_it_is_in_the_report(full_report: Report) -> None:
    result = judged(full_report, read_gates(['outputs."logits".kl > 0.1']))
    (verdict,) = result.verdicts
    assert set(verdict.values) == {"outputs.logits.kl"}
    assert judged_again(result, (), None, "r.json") == result


def test_a_confidence_fails_only_where_the_data_show_it(full_report: Report) -> None:
    texts = ["top1_drop > 0.5", "top1_drop > 0.5 with 95%", "top1_drop < 5 with 95%"]
    result = judged(full_report, read_gates(texts))
    assert [verdict.failed for verdict in result.verdicts] == [True, False, True]


class TestAgain:
    def test_other_gates_replace_the_verdicts(self, full_report: Report) -> None:
        first = judged(full_report, read_gates(["size_ratio > 0.1"]))
        assert first.exit_code == 1
        again = judged_again(first, ["size_ratio > 0.9"], None, "r.json")
        assert [verdict.expression for verdict in again.verdicts] == ["size_ratio > 0.9"]
        assert again.exit_code == 0

    def test_without_gates_its_own_are_judged(self, full_report: Report) -> None:
        first = judged(full_report, read_gates(["size_ratio > 0.1", "kl > 1"]))
        assert judged_again(first, (), None, "r.json") == first

    def test_without_any_gate_it_is_an_error(self, full_report: Report) -> None:
        with pytest.raises(UsageError, match=r"^r.json: was made without gates, but none is given"):
            judged_again(full_report, (), None, "r.json")

    def test_custom_metrics_of_the_report_are_known(self, full_report: Report) -> None:
        assert judged_again(full_report, ["confidence_drop > 0.2"], None, "r").exit_code == 1
