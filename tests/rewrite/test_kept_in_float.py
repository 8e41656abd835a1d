"""Float layers among integers stay in float, whatever the runtime's optimizer does to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qconv.graph.model_io import model_to_bytes, read_model
from qconv.pipeline import convert
from qconv.recipe.settings import Int8Settings
from qconv.runtime.session import write_optimized
from tests.model_helpers import data, op_types, parse, random_feeds, run, save, set_weight

HEAD = "(float[N, 8, 6, 6] x) => (float[N, {o}] y) <float[8, 8, 1, 1] w, {weights}> {{ {body} }}"
BODIES = {
    "Conv": (
        "float[16, 1, 3, 3] own, float[4, 16, 6, 6] z, float lo = {0}, float hi = {6}",
        "a = Conv(x, w) m = Conv<group = 8, pads = [1, 1, 1, 1]>(a, own) c = Clip(m, lo, hi) "
        "v = Conv(c, z) y = Flatten(v)",
        4,
    ),
    "ConvTranspose": (
        "float[8, 6, 2, 2] own, float[4, 6, 12, 12] z",
        "a = Conv(x, w) m = ConvTranspose<strides = [2, 2]>(a, own) v = Conv(m, z) y = Flatten(v)",
        4,
    ),
    "Gemm": (
        "float[8, 12] own, float[12] b, float[12, 5] z",
        "a = Conv(x, w) p = GlobalAveragePool(a) f = Flatten(p) m = Gemm(f, own, b) "
        "y = MatMul(m, z)",
        5,
    ),
    "Gemm behind what hands on": (
        "float[288, 12] own, float[12] b, float[12, 5] z",
        "a = Conv(x, w) f = Flatten(a) m = Gemm(f, own, b) y = MatMul(m, z)",
        5,
    ),
}


def net(case: str, folder: Path) -> Path:
    """A net whose second layer has weights of many sizes, of which one scale loses the small."""
    weights, body, outputs = BODIES[case]
    model = parse(HEAD.format(o=outputs, weights=weights, body=body))
    (own,) = [numpy_helper.to_array(t) for t in model.graph.initializer if t.name == "own"]
    sizes = np.logspace(-2, 0, own.size, dtype=np.float32)
    set_weight(model, "own", own * np.random.default_rng(0).permutation(sizes).reshape(own.shape))
    return save(model, folder)


@pytest.mark.parametrize("case", BODIES)
def test_the_optimizer_rounds_no_float_layer(tmp_path: Path, case: str) -> None:
    path, written = net(case, tmp_path), tmp_path / "out.onnx"
    (layer,) = [n for n in onnx.load(path).graph.node if "own" in n.input]
    kept = () if case == "ConvTranspose" else (f"^{layer.op_type}:m$",)  # that has no kernel
    feeds = random_feeds(onnx.load(path), {"N": (1,)})
    settings = Int8Settings(effort="fast", float_layers=kept)
    convert(path, written, data=data(feeds), settings=settings)
    assert any("own" in node.input for node in onnx.load(written).graph.node)
    write_optimized(model_to_bytes(read_model(written)), tmp_path / "optimized.onnx")
    running = op_types(onnx.load(tmp_path / "optimized.onnx"))
    assert {layer.op_type, f"Fused{layer.op_type}"} & set(running)
    for feed in feeds:
        plain, optimized = (run(written, feed, optimized=each)["y"] for each in (False, True))
        assert np.abs(plain - optimized).max() < 0.02 * np.abs(plain).max()


def test_its_own_scales_are_those_of_the_value(tmp_path: Path) -> None:
    path, written = net("Conv", tmp_path), tmp_path / "out.onnx"
    settings = Int8Settings(effort="fast", float_layers=("^Conv:m$",))
    feeds = random_feeds(onnx.load(path), {"N": (1,)})
    convert(path, written, data=data(feeds), settings=settings)
    graph = onnx.load(written).graph
    (own,) = [node for node in graph.node if node.output[0] == "a/dequantized/by_channel"]
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    (usual,) = [n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "a"]
    for mine, its in zip(own.input[1:], usual.input[1:], strict=True):
        assert arrays[mine].shape == (8,)
        assert (arrays[mine] == arrays[its]).all()
    (kept,) = [node for node in graph.node if "m" in node.output]
    assert kept.input[0] == own.output[0]
