"""The JSON Schema of a report; ``python -m qconv.reporting.report_schema`` prints it.

Types come from the dataclasses of the report, as :mod:`qconv.codec` reads them, and descriptions
from their docstrings. docs/report.schema.json holds what is printed.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any

from msgspec.json import schema_components

from qconv.codec import json_type
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import SCHEMA

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def report_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12): each key is described, and there are no others.

    It says all that is checked when a report is read, but that no key stands there twice, that
    whole numbers are written without a point, and that counts fit each other.
    """
    _, parts = schema_components([json_type(Report)])
    for part in parts.values():
        _describe(part)
    report = parts.pop(Report.__name__)
    report["properties"]["variants"]["minItems"] = 1
    counts = parts["Pairing"]["properties"]
    counts["samples"]["minimum"] = 1
    counts["lost"]["minimum"] = counts["gained"]["minimum"] = 0
    number = {
        "description": "Number of this format.",
        "type": "integer",
        "minimum": 1,
        "maximum": SCHEMA,
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:qconv:report:{SCHEMA}",
        **report,
        "title": "qconv report",
        "properties": {"schema": number, **report["properties"]},
        "required": ["schema", *report["required"]],
        "$defs": parts,
    }
    listed: dict[str, Any] = json.loads(json.dumps(schema))  # defaults that are tuples
    return listed


def _describe(part: dict[str, Any]) -> None:
    """Describe a class and its fields by its docstring."""
    told, _, attributes = inspect.cleandoc(part["description"]).partition("\n\nAttributes:\n")
    part["description"] = _line(told)
    for name, text in _ENTRY.findall(attributes):
        part["properties"][name] = {"description": _line(text), **part["properties"][name]}


def _line(text: str) -> str:
    """Return a text of a docstring in one line, in words of JSON."""
    line = re.sub(r"\bNone\b", "null", " ".join(text.split())).replace("``", "`")
    return line[:1].upper() + line[1:]


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(report_schema(), indent=2)}\n")
