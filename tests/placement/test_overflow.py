"""What overflows in float16: where a report sees it, and what a record mends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qconv
from qconv.recipe.settings import HalfSettings
from tests.model_helpers import data, parse, save, set_weight, sqnr

# A model that overflows: the products reach about 2e5, and no risky operator is there to be kept.

OVERFLOWING = """(float[1,3,8,8] x) => (float[1,4] y)
    <float[8,3,3,3] w, float[8] b, float[4,8,1,1] v, float[4] c>
    { h = Conv<pads = [1,1,1,1]>(x, w, b) r = Relu(h) k = Conv(r, v, c) g = GlobalAveragePool(k)
      y = Flatten(g) }"""


@pytest.fixture
def overflowing(tmp_path: Path) -> Path:
    model = parse(OVERFLOWING)
    random = np.random.default_rng(3)
    set_weight(model, "w", random.standard_normal((8, 3, 3, 3)).astype(np.float32) * 20)
    set_weight(model, "v", random.standard_normal((4, 8, 1, 1)).astype(np.float32) / 1000)
    return save(model, tmp_path)


def _images(count: int) -> list[dict[str, np.ndarray]]:
    """The first two are dim; from the third on the Conv sums go beyond 65504."""
    random = np.random.default_rng(4)
    return [
        {"x": random.standard_normal((1, 3, 8, 8)).astype(np.float32) * (10 if i < 2 else 1000)}
        for i in range(count)
    ]


def test_an_overflow_is_reported_where_it_starts(overflowing: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.onnx"
    conversion = qconv.convert(overflowing, plain, settings=HalfSettings())
    assert conversion.plan.kept_float == ()
    report = qconv.report(overflowing, [plain], data=data(_images(5), "photos"), latency=False)
    simulation = report.variants[0].simulation
    assert simulation is not None
    assert (simulation.dtype, simulation.watched) == ("float16", 5)
    assert simulation.overflow is not None
    assert simulation.overflow.value == "h"
    assert simulation.overflow.sample == "photos[2]"
    assert 65520 <= simulation.overflow.magnitude < 1e6


def test_a_record_mends_the_overflow(overflowing: Path, tmp_path: Path) -> None:
    record = qconv.calibrate(overflowing, data=data(_images(5)), values="all", statistics="ranges")
    mended = tmp_path / "mended.onnx"
    settings = HalfSettings()
    conversion = qconv.convert(overflowing, mended, calibration=record, settings=settings)
    kept = {node.op_type: node.reason for node in conversion.plan.kept_float}
    assert kept["Relu"].startswith("its input 'h' reaches ")
    assert len(conversion.plan.quantized) >= 1
    report = qconv.report(overflowing, [mended], data=data(_images(5)), latency=False)
    variant = report.variants[0]
    assert variant.simulation is not None
    assert variant.simulation.overflow is None
    assert variant.outputs[0].sqnr_db > 50
    assert sqnr(overflowing, mended, _images(5))["y"] > 50


def test_no_overflow_where_there_is_none(overflowing: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.onnx"
    qconv.convert(overflowing, plain, settings=HalfSettings())
    report = qconv.report(overflowing, [plain], data=data(_images(2)), latency=False)
    assert report.variants[0].simulation is not None
    assert report.variants[0].simulation.overflow is None


def test_infinite_masks_are_no_overflow(tmp_path: Path) -> None:
    model = parse(
        """(float[2,4] x, bool[2,4] c) => (float[2,4] y) <float[4,4] w>
        { m = MatMul(x, w) l = Constant<value_float = -inf>() z = Constant<value_float = 0.0>()
          p = Where(c, z, l) a = Add(m, p) y = Softmax(a) }"""
    )
    path, half = save(model, tmp_path), tmp_path / "half.onnx"
    qconv.convert(path, half, settings=HalfSettings())
    feeds = [{"x": np.ones((2, 4), np.float32), "c": np.eye(2, 4, dtype=np.bool_)}]
    report = qconv.report(path, [half], data=data(feeds), latency=False)
    assert report.variants[0].simulation is not None
    assert report.variants[0].simulation.overflow is None


def test_masks_that_are_added_are_no_overflow(tmp_path: Path) -> None:
    model = parse(
        """(float[2,4] x, int64[2,4] mask) => (float[2,4] y)
        <float one = {1.0}, float low = {-3.4028234663852886e38}, float[4,4] w>
        { m = MatMul(x, w) f = Cast<to = 1>(mask) n = Sub(one, f) p = Mul(n, low) a = Add(m, p)
          y = Softmax(a) }"""
    )
    set_weight(model, "w", np.eye(4, dtype=np.float32))
    path, half = save(model, tmp_path), tmp_path / "half.onnx"
    qconv.convert(path, half, settings=HalfSettings())
    scores = np.full((2, 4), -100, np.float32)
    feeds = [{"x": scores, "mask": np.array([[1, 1, 0, 0], [0, 0, 0, 0]])}]
    report = qconv.report(path, [half], data=data(feeds), latency=False)
    assert report.variants[0].simulation is not None
    assert report.variants[0].simulation.overflow is None
    assert report.variants[0].outputs[0].sqnr_db > 50


def test_numbers_that_round_down_are_no_overflow(tmp_path: Path) -> None:
    """65519 becomes 65504; 65520 becomes an infinity."""
    model = parse("(float[2] x) => (float[2] y) <float[2] w = {1, 1}> { y = Mul(x, w) }")
    path, half = save(model, tmp_path), tmp_path / "half.onnx"
    qconv.convert(path, half, settings=HalfSettings())
    for number, overflows in ((65519, False), (65520, True)):
        feeds = [{"x": np.array([1, number], np.float32)}]
        report = qconv.report(path, [half], data=data(feeds), latency=False)
        simulation = report.variants[0].simulation
        assert simulation is not None
        assert (simulation.overflow is not None) is overflows
