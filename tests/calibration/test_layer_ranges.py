"""Ranges chosen by what layers make of their error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qconv.calibration.layer_ranges import layer_ranges
from qconv.calibration.observe import Depth
from qconv.data import LoopData
from qconv.errors import DataError, RecordError, UsageError
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.summary import input_specs
from qconv.pipeline import OpenData, calibrate, convert
from qconv.placement.place import place
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.progress import no_progress
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import Feeds, data, parse, said, save, set_weight, sqnr

TEXT = "(float[N, 2] x) => (float[N, 8] y) <float[2, 8] w> { y = MatMul(x, w) }"
SHARED = """
    (float[N, 2, 4, 4] x) => (float[N, 8, K, L] y) <float[8, 2, 1, 1] w, float[2, 2, 1, 1] v>
    { a = Conv(x, v) m = MaxPool<kernel_shape = [2, 2]>(a) y = Conv(m, w) }
"""


def _model(folder: Path, weights: tuple[float, float]) -> tuple[Path, list[Feeds]]:
    """Return a product over two channels, the second of which has one large number."""
    model = parse(TEXT)
    random = np.random.default_rng(0)
    rows = np.array(weights)[:, None] * random.normal(size=(2, 8))
    set_weight(model, "w", rows.astype(np.float32))
    array = random.normal(size=(400, 16, 2)).astype(np.float32)
    array[:4, 0, 1] = 100
    return save(model, folder), [{"x": each} for each in array]


def _chosen(
    path: Path,
    feeds: Sequence[Feeds],
    depth: Depth = "histogram",
    tried: OpenData | None = None,
) -> dict[str, float]:
    prepared = prepare(load_model(path).ir)
    plan = place(prepared, ORT_CPU)
    record = calibrate(path, data=data(feeds), statistics=depth)
    source = (tried or data(feeds))(input_specs(prepared))
    assert not isinstance(source, LoopData)
    found = layer_ranges(prepared, plan, record.statistics, source, no_progress)
    return {name: high for name, (_, high) in found.items()}


@pytest.mark.parametrize(("weights", "least", "most"), [((1, 0), 2, 10), ((0.01, 1), 95, 101)])
def test_channels_count_as_layers_weigh_them(
    tmp_path: Path, weights: tuple[float, float], least: float, most: float
) -> None:
    path, feeds = _model(tmp_path, weights)
    assert least < _chosen(path, feeds)["x"] < most


def test_values_with_one_scale_have_one_range(tmp_path: Path) -> None:
    path = save(parse(SHARED), tmp_path)
    random = np.random.default_rng(0)
    feeds = [{"x": random.normal(size=(1, 2, 4, 4)).astype(np.float32)} for _ in range(8)]
    assert set(_chosen(path, feeds)) == {"x", "a", "y"}


def test_a_model_of_such_ranges_is_closer(tmp_path: Path) -> None:
    path, feeds = _model(tmp_path, (1, 0))
    found = []
    for method in ("minmax", "layers"):
        settings = Int8Settings(effort="fast", smooth="off", method=method)
        output = tmp_path / f"{method}.onnx"
        made = convert(path, output, data=data(feeds), settings=settings)
        assert made.note == f"ranges by {method}"
        found.append(sqnr(path, output, feeds)["y"])
    assert found[1] > found[0] + 15


def test_it_needs_histograms_and_samples(tmp_path: Path) -> None:
    path, feeds = _model(tmp_path, (1, 1))
    with pytest.raises(RecordError, match="needs histograms"):
        _chosen(path, feeds, "ranges")
    record = calibrate(path, data=data(feeds))
    with pytest.raises(
        UsageError, match="`method=layers` run the model again, so they need `data`"
    ):
        convert(
            path,
            tmp_path / "out.onnx",
            calibration=record,
            settings=Int8Settings(method="layers", effort="fast"),
        )


def _remarks(folder: Path, text: str, **settings: Any) -> tuple[str, ...]:
    path = save(parse(text), folder)
    random = np.random.default_rng(0)
    array = random.normal(size=(8, 16, 8)).astype(np.float32)
    array[..., 3] *= 40
    feeds = [{"x": each} for each in array]
    chosen = Int8Settings(effort="fast", method="layers", **settings)
    made = convert(path, folder / "out.onnx", data=data(feeds), settings=chosen, force=True)
    assert sqnr(path, folder / "out.onnx", feeds)["y"] > 25
    return said(made)


def test_ranges_of_scaled_values_are_not_tried(tmp_path: Path) -> None:
    one = "(float[N, 8] x) => (float[N, 8] y) <float[8, 8] w> { y = MatMul(x, w) }"
    two = """(float[N, 8] x) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v>
    { a = MatMul(x, w) r = Relu(a) b = MatMul(r, v) y = Sigmoid(b) }"""
    left = "of equalized or smoothed values left to minmax"
    assert f"1 range {left}" in _remarks(tmp_path, one)
    assert f"2 ranges {left}" in _remarks(tmp_path, two, smooth=0.5, equalize="on")
    assert f"1 range {left}" in _remarks(tmp_path, two, smooth="off", equalize="on")
    assert left not in " ".join(_remarks(tmp_path, two, smooth="off", equalize="off"))


def test_a_sample_that_fails_is_named(tmp_path: Path) -> None:
    text = """(int64[N] x) => (float[N, 8] y) <float[4, 8] t, float[8, 8] w>
    { e = Gather(t, x) y = MatMul(e, w) }"""
    path = save(parse(text), tmp_path)
    feeds = [{"x": np.array(ids)} for ids in ([0, 3], [1, 4])]
    with pytest.raises(DataError, match=r"^new\[1\]: the float model fails: .*out of data bounds"):
        _chosen(path, feeds[:1], tried=data(feeds, "new"))
