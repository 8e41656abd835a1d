"""The JSON form of a report.

Nothing in it says when it was made: the same files and data give the same bytes, except for the
measured latencies.

JSON has no infinities: a number that is not finite is written as one of the strings ``"inf"``,
``"-inf"`` and ``"nan"`` and read back as the float. An SQNR of ``"inf"`` says that the outputs
are identical.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qconv.codec import decode, encode
from qconv.errors import InputError
from qconv.files import require_regular
from qconv.memory import megabytes
from qconv.reporting.report_data import Report
from qconv.strict_json import parse

SCHEMA = 2
LARGEST = 256_000_000
"""Bytes of a report."""


def to_json(report: Report) -> str:
    """Return the report as JSON text with a schema number, ending in a newline."""
    content: dict[str, Any] = {"schema": SCHEMA, **encode(report)}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def from_json(text: str, *, origin: str = "report") -> Report:
    """Read what :func:`to_json` wrote; ``origin`` names the place for errors.

    Raises:
        InputError: not JSON, not a report, or written by a newer qconv.
    """
    try:
        content = parse(text)
    except ValueError as error:
        raise InputError(f"{origin}: not JSON: {error}") from error
    if not isinstance(content, dict) or type(content.get("schema")) is not int:
        raise InputError(f"{origin}: not a qconv report: it has no schema number")
    schema = content.pop("schema")
    if schema > SCHEMA:
        raise InputError(
            f"{origin}: the report has schema {schema}; this qconv reads up to {SCHEMA}",
            hint="upgrade qconv, or run 'qconv report' again",
        )
    if schema < 1:
        raise InputError(f"{origin}: the report has the unknown schema {schema}")
    try:
        return decode(Report, content)
    except ValueError as error:
        raise InputError(f"{origin}: not a qconv report: {error}") from error


def read_report(path: Path) -> Report:
    """Read a report from a file.

    Raises:
        InputError: there is no such file, or it is no report.
    """
    size = require_regular(path, "a report", InputError)
    if size > LARGEST:
        raise InputError(
            f"{path}: has {megabytes(size)}; a report has {megabytes(LARGEST)} at most"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not JSON: it is not UTF-8 text") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return from_json(text, origin=str(path))
