import base64
import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from qconv.reporting import report_tables
from qconv.reporting.answers import ChangedAnswer
from qconv.reporting.contents import LayerError, LayerStorage, WeightRange
from qconv.reporting.html.page import to_html
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import Accuracy, Report
from qconv.reporting.runs import Latency
from tests.report_cases import DETAILED, FULL, MADE, SEARCH
from tests.reporting.large_report import large_report

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}$x^2$\u202e\x1b名前.onnx"
DETAILED_REPORT = replace(FULL, variants=(DETAILED,))


def page_of(report: Report) -> str:
    return to_html(report, MADE)


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
    assert page_of(DETAILED_REPORT) == page_of(DETAILED_REPORT)


def test_it_begins_with_the_bottom_line_and_says_when_it_was_made() -> None:
    text = " ".join(Tags(page_of(DETAILED_REPORT)).text.split())
    first = text.index("model.int8.onnx is 3.6x smaller and 2.0x faster, and loses 1.4 points")
    assert first < text.index("Written 2026-11-30 21:05 UTC at commit 0123456789ab by qconv 0.1.0.")
    assert first < text.index("Gates" if "Gates" in text else "Overview")
    bare = to_html(DETAILED_REPORT, replace(MADE, commit=None))
    assert "commit" not in Tags(bare).text
    assert "Written 2026-11-30 21:05 UTC by qconv 0.1.0." in " ".join(Tags(bare).text.split())


def test_one_table_has_all_numbers_the_most_important_first() -> None:
    columns = report_tables.ranked(DETAILED_REPORT).columns
    assert [column.title for column in columns] == [
        *("MB", "speed-up", "top-1 %", "top-1 drop", "agree %", "SQNR dB", "latency ms"),
        *("latency p90", "size ratio", "top-5 %", "top-5 drop", "confidence", "confidence drop"),
        "integer ops",
    ]
    headline = report_tables.headline(DETAILED_REPORT).columns
    assert sorted(column.cells for column in columns) == sorted(each.cells for each in headline)


def test_failures_come_first_with_their_distance_and_many_that_hold_are_folded() -> None:
    gates = ["size_ratio > 0.3", "top1_drop > 1"]
    page = page_of(judged(DETAILED_REPORT, read_gates(gates)))
    places = [page.index(text) for text in ("0.35 points over the limit 1", "0.026 under", "MB<")]
    assert places == sorted(places)
    assert "that pass</summary>" not in page
    many = [*gates, *(f"kl > {limit}" for limit in range(1, 13))]
    page = page_of(judged(DETAILED_REPORT, read_gates(many)))
    assert page.index("0.35 points over") < page.index("13 verdicts that pass</summary>")
    assert page.count('verdict verdict-fails">FAILS<') == 1
    assert page.count('verdict verdict-passes">passes<') == 13


def test_a_search_shows_its_plans_and_layers() -> None:
    page = page_of(replace(DETAILED_REPORT, search=SEARCH))
    seen = Tags(page).text
    assert "Found by qconv tune for speed" in seen
    assert "3 layers in float" in seen
    assert "fc, soft" in seen
    assert 'href="#search"' in page
    assert "#search" not in page_of(DETAILED_REPORT)


def test_a_search_without_what_it_should_have_is_shown_as_far_as_it_goes() -> None:
    plans = (replace(SEARCH.plans[0], speedup=None), replace(SEARCH.plans[1], sqnr_db=math.inf))
    page = page_of(replace(DETAILED_REPORT, search=replace(SEARCH, plans=plans, layers=())))
    assert "Found by qconv tune for speed" in Tags(page).text
    assert "the chosen one with a name" not in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    seen = Tags(page_of(DETAILED_REPORT))
    for tag, attributes in seen.tags:
        assert tag not in ("img", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, value)


def test_every_section_shows_what_the_report_holds() -> None:
    report = judged(DETAILED_REPORT, read_gates(["top1_drop > 1", "kl > 1"]))
    text = " ".join(Tags(page_of(replace(report, command="qconv report a b"))).text.split())
    for part in (
        "1 of 2 gates failed.",
        "top-1 drop",
        "top1_drop = 1.35",
        "Size against top-1; the ring is the float model. Up and to the left is better. The axis",
        "Latency against top-1; the ring is the float model.",
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
        "at 20 dB the error is 10 % of the signal",
    ):
        assert part in text, part


def test_a_report_with_nothing_measured_says_so(bare_report: Report) -> None:
    text = Tags(page_of(bare_report)).text
    for part in (
        "SQNR by layer was not measured; the option layers measures it.",
        "No tensor is quantized to a grid that can be drawn.",
        "Which operators run in integers was not checked.",
        "Weight ranges were not measured.",
    ):
        assert part in text


def test_a_hostile_name_is_text_and_nothing_else() -> None:
    page = page_of(hostile(FULL))
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    plain, odd = Tags(page_of(DETAILED_REPORT)), Tags(page)
    assert [tag for tag, _ in odd.tags].count("script") == 1
    assert {name for _, attributes in odd.tags for name in attributes} == {
        name for _, attributes in plain.tags for name in attributes
    }
    assert "<script>alert(1)</script>" in odd.text


def test_colours_and_fonts_are_those_of_the_style_sheet() -> None:
    page = page_of(DETAILED_REPORT)
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.S)
    assert len(drawings) == 2 + 2 + 1 + 2
    for drawing in drawings:
        assert not re.search("#[0-9a-f]{3}|style=|fill=|stroke=|font-", drawing)
        assert 'viewBox="0 0 ' in drawing


def test_what_the_browser_may_run_is_named_by_its_hash() -> None:
    page = page_of(DETAILED_REPORT)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    for name in ("style", "script"):
        found = re.findall(rf"<{name}>(.*?)</{name}>", page, flags=re.S)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy[1]
    assert "unsafe" not in policy[1]


@pytest.mark.parametrize("layers", [0, 1, 200, 1000])
def test_a_model_of_any_number_of_layers_can_be_drawn(layers: int) -> None:
    many = tuple(replace(DETAILED.layers[1], name=f"layer {index}") for index in range(layers))
    stored = tuple(replace(DETAILED.storage[0], name=f"layer {index}") for index in range(layers))
    report = replace(FULL, variants=(replace(DETAILED, layers=many, storage=stored),))
    page = page_of(report)
    assert page.count("<td>layer ") == 2 * layers
    assert len(page) < 60_000 + 500 * layers


def test_layers_stand_by_what_they_cost_the_worst_first() -> None:
    errors = ((40.0, 30.0), (50.0, -math.inf), (20.0, 25.0), (None, math.nan))
    layers = tuple(
        LayerError(f"L{place}", "Conv", alone, accumulated)
        for place, (alone, accumulated) in enumerate(errors)
    )
    page = page_of(replace(FULL, variants=(replace(DETAILED, layers=layers),)))
    table = page[page.index("All 4 layers as a table, the worst first") :]
    assert re.findall("<td>(L[0-9])</td>", table) == ["L1", "L3", "L2", "L0"]
    sizes = tuple(LayerStorage(f"S{size}", "Conv", {"int8": size}) for size in (5, 500, 50))
    page = page_of(replace(FULL, variants=(replace(DETAILED, storage=sizes),)))
    table = page[page.index("3 layers as a table, the largest first") :]
    assert re.findall("<td>(S[0-9]+)</td>", table) == ["S500", "S50", "S5"]


def test_the_page_of_two_real_variants_is_small() -> None:
    assert len(page_of(large_report(2)).encode()) <= 400_000


ODD = [0.0, -1.0, 5e-324, 1e308, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("odd", ODD)
def test_odd_numbers_are_drawn_as_far_as_they_can_be(odd: float) -> None:
    histograms = (
        replace(DETAILED.histograms[0], low=odd, sqnr_db=odd, clipped=odd),
        replace(DETAILED.histograms[0], high=odd, grid=(odd, 0.0), counts=(0, 2**62)),
        replace(DETAILED.histograms[0], grid=(), counts=()),
    )
    ranges = tuple(WeightRange("r", "Conv", 0, least, odd, 1.0) for least in (odd, 1e-9))
    variant = replace(
        DETAILED,
        size_bytes=0,
        latency=Latency(odd, odd, odd, odd),
        accuracy=Accuracy(odd, None),
        outputs=(replace(DETAILED.outputs[0], sqnr_db=odd, agreement=odd, kl=odd),),
        layers=(LayerError("l", "Conv", odd, odd), LayerError("m", "Conv", None, odd)),
        histograms=histograms,
        ranges=ranges,
        storage=(LayerStorage("s", "Conv", {}), LayerStorage("t", "Conv", {"int8, x#": 0})),
    )
    plans = tuple(replace(SEARCH.plans[0], speedup=odd, sqnr_db=other) for other in (odd, 3.0))
    layers = (replace(SEARCH.layers[0], sqnr_db=odd),)
    search = replace(SEARCH, plans=plans, layers=layers)
    seen = Tags(page_of(judged(replace(FULL, variants=(variant,), search=search), ())))
    for tag, attributes in seen.tags:
        for name in ("x", "y", "cx", "cy", "width", "height", "d"):
            value = str(attributes.get(name))
            assert "nan" not in value, (tag, name)
            assert "inf" not in value, (tag, name)


def test_samples_whose_answer_changed() -> None:
    picture = base64.b64encode(b"\x89PNG").decode()
    changed = (
        ChangedAnswer(HOSTILE, "class 3 (51 %)", HOSTILE, 4, picture),
        ChangedAnswer("b", "2 boxes", "1 box", None, '" onerror=alert(1) x="'),
    )
    page = page_of(replace(FULL, variants=(replace(DETAILED, changed=changed),)))
    tags = Tags(page)
    images = [attributes for tag, attributes in tags.tags if tag == "img"]
    assert [each["src"] for each in images] == [f"data:image/png;base64,{picture}"]
    assert {*images[0]} == {"src", "alt"}
    text = " ".join(tags.text.split())
    assert "The first 2 samples of the data:" in text
    assert "right is class 4" in text
    assert "2 boxes → 1 box" in text
    assert not [tag for tag, _ in tags.tags if tag == "script"][1:]


@pytest.mark.parametrize(
    ("task", "values", "told"),
    [
        ("boxes", {"boxes_f1": 96.77}, "finds the same boxes to 96.8 % (F1)."),
        ("ctc", {"ctc_same": 93.0, "ctc_cer": 2.0}, "reads 93.0 % of the texts as the float"),
        ("similarity", {"similarity": 0.99871}, "to 0.9987 (1 is equal)."),
        ("map", {"map_agreement": 97.14, "map_iou": 90}, "gives 97.1 % of the points the same"),
        ("perplexity", {"perplexity": 20, "perplexity_ratio": 1.02}, "has 1.02 times the float"),
    ],
)
def test_the_bottom_line_of_a_task(task: str, values: dict[str, float], told: str) -> None:
    report = replace(FULL, task=task, variants=(replace(FULL.variants[0], task=values),))
    assert told in " ".join(Tags(page_of(report)).text.split())
    columns = [column.title for column in report_tables.ranked(report).columns]
    assert columns.index("top-1 %") == 2 + len(values)
