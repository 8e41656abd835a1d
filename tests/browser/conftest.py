"""A page of a report in a real Chromium, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from qconv.reporting.html.page import to_html
from qconv.reporting.judging import judged, read_gates
from tests.report_cases import DETAILED, FULL, MADE, SEARCH
from tests.reporting.large_report import large_report
from tests.reporting.test_html import hostile

_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless, with an empty profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "these tests need Chromium (Debian: apt-get install chromium)"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=list(_SWITCHES))
        yield started
        started.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports with gates, two variants and all sections; with hostile names; of real size."""
    folder = tmp_path_factory.mktemp("pages")
    second = replace(DETAILED, name="model.int4.onnx", size_bytes=9_000_000)
    report = replace(
        FULL, variants=(DETAILED, second), command="qconv report model.onnx", search=SEARCH
    )
    made = {
        "report": judged(report, read_gates(["top1_drop > 1", "size_mb > 6"])),
        "hostile": hostile(FULL),
        "one": large_report(1),
        "two": large_report(2),
    }
    for name, content in made.items():
        (folder / f"{name}.html").write_text(to_html(content, MADE), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


class Opened:
    """A page, and everything that went wrong in it: errors, and requests to elsewhere."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("dialog", lambda dialog: self._dialog(dialog.message, dialog.dismiss))
        page.on("request", lambda request: self._request(request.url))
        page.goto(path.as_uri())

    def _dialog(self, message: str, dismiss: object) -> None:
        self.faults.append(f"dialog: {message}")
        if callable(dismiss):
            dismiss()

    def _request(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.faults.append(f"request: {url}")


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Opened]:
    """The report on a desk."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield Opened(context.new_page(), pages["report"])
    context.close()
