import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Opened

SECTIONS = {
    "gates": "Gates",
    "overview": "Overview",
    "tradeoffs": "Trade-offs",
    "search": "Search",
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


def test_the_bottom_line_and_the_failures_are_seen_without_scrolling(opened: Opened) -> None:
    page = opened.page
    lines = page.locator("header .line")
    assert lines.count() == 2
    assert lines.first.inner_text().endswith("1 of 2 gates failed.")
    for shown in (lines.last, page.locator("#gates tbody tr").first):
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    assert page.locator("#gates tbody tr").first.inner_text().startswith("FAILS")
    assert page.locator(".line-fails").count() == 2


def test_every_plot_has_a_size_and_words(opened: Opened) -> None:
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    drawings = opened.page.locator("figure svg")
    assert drawings.count() == 2 + 2 + 2 * 5
    for index in range(drawings.count()):
        box = drawings.nth(index).bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 60
    for figure in opened.page.locator("figure").all():
        assert len(figure.locator("figcaption").inner_text()) > 20
        assert figure.locator("svg").get_attribute("aria-label")


def test_pointing_at_a_mark_tells_what_it_is(opened: Opened) -> None:
    page, tip = opened.page, opened.page.locator("#tip")
    assert not tip.is_visible()
    mark = page.locator("#tradeoffs svg >> nth=0").locator(".mark").nth(1)
    mark.hover()
    assert tip.inner_text() == "model.int8.onnx: 5.1 MB, top-1 86.4 %"
    own, of = tip.bounding_box(), mark.bounding_box()
    assert own is not None
    assert of is not None
    assert own["y"] + own["height"] <= of["y"] + 1
    page.mouse.move(5, 5)
    assert not tip.is_visible()


def test_the_keyboard_goes_from_mark_to_mark(opened: Opened) -> None:
    page, tip = opened.page, opened.page.locator("#tip")
    page.locator("#tradeoffs svg >> nth=0").locator(".mark").first.focus()
    told = [tip.inner_text()]
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
        told.append(tip.inner_text())
    assert [text.partition(":")[0] for text in told] == [
        *("model.onnx", "model.int8.onnx", "model.int4.onnx", "model.int4.onnx"),
        *("model.int8.onnx", "model.onnx", "model.int4.onnx"),
    ]
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.keyboard.press("Tab")  # the next drawing, not the next mark
    assert tip.inner_text().startswith("model.onnx: 14.54 ms")
    assert opened.faults == []


def test_what_is_reached_far_below_is_told_beside_it(opened: Opened) -> None:
    opened.page.locator("#variant-2-layers .mark").last.focus()
    opened.page.wait_for_function(
        """() => {
            const [tip, mark] = [document.getElementById("tip"), document.activeElement];
            const [own, of] = [tip.getBoundingClientRect(), mark.getBoundingClientRect()];
            const near = own.bottom <= of.top && of.top - own.bottom < 10;
            return !tip.hidden && near && own.top >= 0 && of.bottom <= innerHeight;
        }"""
    )


def test_without_scripts_browsers_show_titles(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["report"].as_uri())
    marks = page.locator("svg .mark")
    assert marks.count() > 20
    assert marks.count() == page.locator("svg .mark > title").count()
    context.close()


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
    page.locator(table).locator("th:nth-child(3) button").focus()
    page.keyboard.press("Enter")
    assert column(page, table, 3) == ["2.00x", "2.00x", ""]
    page.keyboard.press("Space")
    assert column(page, table, 3) == ["2.00x", "2.00x", ""]
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
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    opened = Opened(context.new_page(), pages["report"])
    widths = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths == [390, 390]
    back, ink = opened.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    brightness = [sum(map(int, text[4:-1].split(", "))) for text in (back, ink)]
    assert (brightness[0] < brightness[1]) is (scheme == "dark")
    assert abs(brightness[0] - brightness[1]) > 400
    text = opened.page.locator("figure svg text.name").first
    assert text.evaluate("e => getComputedStyle(e).fill") == ink
    letters = opened.page.locator("figure svg text").all()
    for each in letters[:: len(letters) // 20]:
        scale = each.evaluate("e => e.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize)")
        assert scale == 0 or scale > 9  # pixels; what is folded has no size
    assert opened.faults == []
    context.close()


@pytest.mark.parametrize(("name", "most"), [("one", 2), ("two", 3)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_is_few_pages_in_dark_ink(
    browser: Browser, pages: dict[str, Path], name: str, most: int, scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    opened = Opened(context.new_page(), pages[name])
    paper = opened.page.pdf(format="A4", print_background=True)
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", paper)) <= most
    opened.page.emulate_media(media="print", color_scheme="dark" if scheme == "dark" else "light")
    ink = opened.page.locator("body").evaluate("e => getComputedStyle(e).color")
    bar = opened.page.locator(".s1").first.evaluate("e => getComputedStyle(e).fill")
    assert (ink, bar) == ("rgb(0, 0, 0)", "rgb(47, 111, 208)")
    assert opened.page.locator("details:visible").count() == 0
    assert opened.faults == []
    context.close()


def test_what_a_reader_has_opened_is_printed(opened: Opened) -> None:
    opened.page.evaluate("document.querySelector('#overview details').open = true")
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#overview details table").first.is_visible()


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
