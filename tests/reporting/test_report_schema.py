"""The published schema of a report, and whether it says what is read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import qconv
from qconv.errors import InputError
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import from_json, to_json
from tests.report_cases import DETAILED, FULL, INT8, SEARCH
from tests.reporting.any_report import any_report

PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"
OLDER = Path(__file__).parent / "older"
SCHEMA = qconv.report_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
WHOLE = json.loads(to_json(replace(FULL, variants=(DETAILED, INT8), search=SEARCH)))
Place = tuple[str | int, ...]


def is_read(content: object) -> bool:
    try:
        from_json(json.dumps(content))
    except InputError:
        return False
    return True


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the place of everything that a JSON value holds."""
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield (*above, key)
        yield from places(value[key], (*above, key))


def changed(place: Place, value: object) -> Any:
    """Return the whole report with another value at a place; an ellipsis takes it out."""
    content = json.loads(json.dumps(WHOLE))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return content


def test_the_published_file_is_what_is_printed() -> None:
    """``python -m qconv.reporting.report_schema > docs/report.schema.json`` writes it anew."""
    line = [sys.executable, "-m", "qconv.reporting.report_schema"]
    printed = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert PUBLISHED.read_text(encoding="utf-8") == printed
    assert json.loads(printed) == SCHEMA


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:qconv:report:2"


def test_every_class_and_every_field_is_described() -> None:
    silent = [
        f"{part['title']}.{name}"
        for part in (SCHEMA, *SCHEMA["$defs"].values())
        for name, told in {"": part, **part["properties"]}.items()
        if not told.get("description", "").endswith(".")
    ]
    assert silent == []


def test_every_class_refuses_other_keys() -> None:
    assert all(part["additionalProperties"] is False for part in SCHEMA["$defs"].values())


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(report=any_report)
def test_any_report_is_valid(report: Report) -> None:
    VALIDATOR.validate(json.loads(to_json(report)))


@pytest.mark.parametrize("number", [1, 2])
def test_reports_of_earlier_versions_are_valid_and_read(number: int) -> None:
    text = (OLDER / f"schema{number}.json").read_text(encoding="utf-8")
    assert json.loads(text)["schema"] == number
    VALIDATOR.validate(json.loads(text))
    report = from_json(text)
    judged, half = report.variants
    assert (judged.size_bytes, report.reference.size_bytes) == (5_100_000, 18_610_000)
    assert half.outputs[0].sqnr_db == float("inf")
    assert half.simulation is not None
    assert (judged.paired is not None) == (number == 2)
    assert report.exit_code == 1


VARIANT: Place = ("variants", 0)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), ...),
        (("schema",), 3),
        (("schema",), 0),
        (("schema",), "2"),
        (("more",), 1),
        (("$schema",), "x"),
        (("variants",), []),
        (("variants",), ...),
        (("reference",), None),
        ((*VARIANT, "size_bytes"), 1.5),
        ((*VARIANT, "size_bytes"), True),
        ((*VARIANT, "size_bytes"), 2**63),
        ((*VARIANT, "custom", "confidence"), "1.5"),
        ((*VARIANT, "custom", "confidence"), "Infinity"),
        ((*VARIANT, "custom", "confidence"), 10**400),
        ((*VARIANT, "outputs", 0, "kl"), False),
        ((*VARIANT, "outputs", 0, "more"), 1),
        ((*VARIANT, "outputs", 0, "sqnr_db"), None),
        ((*VARIANT, "fusion", "by_op", "Conv"), [1]),
        ((*VARIANT, "fusion", "by_op", "Conv"), [1, 2, 3]),
        ((*VARIANT, "paired", "samples"), 0),
        ((*VARIANT, "paired", "lost"), -1),
        (("data", "inputs", 0, "shape", 0), 1.5),
    ],
)
def test_what_is_no_report_is_neither_valid_nor_read(place: Place, value: object) -> None:
    content = changed(place, value)
    assert not VALIDATOR.is_valid(content)
    assert not is_read(content)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), 1),
        (("timing",), None),
        (("search",), ...),
        (("verdicts",), ...),
        ((*VARIANT, "custom"), {}),
        ((*VARIANT, "custom", "margin"), "-inf"),
        ((*VARIANT, "outputs", 0, "kl"), "nan"),
        ((*VARIANT, "outputs", 0, "sqnr_db"), "inf"),
        ((*VARIANT, "outputs", 0, "sqnr_db"), 7),
        (("data", "inputs", 0, "shape"), None),
        (("data", "inputs", 0, "shape", 0), "inf"),
    ],
)
def test_what_may_be_is_valid_and_read(place: Place, value: object) -> None:
    content = changed(place, value)
    VALIDATOR.validate(content)
    assert is_read(content)


VALUES: tuple[Any, ...] = (
    ...,
    None,
    True,
    1,
    1.5,
    -1,
    2**63,
    10**400,
    "text",
    "inf",
    [],
    [1, 2],
    {},
    {"a": 1},
)


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from([*places(WHOLE)]), value=st.sampled_from(VALUES))
def test_schema_and_reader_agree_on_every_change(place: Place, value: object) -> None:
    content = changed(place, value)
    counts_fit = "paired" not in place or value != 1  # the schema cannot add
    if counts_fit:
        assert VALIDATOR.is_valid(content) == is_read(content)
