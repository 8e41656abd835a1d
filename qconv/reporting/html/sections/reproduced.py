"""The section on how to make the report again."""

from __future__ import annotations

from collections.abc import Iterator

from qconv.reporting.html.pieces import Command, Facts, Folded, Piece, Section
from qconv.reporting.report_data import Report, VariantReport
from qconv.reporting.sentences import counted


def reproduce(report: Report) -> Section:
    """Return the command line, the files by what they hold, and the versions."""
    return Section("reproduce", "How to reproduce", tuple(_pieces(report)), "Reproduce")


def _pieces(report: Report) -> Iterator[Piece]:
    if report.command is not None:
        yield Command(report.command)
    yield Facts(tuple(_facts(report)))
    for model in (report.reference, *report.variants):
        if model.origin:
            yield Folded(f"How {model.name} was made", (Facts(tuple(model.origin.items())),))


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    for model in (report.reference, *report.variants):
        yield model.name, f"{model.path}, {_content(model)}"
    yield "data", f"{counted(report.data.samples, 'sample')}{_sha256(report.data.sha256)}"
    versions = {"qconv": report.qconv, **report.versions}
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    vnni = {None: "", True: ", with VNNI", False: ", without VNNI"}[report.vnni]
    yield "CPU", f"{report.cpu}{vnni}"


def _content(model: VariantReport) -> str:
    return f"{model.size_bytes:,} bytes{_sha256(model.sha256)}"


def _sha256(digest: str) -> str:
    return f", SHA-256 {digest}" if digest else ""
