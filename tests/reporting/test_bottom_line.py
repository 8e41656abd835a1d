"""What a variant gains and costs, in a sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from qconv.reporting.bottom_line import BottomLine, bottom_lines
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.markdown import to_markdown
from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Accuracy, OutputMetrics, Report
from qconv.reporting.runs import Latency
from tests.report_cases import FULL, INT8, REFERENCE

SURE = Latency(7.272, 8.0, 1.9, 2.1)
UNLABELLED = replace(REFERENCE, accuracy=None)


def line(report: Report) -> BottomLine:
    (found,) = bottom_lines(report)
    return found


def told(**changes: object) -> str:
    """What is told of the variant of ``FULL``, changed so, measured without labels."""
    variant = replace(replace(INT8, accuracy=None, paired=None), **changes)  # type: ignore[arg-type]
    return line(replace(FULL, reference=UNLABELLED, variants=(variant,))).told


def test_it_says_size_speed_loss_and_verdict() -> None:
    report = judged(FULL, read_gates(["top1_drop > 2", "size_ratio > 0.3", "speedup < 1"]))
    assert str(line(report)) == (
        "model.int8.onnx is 3.6x smaller and 2.0x faster, and loses 1.4 points of accuracy "
        "(86.4 % right instead of 87.8 %), which may be chance. All 3 gates pass."
    )
    assert line(report).word == "passes"


def test_without_gates_it_says_nothing_of_them() -> None:
    assert (line(FULL).gates, line(FULL).word) == (None, None)
    assert str(line(FULL)).endswith("may be chance.")


def test_each_variant_has_its_own_line_and_its_own_gates() -> None:
    small = replace(INT8, name="small.onnx", size_bytes=1_000_000)
    report = judged(replace(FULL, variants=(INT8, small)), read_gates(["size_mb > 5", "top1 < 1"]))
    first, second = bottom_lines(report)
    assert (first.gates, first.word) == ("1 of 2 gates failed.", "FAILS")
    assert (second.gates, second.word) == ("All 2 gates pass.", "passes")
    assert second.told.startswith("is 19x smaller and 2.0x faster")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (5_100_000, "is 3.6x smaller and"),
        (17_300_000, "is 1.08x smaller and"),
        (18_600_000, "is as large as the float model and"),
        (37_220_000, "is 2.0x larger but"),
    ],
)
def test_sizes(size: int, expected: str) -> None:
    assert told(size_bytes=size).startswith(expected)


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        (SURE, "is 3.6x smaller and 2.0x faster, and"),
        (Latency(14.0, 15.0, 0.98, 1.1), "is 3.6x smaller without a measured difference in speed,"),
        (Latency(14.0, 15.0, 1.0, 1.1), "is 3.6x smaller without a measured difference in speed,"),
        (Latency(17.4, 18.0, 0.8, 0.87), "is 3.6x smaller but 1.2x slower, and"),
        (Latency(14.5, 15.0, 1.001, 1.004), "is 3.6x smaller and as fast, and"),
        (Latency(9.0, 15.0, 1.3, 2.2), "is 3.6x smaller and 1.3x to 2.2x faster, and"),
        (Latency(29.0, 40.0, 0.4, 0.8), "is 3.6x smaller but 1.2x to 2.5x slower, and"),
        (Latency(7.272, 8.0), "is 3.6x smaller and about 2.0x faster, and"),
        (None, "is 3.6x smaller, and"),
    ],
)
def test_a_speed_is_told_as_far_as_it_was_measured(latency: Latency | None, expected: str) -> None:
    assert told(latency=latency).startswith(expected)


@pytest.mark.parametrize(
    ("top1", "paired", "expected"),
    [
        (86.4, None, "loses 1.4 points of accuracy (86.4 % right instead of 87.8 %)."),
        (86.4, Pairing.of(400, 9, 4), "(86.4 % right instead of 87.8 %), which may be chance."),
        (86.4, Pairing.of(400, 40, 4), "(86.4 % right instead of 87.8 %)."),
        (88.75, None, "gains 1.0 points of accuracy (88.8 % right instead of 87.8 %)."),
        (87.72, None, "loses 0.03 points of accuracy (87.72 % right instead of 87.75 %)."),
        (87.75, None, "is right as often as the float model (87.8 %)."),
    ],
)
def test_with_labels_the_drop_counts(top1: float, paired: Pairing | None, expected: str) -> None:
    variant = replace(INT8, accuracy=Accuracy(top1, None), paired=paired)
    assert line(replace(FULL, variants=(variant,))).told.endswith(expected)


@pytest.mark.parametrize(
    ("agreement", "expected"),
    [(98.25, "keeps 98.2 %"), (99.99, "keeps 99.9 %"), (100.0, "keeps all"), (0.0, "keeps 0.0 %")],
)
def test_without_labels_the_answers_that_stay_count(agreement: float, expected: str) -> None:
    outputs = (replace(INT8.outputs[0], agreement=agreement),)
    assert told(outputs=outputs).split(", and ")[1].startswith(expected)


@pytest.mark.parametrize(
    ("sqnr_db", "expected"),
    [
        (30.0, "differ from the float model's by 3.2 %."),
        (20.0, "differ from the float model's by 10 %."),
        (-6.0, "differ from the float model's by 200 %."),
        (60.0, "differ from the float model's by 0.1 %."),
        (140.0, "differ from the float model's by less than 0.001 %."),
        (math.inf, "are those of the float model."),
        (-math.inf, "are broken."),
        (math.nan, "are broken."),
    ],
)
def test_without_classes_the_noise_counts(sqnr_db: float, expected: str) -> None:
    outputs = (OutputMetrics("features", sqnr_db, 0.99, None, None, 0),)
    assert told(outputs=outputs).split(", and its outputs ")[1] == expected


def test_broken_outputs_come_before_any_number() -> None:
    outputs = (replace(INT8.outputs[0], broken=3),)
    assert told(outputs=outputs).endswith("gives NaN or Inf on 3 of 400 samples.")


def test_a_report_of_nothing_says_so() -> None:
    variant = replace(INT8, size_bytes=0, latency=None, outputs=(), accuracy=None, paired=None)
    report = replace(FULL, reference=UNLABELLED, variants=(variant,))
    assert line(report).told == "was not measured."


def test_markdown_begins_with_it_and_escapes_names() -> None:
    variant = replace(INT8, name="a_[b].onnx")
    text = to_markdown(replace(FULL, variants=(variant,)))
    assert text.startswith("### qconv report\n\n- a\\_\\[b\\].onnx is 3.6x smaller and 2.0x faster")
