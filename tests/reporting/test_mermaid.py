"""The picture in Mermaid, of size and time against what is lost."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from qconv.reporting.markdown import to_markdown
from qconv.reporting.mermaid import trade_offs
from qconv.reporting.report_data import Report

HOSTILE = 'a"]: [0.1, 0.2]\n%%{init: {"securityLevel": "loose"}}%%```<b>#quot;;`\x1b.onnx'
POINT = re.compile(r'    "([\w .+=()-]+) \(([-\d.e+]+), ([-\d.e+]+)\)": \[0\.(\d{3}), 0\.(\d{3})\]')


def points(diagram: str) -> dict[str, tuple[float, float, int, int]]:
    """Return each point: its numbers as told, and where it lies, in thousandths."""
    head, kind, *lines = diagram.splitlines()
    assert head.startswith("%%{init: ")
    assert kind == "quadrantChart"
    assert [line.split()[0] for line in lines[:3]] == ["title", "x-axis", "y-axis"]
    matches = [POINT.fullmatch(line) for line in lines[3:]]
    assert None not in matches, diagram
    return {
        found[1]: (float(found[2]), float(found[3]), int(found[4]), int(found[5]))
        for found in matches
        if found is not None
    }


def test_size_and_time_against_what_is_lost(full_report: Report) -> None:
    size, time = trade_offs(full_report)
    assert "title size (MB) against points of top-1 lost\n" in size
    assert points(size) == {
        "model.onnx": (18.6, 0, 800, 150),
        "model.int8.onnx": (5.1, 1.35, 364, 850),
    }
    assert points(time)["model.int8.onnx"] == (7.27, 1.35, 500, 850)


def test_what_is_lost_without_labels(full_report: Report, bare_report: Report) -> None:
    unlabelled = replace(full_report.variants[0], accuracy=None, paired=None)
    size, _ = trade_offs(replace(full_report, variants=(unlabelled,)))
    assert "against answers changed (%)\n" in size
    assert points(size)["model.int8.onnx"][:2] == (5.1, 1.75)
    (size,) = trade_offs(bare_report)
    assert "against outputs off by (%)\n" in size
    assert points(size)["model.int8.onnx"][:2] == (5.1, 6.22)


@pytest.mark.parametrize(
    ("task", "values", "words", "lost"),
    [
        ("boxes", {"boxes_f1": 97.5}, "boxes not found alike (%)", 2.5),
        ("ctc", {"ctc_same": 90.0}, "texts read otherwise (%)", 10),
        ("similarity", {"similarity": 0.75}, "rank correlation lost", 0.25),
        ("map", {"map_agreement": 99.0}, "points of another class (%)", 1),
        ("perplexity", {"perplexity_ratio": 1.5}, "perplexity added (%)", 50),
    ],
)
def test_what_is_lost_by_the_task(
    bare_report: Report, task: str, values: dict[str, float], words: str, lost: float
) -> None:
    variant = replace(bare_report.variants[0], task=values)
    (size,) = trade_offs(replace(bare_report, task=task, variants=(variant,)))
    assert f"against {words}\n" in size
    assert points(size)["model.int8.onnx"][1] == lost


def test_what_was_not_measured_has_no_picture(bare_report: Report) -> None:
    unmeasured = replace(bare_report.variants[0], outputs=())
    assert list(trade_offs(replace(bare_report, variants=(unmeasured,)))) == []
    output = replace(bare_report.variants[0].outputs[0], sqnr_db=float("nan"))
    broken = replace(bare_report.variants[0], outputs=(output,))
    assert list(trade_offs(replace(bare_report, variants=(broken,)))) == []


def test_a_name_is_text_and_nothing_else(full_report: Report) -> None:
    report = replace(full_report, variants=(replace(full_report.variants[0], name=HOSTILE),))
    for diagram in trade_offs(report):
        assert len(points(diagram)) == 2
        assert diagram.count("%%{") == 1
    text = to_markdown(report)
    assert text.count("```") == 4
    assert text.count("\n```mermaid\n") == 2
