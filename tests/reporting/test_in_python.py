"""Reports as Python shows them, and as files that a name asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from qconv.errors import UnsupportedError, UsageError
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import from_json, to_json


@pytest.fixture
def report(full_report: Report) -> Report:
    return judged(full_report, read_gates(["top1_drop > 1.0", "size_ratio > 0.3"]))


def test_metrics_go_by_the_names_that_gates_have(report: Report) -> None:
    metrics = report.variants[0].metrics
    assert metrics["top1_drop"] == pytest.approx(1.35)
    assert metrics["size_mb"] == 5.1
    assert report.reference.metrics["top1"] == 87.75
    read = json.loads(to_json(report))
    assert read["variants"][0]["metrics"]["speedup"] == metrics["speedup"]
    assert from_json(to_json(report)) == report


def test_a_report_is_one_line(report: Report) -> None:
    assert repr(report) == (
        "<Report on 400 samples: model.int8.onnx: MB 5.10, latency ms 7.272, speed-up 2.00x, "
        "accuracy drop, points 1.35; 1 of 2 gates failed>"
    )
    assert repr(report.variants[0]) == "<VariantReport model.int8.onnx: 5.1 MB>"


def test_a_notebook_shows_a_table(report: Report) -> None:
    hostile = replace(report, variants=(replace(report.variants[0], name="<b>\x1b.onnx"),))
    page = hostile._repr_html_()
    rows = [row.findall("*") for row in Xml.fromstring(f"<p>{page}</p>").iter("tr")]
    assert [len(row) for row in rows] == [len(rows[0])] * 3
    assert rows[2][0].text == r"<b>\x1b.onnx"
    items = [item.text for item in Xml.fromstring(f"<p>{page}</p>").iter("li")]
    assert items[0] == "model.int8.onnx FAILS: top1_drop = 1.35, limit 1"


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.json", "{\n"),
        ("r.md", "### qconv report"),
        ("r.XML", "<testsuites"),
        ("r.html", "<!doctype html>"),
    ],
)
def test_saved_as_the_name_says(report: Report, tmp_path: Path, name: str, begins: str) -> None:
    for _ in range(2):
        report.save(tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_page_says_when_and_at_which_commit_it_was_made(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("GITHUB_SHA", "0123456789abcdef")
    report.save(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert ">2023-11-14 22:13 UTC</time> at commit <code>0123456789ab</code>" in page


def test_another_name_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        report.save(str(tmp_path / "r.pdf"))
    assert str(caught.value) == f"{tmp_path / 'r.pdf'}: its ending is not that of a report"
    assert caught.value.hint == "the forms are .json, .md, .xml, .html"
    assert list(tmp_path.iterdir()) == []


def test_html_needs_its_extra(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="an HTML report needs jinja2"):
        report.save(tmp_path / "r.html")
