"""Drawings: where numbers lie, what axes say, what marks tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from qconv.reporting.contents import TensorHistogram
from qconv.reporting.html.plots import depth_plot, row_plots, scatter_plot, svg
from qconv.reporting.html.plots.depth_plot import Layer
from qconv.reporting.html.plots.histogram_plot import histogram
from qconv.reporting.html.plots.row_plots import Row
from qconv.reporting.html.plots.scale import from_zero, logarithmic, near
from qconv.reporting.html.plots.scatter_plot import Axis, Point

NUMBERS = st.floats(-1e30, 1e30)
TENSOR = TensorHistogram("x", "weight", 30.0, 0.0, -1.0, 1.0, (1, 0, 999, 10), (-1.0, 0.0, 1.0))


def parsed(drawing: Markup) -> Xml.Element:
    return Xml.fromstring(str(drawing))


def found(drawing: Markup, kind: str) -> list[Xml.Element]:
    """The elements of a drawing with this class."""
    return [each for each in parsed(drawing).iter() if kind in each.get("class", "").split()]


def told(drawing: Markup) -> list[str]:
    return [str(each.text) for each in parsed(drawing).iter("title")]


class TestScales:
    @given(st.lists(NUMBERS, min_size=1, max_size=8))
    def test_a_scale_from_zero_holds_zero_and_every_number(self, values: list[float]) -> None:
        scale = from_zero(values, 10.0, 300.0)
        assert not scale.cut
        for value in (0.0, *values):
            assert 9.9 <= scale.place(value) <= 300.1
        assert 2 <= len(scale.ticks) <= 8
        assert any(number == 0 for number, _ in scale.ticks)

    @given(st.lists(NUMBERS, min_size=1, max_size=8))
    def test_a_scale_says_if_it_does_not_begin_at_zero(self, values: list[float]) -> None:
        scale = near(values, 10.0, 300.0)
        for value in values:
            assert 9.9 <= scale.place(value) <= 300.1
        assert scale.cut == (scale.low > 0)

    def test_numbers_far_apart_begin_at_zero_and_near_ones_do_not(self) -> None:
        assert near([8.0, 87.6], 0.0, 1.0).low == 0
        close = near([86.8, 87.6], 0.0, 1.0, most=100.0)
        assert close.cut
        assert 80 < close.low < 86.8
        assert near([99.9, 100.0], 0.0, 1.0, most=100.0).high == 100

    def test_ticks_are_round_and_written_in_full(self) -> None:
        assert [said for _, said in from_zero([18.61], 0, 1).ticks] == ["0", "5", "10", "15", "20"]
        assert [said for _, said in from_zero([9.0], 0, 1).ticks] == [
            "0.0",
            "2.5",
            "5.0",
            "7.5",
            "10.0",
        ]
        assert from_zero([4e6], 0, 1).ticks[-1] == (4e6, "4,000,000")
        assert from_zero([4e-9], 0, 1).ticks[-1][1] == "4e-09"

    @given(st.lists(st.floats(1e-90, 1e90), min_size=1, max_size=8))
    def test_a_logarithmic_scale_holds_every_number(self, values: list[float]) -> None:
        scale = logarithmic(values, 10.0, 300.0)
        for value in values:
            assert 9.9 <= scale.place(value) <= 300.1
        assert 1 <= len(scale.ticks) <= 10


class TestText:
    @given(st.text(max_size=90), st.floats(20, 400))
    def test_a_text_keeps_its_end_and_to_its_room(self, said: str, room: float) -> None:
        kept = svg.fitted(said, room)
        assert kept == said or svg.text_width(kept) <= room
        assert said.endswith(kept.removeprefix("…"))

    def test_markup_is_text(self) -> None:
        drawing = svg.drawing(9, '"<b>', [svg.mark("<i>", svg.text(0, 0, "a<b>\x1b&"))])
        assert told(drawing) == ["<i>"]
        assert [each.text for each in parsed(drawing).iter("text")] == ["a<b>\\x1b&"]
        assert parsed(drawing).get("aria-label") == '"<b>'


class TestScatter:
    def plane(self, values: list[tuple[float, float]], top: float = 100.0) -> Markup:
        points = [Point(f"model {x}", x, y, f"{x}: {y}", "s1") for x, y in values]
        across = Axis(
            "MB", from_zero([x for x, _ in values], scatter_plot.LEFT, scatter_plot.RIGHT)
        )
        upright = near([y for _, y in values], scatter_plot.BOTTOM, scatter_plot.TOP, top)
        return scatter_plot.scatter(points, across, Axis("%", upright), "caption")

    def test_each_model_is_a_mark_that_tells_its_numbers(self) -> None:
        assert told(self.plane([(18.61, 87.6), (4.97, 86.8)])) == ["18.61: 87.6", "4.97: 86.8"]

    def test_a_cut_axis_has_a_zigzag(self) -> None:
        assert len(found(self.plane([(18.0, 87.6), (5.0, 86.8)]), "cut")) == 1
        assert found(self.plane([(18.0, 87.6), (5.0, 8.0)]), "cut") == []

    def test_names_of_neighbours_do_not_lie_on_each_other(self) -> None:
        names = found(self.plane([(5.0, 86.8), (5.1, 86.9), (5.2, 86.7), (18.0, 87.6)]), "name")
        boxes = []
        for name in names:
            width = svg.text_width(str(name.text))
            shift = {"middle": 0.5, "end": 1.0}.get(name.get("text-anchor", ""), 0.0)
            left, bottom = float(name.get("x", "")) - shift * width, float(name.get("y", ""))
            boxes.append((left, left + width, bottom - svg.TEXT, bottom))
        assert len(boxes) == 4
        for index, (left, right, top, bottom) in enumerate(boxes):
            assert left >= 0
            assert right <= svg.WIDTH + 1
            for other in boxes[:index]:
                apart = other[0] >= right or other[1] <= left
                assert apart or other[2] >= bottom - 2 or other[3] <= top + 2


class TestRows:
    ROWS = (
        Row("a", "30 kB", "a: 30", {"int8": 20.0, "float": 10.0}),
        Row("b" * 200, "5 kB", "b: 5", {"float": 5.0}),
    )

    def test_bars_begin_at_zero_and_are_as_long_as_their_numbers(self) -> None:
        drawing = row_plots.bars(self.ROWS, "caption")
        widths = [
            (each.get("class"), float(each.get("x", "")), float(each.get("width", "")))
            for each in parsed(drawing).iter("rect")
            if each.get("height") == "8"
        ]
        assert widths == [("s1", 0.0, 240.0), ("s2", 240.0, 120.0), ("s2", 0.0, 60.0)]
        assert told(drawing) == ["a: 30", "b: 5"]

    @pytest.mark.parametrize("draw", [row_plots.dots, row_plots.spans])
    def test_dots_and_spans_name_their_unit(
        self, draw: Callable[[list[Row], str, str], Markup]
    ) -> None:
        rows = [Row("a", "", "a", {"low": 1.0, "middle": 2.0, "high": 30.0})]
        assert "dB" in [each.text for each in parsed(draw(rows, "dB", "caption")).iter("text")]

    def test_a_dot_of_no_number_is_left_out(self) -> None:
        rows = [Row("a", "", "a", {"alone": math.nan, "all": 30.0})]
        assert len(list(parsed(row_plots.dots(rows, "dB", "caption")).iter("circle"))) == 1


def test_a_line_along_the_model_breaks_where_a_number_is_missing() -> None:
    values = [3.0, 2.0, math.nan, 1.0, 2.0, 3.0, math.nan, 1.0]
    layers = [Layer(f"L{index}", {"all": value}) for index, value in enumerate(values)]
    drawing = depth_plot.depth(layers, "dB", "caption")
    assert [len(re.findall("[ML]", each.get("d", ""))) for each in found(drawing, "run")] == [2, 3]
    assert told(drawing) == [f"L{index}" for index in range(8)]
    assert len(list(parsed(drawing).iter("circle"))) == 6


class TestHistogram:
    def test_each_bar_tells_its_bin(self) -> None:
        drawing = histogram(TENSOR, "caption")
        assert drawing is not None
        assert told(drawing) == ["-1 to -0.5: 1", "0 to 0.5: 999", "0.5 to 1: 10"]
        heights = [float(each.get("height", "")) for each in found(drawing, "s1")]
        assert heights[1] > heights[2] > heights[0] > 3

    def test_what_can_be_stored_is_ticks_and_a_band_where_they_are_dense(self) -> None:
        drawing = histogram(TENSOR, "caption")
        assert drawing is not None
        assert (len(found(drawing, "tick")), len(found(drawing, "band"))) == (3, 0)
        assert len(found(drawing, "bound")) == 2
        dense = [step / 100 for step in range(-100, 50)]
        drawing = histogram(TensorHistogram("x", "w", 1, 0, -1, 1, (1, 2), (*dense, 0.9)), "c")
        assert drawing is not None
        assert (len(found(drawing, "tick")), len(found(drawing, "band"))) == (1, 1)

    def test_without_a_range_there_is_none(self) -> None:
        assert histogram(TensorHistogram("x", "w", 1, 0, 1, 1, (1,), (0,)), "caption") is None
