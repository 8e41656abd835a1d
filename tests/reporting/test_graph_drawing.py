import random
import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from qconv.codec import decode, encode
from qconv.reporting.html.plots.graph_drawing import picture
from qconv.reporting.html.plots.graph_layout import BOX_HEIGHT, BOX_WIDTH, layout
from qconv.reporting.picture_data import KINDS, MOST_ISLANDS, Island, Picture
from qconv.reporting.report_json import from_json, to_json
from tests.report_cases import FULL

HOSTILE = "</title><script>alert(1)</script>\"'&{{7*7}}\u202e\x1b\ud800]]>名前"
SPACE = "{http://www.w3.org/2000/svg}"


def net(count: int, per_node: int, seed: int = 0, name: str = "a layer") -> Picture:
    """A graph of so many islands, each of which reads a few of those before it."""
    chance = random.Random(seed)
    islands = tuple(
        Island(name, KINDS[n % len(KINDS)], {name: n + 1, "Conv": 2}, name) for n in range(count)
    )
    edges = {
        (chance.randrange(max(0, node - 9), node), node)
        for node in range(1, count)
        for _ in range(per_node)
    }
    return Picture(islands, tuple(sorted(edges)))


NETS = [net(0, 0), net(1, 0), net(60, 0), net(12, 1), net(60, 3), net(60, 1, seed=3)]


@pytest.mark.parametrize("graph", NETS)
def test_it_is_xml_with_a_box_for_each_island(graph: Picture) -> None:
    root = ElementTree.fromstring(picture(graph))
    assert root.tag == f"{SPACE}svg"
    assert len(root.findall(f"{SPACE}g")) == len(graph.islands) <= MOST_ISLANDS
    assert len(root.findall(f".//{SPACE}title")) == len(graph.islands)


@pytest.mark.parametrize("graph", NETS)
def test_nothing_overlaps(graph: Picture) -> None:
    root = ElementTree.fromstring(picture(graph))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    places = []
    for group in root.findall(f"{SPACE}g"):
        (rect,) = group.findall(f"{SPACE}rect")
        x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        places.append((x, y))
        assert (wide, high) == (BOX_WIDTH, BOX_HEIGHT)
        assert 0 <= x <= width - wide
        assert 0 <= y <= height - high
        lines = [float(text.attrib["y"]) for text in group.findall(f"{SPACE}text")]
        assert y + 11 <= lines[0] <= lines[1] - 11 <= y + high - 15
    for (x, y), (to_x, to_y) in combinations(places, 2):
        assert abs(x - to_x) > BOX_WIDTH or abs(y - to_y) > BOX_HEIGHT


@pytest.mark.parametrize("graph", NETS)
def test_islands_stand_below_what_they_read_and_no_line_crosses_them(graph: Picture) -> None:
    plan = layout(graph)
    right = max((box.x + BOX_WIDTH for box in plan.boxes), default=0)
    rows = sorted({box.y for box in plan.boxes})
    for line in plan.lines:
        assert line.source.bottom < line.target.y
        passed = rows.index(line.target.y) - rows.index(line.source.y) - 1
        assert (line.track is None) == (passed == 0)
        assert line.track is None or right < line.track < plan.width
    beside = {(line.track, line.source.y, line.source.x) for line in plan.lines if line.track}
    for first, second in combinations(sorted(beside), 2):
        if first[0] == second[0]:
            ends = [line.target.y for line in plan.lines
                    if line.track == first[0] and line.source.y == first[1]]  # fmt: skip
            assert first[1] < second[1]
            assert max(ends) <= second[1]


def test_names_from_a_model_are_harmless() -> None:
    text = picture(net(9, 2, name=HOSTILE))
    root = ElementTree.fromstring(text)
    tags = {element.tag.removeprefix(SPACE) for element in root.iter()}
    assert tags == {"svg", "path", "g", "title", "rect", "text"}
    assert "alert(1)" in "".join(root.itertext())
    assert not re.search("[\u202e\x1b\ud800]", text)
    text.encode()


@pytest.mark.parametrize("name", ["&" * 5000, "\x1b" * 5000, "名" * 5000, "'" * 5000])
def test_it_has_100_kilobytes_at_most(name: str) -> None:
    assert len(picture(net(60, 4, name=name)).encode()) <= 100_000


@pytest.mark.parametrize(
    "name", ["W" * 50, "名" * 50, "i" * 50, "/a/long/path/to/the/first/operator"]
)
def test_long_names_are_cut_to_the_box(name: str) -> None:
    one = Picture((Island(name, "integer", {"Conv": 1}, ""),), ())
    several = Picture((Island(name, "integer", {"Conv": 1, "Add": 1}, ""),), ())
    for graph, shown in ((one, r"…(.*)"), (several, r"(.*)…")):
        label = ElementTree.fromstring(picture(graph)).findall(f".//{SPACE}text")[0].text or ""
        match = re.fullmatch(shown, label)
        assert match is not None
        assert match[1] in name
        assert 8 <= len(label) <= 40


def test_what_is_shown_on_hover() -> None:
    island = Island("3 Erf, 1 Sum", "float", {"Erf": 3, "Sum": 1}, "3 Erf: no kernel")
    root = ElementTree.fromstring(picture(Picture((island,), ())))
    title = root.find(f".//{SPACE}title")
    assert title is not None
    assert title.text == "3 Erf, 1 Sum: in float, 3 Erf, 1 Sum. 3 Erf: no kernel"
    assert [text.text for text in root.findall(f".//{SPACE}text")] == [
        "3 Erf, 1 Sum",
        "in float, 4 operators",
    ]


def test_it_is_read_back_with_the_report() -> None:
    report = replace(FULL, variants=(replace(FULL.variants[0], picture=net(9, 2)),))
    assert from_json(to_json(report)) == report


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edges": [[1, 0]]}, "an edge does not lead to an island behind"),
        ({"edges": [[0, 3]]}, "an edge does not lead to an island behind"),
        ({"edges": [[0, 1], [0, 1]]}, "an edge is there twice"),
        ({"islands": encode(net(60, 0).islands) + encode(net(1, 0).islands)}, "more than 60"),
        ({"islands": [{"label": "", "kind": "none", "operators": {}, "reason": ""}]}, "kind"),
    ],
)
def test_what_is_no_folded_graph_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(Picture, {**encode(net(3, 1)), **changes})
