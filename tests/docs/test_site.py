"""Each page of the site in Chromium, on a desk and on a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import browser as browser
from tests.docs.page_blocks import ROOT

SITE = ROOT / "site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Where the site is served, since browsers read no index of a search from the disk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_is_a_page_of_each_file() -> None:
    files = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert {path.with_suffix(".html").as_posix() for path in files} < {*PAGES}, "make docs"


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_opens(browser: Browser, address: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("request", lambda sent: faults.append(sent.url) if _elsewhere(sent.url) else None)
    for name in PAGES:
        page.goto(f"{address}/{name}")
        faults += [f"{name}: {fault}" for fault in _faults(page)]
    assert faults == []
    context.close()


def _elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def _faults(page: Page) -> Iterator[str]:
    """Yield what is wrong with how a page looks."""
    if (count := page.locator("h1").count()) != 1:
        yield f"{count} titles"
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if wide > screen:
        yield f"{wide} pixels wide on a screen of {screen}"
    yield from page.evaluate(
        """async () => {
            const pictures = [...document.images];
            pictures.forEach(each => { each.loading = "eager"; });
            await Promise.allSettled(pictures.map(each => each.decode()));
            return pictures.filter(each => !each.naturalWidth || !each.alt).map(each => each.src);
        }"""
    )


def test_the_search_finds_an_option(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/index.html")
    page.locator(".md-search__input").fill("bias-correction")
    found = page.locator(".md-search-result__link").first
    found.wait_for(state="visible", timeout=20_000)
    assert page.locator(".md-search-result__link").count() > 0
    page.close()
