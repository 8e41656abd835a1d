from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Opened

SECTIONS = {
    "gates": "Gates",
    "overview": "Overview",
    "tradeoffs": "Trade-offs",
    "variant-1": "model.int8.onnx",
    "variant-2": "model.int4.onnx",
    "reproduce": "How to reproduce",
}
PARTS = ("layers", "tensors", "fusion", "float", "bytes", "ranges", "portability")


def column(page: Page, table: str, index: int) -> list[str]:
    cells = page.locator(table).locator(f"tbody td:nth-child({index})")
    return cells.all_inner_texts()


def test_it_opens_without_an_error_or_a_request(opened: Opened) -> None:
    opened.page.wait_for_load_state("networkidle")
    assert opened.faults == []
    assert opened.page.title() == "model.onnx: qconv report"


@pytest.mark.parametrize(("anchor", "title"), SECTIONS.items())
def test_each_section_is_shown_and_reached_from_the_top(
    opened: Opened, anchor: str, title: str
) -> None:
    section = opened.page.locator(f"#{anchor}")
    assert section.is_visible()
    assert section.locator("h2").inner_text() == title
    link = opened.page.locator(f'nav a[href="#{anchor}"]')
    link.focus()
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_function(f"location.hash === '#{anchor}'")
    assert opened.faults == []


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_variant_is_shown(opened: Opened, part: str) -> None:
    assert opened.page.locator(f"#variant-1-{part}").is_visible()


def test_every_plot_has_a_size_and_words(opened: Opened) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    drawings = opened.page.locator("figure svg")
    assert drawings.count() == 2 + 2 + 2 * 4
    for index in range(drawings.count()):
        box = drawings.nth(index).bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 80
    for figure in opened.page.locator("figure").all():
        assert len(figure.locator("figcaption").inner_text()) > 20
        assert figure.locator("[role=img]").get_attribute("aria-label")


def test_a_table_is_sorted_by_the_mouse_and_turned_around(opened: Opened) -> None:
    page, table = opened.page, "#overview table >> nth=0"
    megabytes = page.locator(table).locator("th:nth-child(2)")
    assert column(page, table, 2) == ["18.61", "5.10", "9.00"]
    megabytes.locator("button").click()
    assert column(page, table, 2) == ["5.10", "9.00", "18.61"]
    assert megabytes.get_attribute("aria-sort") == "ascending"
    megabytes.locator("button").click()
    assert column(page, table, 2) == ["18.61", "9.00", "5.10"]
    assert megabytes.get_attribute("aria-sort") == "descending"
    assert column(page, table, 1) == ["model.onnx", "model.int4.onnx", "model.int8.onnx"]


def test_a_table_is_sorted_by_the_keyboard_and_empty_cells_come_last(opened: Opened) -> None:
    page, table = opened.page, "#overview table >> nth=0"
    page.locator(table).locator("th:nth-child(4) button").focus()
    page.keyboard.press("Enter")
    assert column(page, table, 4) == ["2.00x", "2.00x", ""]
    page.keyboard.press("Space")
    assert column(page, table, 4) == ["2.00x", "2.00x", ""]
    assert opened.faults == []


def test_every_table_can_be_sorted(opened: Opened) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    buttons = opened.page.locator("th button")
    assert buttons.count() > 40
    for button in buttons.all():
        button.click()
    assert opened.page.locator('th[aria-sort="ascending"]').count() == len(
        opened.page.locator("table").all()
    )
    assert opened.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, pages: dict[str, Path], scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    opened = Opened(context.new_page(), pages["report"])
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths == [360, 360]
    back, ink = opened.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    brightness = [sum(map(int, text[4:-1].split(", "))) for text in (back, ink)]
    assert (brightness[0] < brightness[1]) is (scheme == "dark")
    assert abs(brightness[0] - brightness[1]) > 400
    text = opened.page.locator("figure svg text").first
    assert text.evaluate("e => getComputedStyle(e).fill") == ink
    assert opened.faults == []
    context.close()


def test_print_opens_what_is_folded_and_closes_it_again(opened: Opened) -> None:
    page = opened.page
    folded = page.locator("details:not([open])").count()
    assert folded > 4
    assert len(page.pdf()) > 20_000
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


def test_hostile_names_do_no_harm(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context()
    opened = Opened(context.new_page(), pages["hostile"])
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    for button in opened.page.locator("th button").all():
        button.click()
    assert opened.faults == []
    assert opened.page.locator("script").count() == 1
    name = opened.page.locator("#variant-1 h2").inner_text()
    assert name.startswith("<script>alert(1)</script>\"'&{{7*7}}$x^2$")
    texts = opened.page.locator("figure svg text").all_text_contents()
    assert any("7*7}}$x^2$" in text for text in texts)
    context.close()


def test_a_script_that_got_in_would_not_run(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context()
    path = pages["report"].with_name("injected.html")
    content = pages["report"].read_text(encoding="utf-8")
    path.write_text(content.replace("</main>", "<script>window.bad = 1</script></main>"))
    opened = Opened(context.new_page(), path)
    assert opened.page.evaluate("window.bad === undefined")
    assert any("Content Security Policy" in fault for fault in opened.faults)
    context.close()
