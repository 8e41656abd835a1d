"""Layers rounded in sequence: what that gains in whole models, and where it cannot be done."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest

from qconv.errors import UnsupportedError, UsageError
from qconv.pipeline import calibrate, convert
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import data, parse, random_feeds, said, save, sqnr

BEST = Int8Settings(effort="best")
WEIGHTS = "float[16, 3, 3, 3] w1, float[16] b1, float[16, 1, 3, 3] w2, float[16] b2, "
WEIGHTS += "float[8, 16, 1, 1] w3, float[8, 8, 3, 3] w4, float[8, 5] w5, float[5] b5"
BODY = """
    a = Conv<pads = [1, 1, 1, 1]>(x, w1, b1) r = Relu(a)
    c = Conv<pads = [1, 1, 1, 1], group = 16>(r, w2, b2) d = Relu(c)
    e = Conv(d, w3) f = Conv<pads = [1, 1, 1, 1]>(e, w4) s = Add(e, f)
    g = GlobalAveragePool(s) h = Flatten(g) y = Gemm(h, w5, b5)
"""
SIZES = {"x": (1, 3, 12, 12)}


def _net(folder: Path) -> Path:
    text = f"(float[N, 3, 12, 12] x) => (float[N, 5] y) <{WEIGHTS}> {{ {BODY} }}"
    return save(parse(text), folder)


@pytest.mark.parametrize("bits", [4, 8])
def test_it_is_closer_to_the_float_model(tmp_path: Path, bits: Literal[4, 8]) -> None:
    path = _net(tmp_path)
    feeds = random_feeds(onnx.load(path), SIZES, count=48)
    seen, unseen = data(feeds[:32], "seen"), feeds[32:]
    found = {}
    for effort in ("fast", "best"):
        settings = Int8Settings(effort=effort, weights="int4" if bits == 4 else "int8")
        output = tmp_path / f"{effort}.onnx"
        convert(path, output, data=seen, settings=settings)
        found[effort] = sqnr(path, output, unseen)["y"]
    assert found["best"] > found["fast"] + 0.3


def test_it_says_so_and_gives_the_same_bytes_again(tmp_path: Path) -> None:
    path = _net(tmp_path)
    feeds = random_feeds(onnx.load(path), SIZES)
    outputs = [tmp_path / name for name in ("a.onnx", "b.onnx")]
    for output in outputs:
        made = convert(path, output, data=data(feeds), settings=BEST)
        assert said(made) == (
            "5 layers rounded in sequence, on the outputs of the layers before them",
        )
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_without_gptq_only_biases_learn(tmp_path: Path) -> None:
    path = _net(tmp_path)
    feeds = random_feeds(onnx.load(path), SIZES)
    files = {}
    for effort in ("fast", "best"):
        settings = Int8Settings(effort=effort, algorithm="rtn")
        convert(path, tmp_path / f"{effort}.onnx", data=data(feeds), settings=settings)
        files[effort] = {
            each.name: onnx.numpy_helper.to_array(each)
            for each in onnx.load(tmp_path / f"{effort}.onnx").graph.initializer
        }
    assert files["fast"].keys() == files["best"].keys()
    changed = {n for n, array in files["fast"].items() if (array != files["best"][n]).any()}
    assert changed
    assert all("bias" in name for name in changed)


def test_layers_that_share_a_weight_keep_sharing_it(tmp_path: Path) -> None:
    body = "a = MatMul(x, w) r = Relu(a) b = MatMul(r, w) y = Softmax(b)"
    path = save(parse(f"(float[N, 8] x) => (float[N, 8] y) <float[8, 8] w> {{ {body} }}"), tmp_path)
    feeds = random_feeds(onnx.load(path), {"x": (4, 8)})
    convert(path, tmp_path / "out.onnx", data=data(feeds), settings=BEST)
    written = onnx.load(tmp_path / "out.onnx").graph
    assert len([each for each in written.initializer if each.dims == [8, 8]]) == 1
    assert sqnr(path, tmp_path / "out.onnx", feeds)["y"] > 30


def test_layers_in_branches_are_rounded_by_what_the_float_model_shows(tmp_path: Path) -> None:
    body = """
        a = MatMul(x, w)
        y = If(flag) <then_branch = t () => (float[N, 8] p) { p = MatMul(a, v) },
                      else_branch = e () => (float[N, 8] q) { q = MatMul(a, u) }>
    """
    text = "(float[N, 8] x, bool flag) => (float[N, 8] y) <float[8, 8] w, float[8, 8] v, "
    path = save(parse(f"{text} float[8, 8] u> {{ {body} }}"), tmp_path)
    random = np.random.default_rng(0)
    feeds = [
        {"x": random.normal(size=(4, 8)).astype(np.float32), "flag": np.array(i % 2 == 0)}
        for i in range(8)
    ]
    made = convert(path, tmp_path / "out.onnx", data=data(feeds), settings=BEST)
    assert said(made) == (
        "1 layer rounded in sequence, on the outputs of the layers before them",
        "weights rounded by GPTQ in 2 layers",
    )
    assert sqnr(path, tmp_path / "out.onnx", feeds)["y"] > 30


def test_it_needs_samples(tmp_path: Path) -> None:
    path = _net(tmp_path)
    record = calibrate(path, data=data(random_feeds(onnx.load(path), SIZES)), statistics="full")
    with pytest.raises(UsageError, match="`effort=best` and `method=layers` run the model again"):
        convert(path, tmp_path / "out.onnx", calibration=record, settings=BEST)
    assert not (tmp_path / "out.onnx").exists()


def test_a_quantized_model_that_the_runtime_refuses(tmp_path: Path) -> None:
    body = "a = Conv(x, w1) p = AveragePool<kernel_shape = [2, 2], dilations = [2, 2]>(a) "
    text = f"(float[N, 3, 12, 12] x) => (float[N, 3, K, L] y) <float[3, 3, 3, 3] w1> {{ {body}"
    path = save(parse(f"{text} y = Conv(p, w1) }}", opset=19, ir=9), tmp_path)
    feeds = random_feeds(onnx.load(path), SIZES)
    with pytest.raises(UnsupportedError, match="the quantized model does not work, so its layers"):
        convert(path, tmp_path / "out.onnx", data=data(feeds), settings=BEST)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_weight_that_a_branch_reads_too_is_rounded_as_without_samples(tmp_path: Path) -> None:
    body = """
        a = Conv<pads = [1, 1, 1, 1]>(x, w)
        y = If(f) <
            then_branch = t () => (float[N, 4, 6, 6] p) { p = Conv<pads = [1, 1, 1, 1]>(a, w) },
            else_branch = e () => (float[N, 4, 6, 6] q) { q = Relu(a) }
        >
    """
    head = "(float[N, 4, 6, 6] x, bool f) => (float[N, 4, 6, 6] y) <float[4, 4, 3, 3] w>"
    path = save(parse(f"{head} {{ {body} }}"), tmp_path)
    random = np.random.default_rng(0)
    feeds = [
        {"x": random.standard_normal((1, 4, 6, 6), np.float32), "f": np.array(i % 2 == 0)}
        for i in range(12)
    ]
    quality = {}
    for effort in ("balanced", "best"):
        output = tmp_path / f"{effort}.onnx"
        settings = Int8Settings(effort=effort)
        made = convert(path, output, data=data(feeds), settings=settings)
        assert said(made) == ("weights rounded by GPTQ in 2 layers",)
        quality[effort] = sqnr(path, output, feeds)["y"]
    assert quality["best"] == quality["balanced"]
