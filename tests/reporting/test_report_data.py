import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from qconv.errors import InputError
from qconv.reporting.report_data import (
    OutputMetrics,
    Report,
    Verdict,
)
from qconv.reporting.report_json import from_json, to_json
from tests.reporting.any_report import any_report


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(report=any_report)
def test_any_report_survives_json(report: Report) -> None:
    text = to_json(report)
    strict(text)
    assert to_json(from_json(text)) == text


def test_what_is_read_equals_what_was_written(full_report: Report) -> None:
    verdict = Verdict("model.int8.onnx", "top1_drop > 1", True, {"top1_drop": 1.35})
    judged = replace(full_report, verdicts=(verdict,))
    assert from_json(to_json(judged)) == judged


def test_the_same_report_gives_the_same_bytes_and_no_time(full_report: Report) -> None:
    text = to_json(full_report)
    assert text == to_json(from_json(text))
    assert set(strict(text)) == {
        "schema", "qconv", "runtime", "cpu", "data", "class_output", "timing",
        "reference", "variants", "verdicts", "command", "versions", "vnni", "search",
        "task",
    }  # fmt: skip


def test_numbers_that_json_lacks_are_words(bare_report: Report) -> None:
    outputs = (OutputMetrics("y", math.inf, math.nan, -math.inf, None, 1),)
    variant = replace(bare_report.variants[0], outputs=outputs)
    text = to_json(replace(bare_report, variants=(variant,)))
    (written,) = strict(text)["variants"][0]["outputs"]
    assert (written["sqnr_db"], written["cosine"], written["kl"]) == ("inf", "nan", "-inf")
    (read,) = from_json(text).variants[0].outputs
    assert read.sqnr_db == math.inf
    assert math.isnan(read.cosine)
    assert read.kl == -math.inf


def test_file_names_that_are_no_text_survive(bare_report: Report) -> None:
    odd = replace(bare_report.variants[0], name="a\udcff\n|.onnx")
    report = replace(bare_report, variants=(odd,))
    text = to_json(report)
    text.encode("ascii")
    assert from_json(text) == report


def test_the_exit_code_is_one_when_any_gate_failed(full_report: Report) -> None:
    ok, bad = (Verdict("v", "top1 < 1", failed, {"top1": 1.0}) for failed in (False, True))
    assert full_report.exit_code == 0
    assert replace(full_report, verdicts=(ok, ok)).exit_code == 0
    assert replace(full_report, verdicts=(ok, bad, ok)).exit_code == 1


def test_a_newer_schema_is_refused(full_report: Report) -> None:
    content = strict(to_json(full_report)) | {"schema": 3, "novelty": True}
    with pytest.raises(InputError) as caught:
        from_json(json.dumps(content), origin="r.json")
    assert str(caught.value) == "r.json: the report has schema 3; this qconv reads up to 2"
    assert caught.value.hint == "upgrade qconv, or run 'qconv report' again"


VARIANT = ("variants", 0)
OUTPUT = (*VARIANT, "outputs", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ((*VARIANT, "size_bytes"), 1.5, "variants[0].size_bytes is not of the type int"),
        ((*VARIANT, "size_bytes"), True, "variants[0].size_bytes is not of the type int"),
        ((*VARIANT, "name"), None, "variants[0].name is not of the type str"),
        ((*OUTPUT, "kl"), "many", "variants[0].outputs[0].kl cannot be 'many'"),
        ((*OUTPUT, "kl"), False, "variants[0].outputs[0].kl is not a number"),
        ((*OUTPUT, "kl"), 10**400, "variants[0].outputs[0].kl is too large"),
        ((*VARIANT, "size_bytes"), 10**400, "variants[0].size_bytes is too large"),
        (
            (*VARIANT, "paired", "lost"),
            500,
            "variants[0].paired: of 400 samples, 500 cannot be lost and 4 gained",
        ),
        ((*VARIANT, "extra"), 1, "variants[0].extra is unknown"),
        (("variants",), {}, "variants is not a list"),
        (("reference",), None, "reference is not an object"),
        (("reference", "custom"), [], "reference.custom is not an object"),
        (
            ("data", "inputs", 0, "shape"),
            [1.5],
            "data.inputs[0].shape[0] is not of the type int | str | null",
        ),
        (
            (*VARIANT, "fusion", "by_op", "Conv"),
            [1],
            "variants[0].fusion.by_op.Conv has 1 entries, not 2",
        ),
    ],
)
def test_a_damaged_report_names_the_place(
    full_report: Report, path: tuple[str | int, ...], value: object, message: str
) -> None:
    content = strict(to_json(full_report))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError) as caught:
        from_json(json.dumps(content))
    assert str(caught.value) == f"report: not a qconv report: Report.{message}"


def test_a_missing_field_is_named(full_report: Report) -> None:
    content = strict(to_json(full_report))
    del content["reference"]["latency"]
    with pytest.raises(InputError, match=r"Report\.reference\.latency is missing"):
        from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^r: not JSON: "),
        ("[" * 100_000, "^r: not JSON: "),
        ("[1]", "^r: not a qconv report: it has no schema number$"),
        ('{"schema": "1"}', "^r: not a qconv report: it has no schema number$"),
        ('{"schema": true}', "^r: not a qconv report: it has no schema number$"),
        ('{"schema": 2, "cpu": "a", "cpu": "b"}', "^r: not JSON: the key 'cpu' is there twice$"),
        ('{"schema": 2, "cpu": NaN}', "^r: not JSON: NaN is not a number$"),
        ('{"schema": 0}', "^r: the report has the unknown schema 0$"),
    ],
)
def test_what_is_no_report_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_json(text, origin="r")


def test_a_report_of_no_variant(bare_report: Report) -> None:
    content = json.loads(to_json(bare_report))
    content["variants"] = []
    with pytest.raises(InputError, match="not a qconv report: Report: it is of no variant"):
        from_json(json.dumps(content))
