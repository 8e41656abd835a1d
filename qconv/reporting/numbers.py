"""Every number of a report by its path: ``size_bytes``, ``outputs.logits.kl``, ``data.samples``.

A path follows the fields of the JSON. An entry of a list goes by its ``name`` where it has one
that no entry before it has, else by its place from 0. A name that is not a word is quoted:
``layers."/conv/out".sqnr_db``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

from qconv.reporting.report_data import Report, VariantReport

REPORT_FIELDS = ("data", "reference", "timing")
"""Fields of the report that paths may begin with, beside the fields of a variant."""

VARIANT_FIELDS = tuple(field.name for field in fields(VariantReport))


def variant_numbers(report: Report, variant: VariantReport) -> dict[str, float]:
    """Return every number of the variant, of the data, the timing and the float model."""
    found = dict(_walk(variant, ""))
    for field in REPORT_FIELDS:
        found.update(_walk(getattr(report, field), field))
    return found


def component(name: str) -> str:
    """Return a name as it is written in a path: as it is, or quoted."""
    if re.fullmatch(r"\w+", name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _walk(value: object, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool | str) or value is None:
        return
    if isinstance(value, int | float):
        yield path, float(value)
        return
    for key, item in _entries(value):
        yield from _walk(item, f"{path}.{component(key)}" if path else component(key))


def _entries(value: object) -> Iterator[tuple[str, object]]:
    if is_dataclass(value):
        for field in fields(value):
            yield field.name, getattr(value, field.name)
    elif isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, Sequence):
        seen: set[str] = set()
        for place, item in enumerate(value):
            name = getattr(item, "name", None)
            key = name if isinstance(name, str) and name not in seen else str(place)
            seen.add(key)
            yield key, item
