import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from qconv.reporting.html.page import to_html
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import Report
from tests.report_cases import DETAILED, FULL, SEARCH

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}$x^2$\u202e\x1b名前.onnx"
DETAILED_REPORT = replace(FULL, variants=(DETAILED,))


class Tags(HTMLParser):
    """Collects what a browser would see: tags with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(report: Report) -> Report:
    """The report with a name that is markup, wherever a name may stand."""
    variant = replace(
        DETAILED,
        name=HOSTILE,
        path=HOSTILE,
        origin={HOSTILE: HOSTILE},
        storage=tuple(replace(layer, name=HOSTILE) for layer in DETAILED.storage),
        kept_float=tuple(
            replace(kept, node=HOSTILE, reason=HOSTILE) for kept in DETAILED.kept_float
        ),
        layers=tuple(replace(layer, name=HOSTILE) for layer in DETAILED.layers),
        ranges=tuple(replace(each, name=HOSTILE) for each in DETAILED.ranges),
        histograms=tuple(replace(each, name=HOSTILE) for each in DETAILED.histograms),
        outputs=tuple(replace(out, name=HOSTILE) for out in DETAILED.outputs),
    )
    layers = tuple(replace(layer, name=HOSTILE) for layer in SEARCH.layers)
    found = replace(SEARCH, objective=HOSTILE, form=HOSTILE, layers=layers)
    return replace(report, variants=(variant,), cpu=HOSTILE, command=HOSTILE, search=found)


def test_the_same_report_gives_the_same_page() -> None:
    assert to_html(DETAILED_REPORT) == to_html(DETAILED_REPORT)


def test_a_search_shows_its_plans_and_layers() -> None:
    page = to_html(replace(DETAILED_REPORT, search=SEARCH))
    seen = Tags(page).text
    assert "Found by qconv tune for speed" in seen
    assert "3 layers in float" in seen
    assert "fc, soft" in seen
    assert 'href="#search"' in page
    assert "#search" not in to_html(DETAILED_REPORT)


def test_a_search_without_what_it_should_have_is_shown_as_far_as_it_goes() -> None:
    plans = (replace(SEARCH.plans[0], speedup=None), replace(SEARCH.plans[1], sqnr_db=math.inf))
    page = to_html(replace(DETAILED_REPORT, search=replace(SEARCH, plans=plans, layers=())))
    assert "Found by qconv tune for speed" in Tags(page).text
    assert "Plans that no other one beats" not in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    seen = Tags(to_html(DETAILED_REPORT))
    for tag, attributes in seen.tags:
        assert tag not in ("img", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, value)


def test_every_section_shows_what_the_report_holds() -> None:
    report = judged(DETAILED_REPORT, read_gates(["top1_drop > 1", "kl > 1"]))
    text = " ".join(Tags(to_html(replace(report, command="qconv report a b"))).text.split())
    for part in (
        "1 of 2 gates failed.",
        "accuracy drop, points",
        "top1_drop = 1.35",
        "Size against top-1, %.",
        "Latency against top-1, %.",
        "SQNR of each layer's output",
        "activation: x. SQNR 30.5 dB, 0.01 % clipped, 4 levels.",
        "57 of 60 quantized operators run in integers",
        "one input is float",
        "it has no integer kernel",
        "Bytes of the weights by layer and type",
        "Per-channel weight ranges",
        "products can overflow 16 bits",
        "qconv report a b",
        "ab" * 32,
        "onnxruntime 1.31.1",
    ):
        assert part in text, part


def test_a_report_with_nothing_measured_says_so(bare_report: Report) -> None:
    text = Tags(to_html(bare_report)).text
    for part in (
        "SQNR by layer was not measured; qconv report --layers does it.",
        "No tensor is quantized to a grid that can be drawn.",
        "Which operators run in integers was not looked at.",
        "Weight ranges were not looked at.",
    ):
        assert part in text


def test_a_hostile_name_is_text_and_nothing_else() -> None:
    page = to_html(hostile(FULL))
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    plain, odd = Tags(to_html(DETAILED_REPORT)), Tags(page)
    assert [tag for tag, _ in odd.tags].count("script") == 1
    assert {name for _, attributes in odd.tags for name in attributes} == {
        name for _, attributes in plain.tags for name in attributes
    }
    assert "<script>alert(1)</script>" in odd.text


def test_colours_follow_the_theme_of_the_page() -> None:
    page = to_html(DETAILED_REPORT)
    assert "fill: var(--series-1)" in page
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    assert len(drawings) == 6
    for drawing in drawings:
        assert not re.search("#0[123]0[123]0", drawing)
        assert "#000000" not in drawing


@pytest.mark.parametrize("layers", [0, 1, 200])
def test_a_model_of_any_number_of_layers_can_be_drawn(layers: int) -> None:
    many = tuple(replace(DETAILED.layers[1], name=f"layer {index}") for index in range(layers))
    stored = tuple(replace(DETAILED.storage[0], name=f"layer {index}") for index in range(layers))
    report = replace(FULL, variants=(replace(DETAILED, layers=many, storage=stored),))
    page = to_html(report)
    assert page.count("<td>layer ") == 2 * layers
    assert len(page) < 1_500_000
