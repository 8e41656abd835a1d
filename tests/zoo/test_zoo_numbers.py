"""Weights, biases and activations of unusual size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from qconv.recipe.settings import Int8Settings
from tests.model_helpers import (
    Array,
    Converted,
    convert_model,
    parse,
    random_feeds,
    run,
    set_weight,
)
from tests.zoo.zoo_helpers import SAME, SIZES, Case

PAIR = Case(f"a = Conv{SAME}(x, w, b) r = Relu(a) y = Conv{SAME}(r, w2, b2)")


def weight(model: ModelProto, name: str) -> Array:
    (tensor,) = [tensor for tensor in model.graph.initializer if tensor.name == name]
    return numpy_helper.to_array(tensor)


def scaled(case: Case, factors: Mapping[str, float]) -> ModelProto:
    model = parse(case.text)
    for name, factor in factors.items():
        set_weight(model, name, np.float32(factor) * weight(model, name))
    return model


def audited(found: Converted) -> float:
    assert found.audit.integer == found.audit.quantized == len(found.audit.by_op) + 1
    return found.sqnr["y"]


FACTORS: dict[str, dict[str, float]] = {
    "weights of zero": {"w2": 0},
    "all of zero": {"w": 0, "b": 0, "w2": 0, "b2": 0},
    "tiny weights": {"w": 1e-20},
    "tiny everything": {"w": 1e-7, "b": 1e-7, "w2": 1e-7, "b2": 1e-14},
    "huge everything": {"w": 1e10, "b": 1e10, "w2": 1e10, "b2": 1e20},
    "a bias that dwarfs the weights": {"w": 1e-6, "b": 1e6},
    "a bias that dwarfs its output": {"w": 1e-9, "b": 1e-3, "w2": 1e-9, "b2": 1e3},
}


@pytest.mark.parametrize("name", FACTORS)
def test_sizes(tmp_path: Path, name: str) -> None:
    found = convert_model(scaled(PAIR, FACTORS[name]), tmp_path, axes=SIZES)
    assert audited(found) > 30


def test_channels_that_are_tiny(tmp_path: Path) -> None:
    model = parse(PAIR.text)
    sizes = np.array([1e-30, 1e-12, 0, 1e-3, 1, 1, 1, 1], np.float32)[:, None, None, None]
    set_weight(model, "w", sizes * weight(model, "w"))
    set_weight(model, "w2", sizes * weight(model, "w2"))
    assert audited(convert_model(model, tmp_path, axes=SIZES)) > 25


def test_a_dead_channel_and_a_dead_map(tmp_path: Path) -> None:
    model = parse(PAIR.text)
    set_weight(model, "b", np.array([-100, 0, 0, 0, 0, 0, 0, 0], np.float32))
    assert audited(convert_model(model, tmp_path, axes=SIZES)) > 30
    set_weight(model, "b", np.full(8, -100, np.float32))
    assert audited(convert_model(model, tmp_path, axes=SIZES)) > 40


def test_feeds_of_zeros(tmp_path: Path) -> None:
    feeds = [{"x": np.zeros((1, 4, 9, 11), np.float32)}] * 2
    assert audited(convert_model(parse(PAIR.text), tmp_path, feeds=feeds)) > 40


@pytest.mark.parametrize("method", ["auto", "minmax", "percentile", "entropy", "mse"])
def test_methods(tmp_path: Path, method: str) -> None:
    settings = Int8Settings(method=method)
    found = convert_model(parse(PAIR.text), tmp_path, axes=SIZES, settings=settings)
    assert audited(found) > (15 if method == "entropy" else 28)


def test_batches_change_nothing_that_can_be_seen(tmp_path: Path) -> None:
    model = parse(PAIR.text)
    outputs = []
    for batch_size in (1, 4):
        folder = tmp_path / str(batch_size)
        folder.mkdir()
        found = convert_model(model, folder, axes=SIZES, batch_size=batch_size)
        outputs.append(run(found.path, random_feeds(model, SIZES)[0])["y"])
    np.testing.assert_allclose(outputs[0], outputs[1], atol=0.02)


LAYERS = {
    "convolution": Case(f"y = Conv{SAME}(x, k)", "float[8, 64, 3, 3] k", "float[N, 64, H, W] x"),
    "odd number of channels": Case(
        f"y = Conv{SAME}(x, k)", "float[8, 5, 3, 3] k", "float[N, 5, H, W] x"
    ),
    "one tap": Case("y = Conv(x, k)", "float[8, 64, 1, 1] k", "float[N, 64, H, W] x"),
    "grouped": Case(
        "y = Conv<group = 2, pads = [1, 1, 1, 1]>(x, k)",
        "float[8, 32, 3, 3] k",
        "float[N, 64, H, W] x",
    ),
    "depthwise": Case(
        "y = Conv<group = 64, pads = [1, 1, 1, 1]>(x, k)",
        "float[64, 1, 3, 3] k",
        "float[N, 64, H, W] x",
        "float[M, 64, K, L] y",
    ),
    "one axis": Case(
        "y = Conv(x, k)", "float[8, 64, 3] k", "float[N, 64, H] x", "float[M, 8, K] y"
    ),
    "rows": Case("y = Gemm<transB = 1>(x, k)", "float[8, 64] k", "float[H, 64] x", "float[H, 8] y"),
    "tokens": Case("y = MatMul(x, k)", "float[64, 8] k", "float[N, H, 64] x", "float[N, H, 8] y"),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_largest_products_do_not_saturate(tmp_path: Path, layer: str) -> None:
    """On x64 CPUs without VNNI two adjacent products are added in 16 bits."""
    model = parse(LAYERS[layer].text)
    set_weight(model, "k", np.ones_like(weight(model, "k")))
    (feed,) = random_feeds(model, SIZES, count=1)
    feeds = [{"x": np.ones_like(feed["x"])}]
    found = convert_model(model, tmp_path, feeds=feeds)
    assert found.sqnr["y"] > 40
