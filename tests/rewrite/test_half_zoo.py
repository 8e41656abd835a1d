"""Small graphs with a trap each, in float16, in bfloat16, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from benchmarks.half_graphs import GRAPHS, HalfGraph
from qconv import convert
from qconv.errors import NothingQuantized
from qconv.recipe.settings import Float32Settings, HalfSettings
from tests.model_helpers import Feeds, parse, ports, run, save

HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)

kept = pytest.mark.parametrize("graph", GRAPHS, ids=[graph.name for graph in GRAPHS])
converted = pytest.mark.parametrize(
    "graph",
    [graph for graph in GRAPHS if graph.casts[1] is not None],
    ids=[graph.name for graph in GRAPHS if graph.casts[1] is not None],
)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _casts(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in _nodes(model.graph) if node.op_type == "Cast"]


def _target(cast: onnx.NodeProto) -> int:
    return int(next(attribute.i for attribute in cast.attribute if attribute.name == "to"))


def _check_casts(model: onnx.ModelProto, half: int) -> None:
    """No Cast to one of the two types reads what a Cast to the other wrote."""
    written = {cast.output[0]: _target(cast) for cast in _casts(model)}
    pair = {half, TensorProto.FLOAT}
    for cast in _casts(model):
        before = written.get(cast.input[0])
        assert before is None or {before, _target(cast)} != pair, cast.output[0]


def _half_ports(model: onnx.ModelProto, half: int) -> list[tuple[str, int]]:
    """The ports of the float model with float32 replaced."""
    return [(name, half if t == TensorProto.FLOAT else t) for name, t in ports(model)]


def _narrowed(feeds: Feeds) -> Feeds:
    return {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in feeds.items()}


def _check_close(graph: HalfGraph, path: Path, *, half_feeds: bool) -> None:
    for feeds in graph.samples():
        expected = run(graph.model(), feeds)
        found = run(path, _narrowed(feeds) if half_feeds else feeds)
        assert list(found) == list(expected)
        for name, array in expected.items():
            assert found[name].shape == array.shape, name
            if array.dtype.kind != "f":
                np.testing.assert_array_equal(found[name], array, name)
                continue
            largest = float(np.abs(array).max(initial=1e-9))
            error = np.abs(found[name].astype(np.float64) - array).max(initial=0)
            assert error <= graph.tolerance * largest, name


@kept
def test_float16_with_float32_ports(graph: HalfGraph, tmp_path: Path) -> None:
    output = tmp_path / "half.onnx"
    settings = HalfSettings("fp16", graph.keep)
    conversion = convert(save(graph.model(), tmp_path), output, settings=settings)
    onnx.checker.check_model(str(output), full_check=True)
    model = onnx.load(output)
    assert ports(model) == ports(graph.model())
    assert len(_casts(model)) == graph.casts[0], [node.output[0] for node in _casts(model)]
    _check_casts(model, TensorProto.FLOAT16)
    _check_close(graph, output, half_feeds=False)
    assert all(node.reason for node in conversion.plan.kept_float)


@converted
def test_float16_ports_and_back(graph: HalfGraph, tmp_path: Path) -> None:
    output, back = tmp_path / "half.onnx", tmp_path / "back.onnx"
    settings = HalfSettings("fp16", graph.keep, "fp16")
    convert(save(graph.model(), tmp_path), output, settings=settings)
    onnx.checker.check_model(str(output), full_check=True)
    model = onnx.load(output)
    assert ports(model) == _half_ports(graph.model(), TensorProto.FLOAT16)
    assert len(_casts(model)) == graph.casts[1], [node.output[0] for node in _casts(model)]
    _check_casts(model, TensorProto.FLOAT16)
    _check_close(graph, output, half_feeds=True)

    convert(output, back, settings=Float32Settings())
    onnx.checker.check_model(str(back), full_check=True)
    assert ports(onnx.load(back)) == ports(graph.model())
    assert not any(_target(cast) in HALVES for cast in _casts(onnx.load(back)))
    _check_close(graph, back, half_feeds=False)


@kept
def test_bfloat16(graph: HalfGraph, tmp_path: Path) -> None:
    source, output = save(graph.model(), tmp_path), tmp_path / "half.onnx"
    settings = HalfSettings("bf16", graph.keep)
    if graph.casts[2] is None:
        with pytest.raises(NothingQuantized, match="no operator can compute in bf16"):
            convert(source, output, settings=settings)
        return
    convert(source, output, settings=settings)
    onnx.checker.check_model(str(output), full_check=True)
    model = onnx.load(output)
    assert ports(model) == ports(graph.model())
    assert len(_casts(model)) == graph.casts[2], [node.output[0] for node in _casts(model)]
    _check_casts(model, TensorProto.BFLOAT16)


@pytest.mark.parametrize("opset", [7, 13, 21, 26])
def test_float64_becomes_float32(opset: int, tmp_path: Path) -> None:
    model = parse(
        """(double[2,4] x) => (double[2,4] y) <double[4,4] w, double low = {-1.7e308}>
        { m = MatMul(x, w) c = Constant<value = double {0.0}>() z = Mul(low, c) a = Add(m, z)
          f = Cast<to = 1>(a) g = Cast<to = 11>(f) y = Tanh(g) }""",
        opset=opset,
        ir=3 if opset == 7 else 8,
    )
    source, output = save(model, tmp_path), tmp_path / "single.onnx"
    convert(source, output, settings=Float32Settings())
    onnx.checker.check_model(str(output), full_check=True)
    single = onnx.load(output)
    assert ports(single) == [("x", TensorProto.FLOAT), ("y", TensorProto.FLOAT)]
    assert _casts(single) == []
    feeds = {"x": np.random.default_rng(0).standard_normal((2, 4))}
    found = run(output, {"x": feeds["x"].astype(np.float32)})["y"]
    np.testing.assert_allclose(found, run(source, feeds)["y"], atol=1e-6)


def test_double_sentinels_stay_finite_in_float32(tmp_path: Path) -> None:
    model = parse(
        """(double[2] mask) => (double[2] y) <double low = {-1.7e308}>
        { y = Mul(mask, low) }"""
    )
    output = tmp_path / "single.onnx"
    convert(save(model, tmp_path), output, settings=Float32Settings())
    found = run(output, {"mask": np.array([0, 1], np.float32)})["y"]
    np.testing.assert_array_equal(found, [0, np.finfo(np.float32).min])


def test_a_float32_model_has_nothing_to_convert_to_float32(tmp_path: Path) -> None:
    path = save(parse("(float[2] x) => (float[2] y) { y = Relu(x) }"), tmp_path)
    with pytest.raises(NothingQuantized, match="it holds no float64, float16 or bfloat16"):
        convert(path, tmp_path / "y.onnx", settings=Float32Settings())


def test_a_float64_model_is_told_the_way(tmp_path: Path) -> None:
    path = save(parse("(double[2] x) => (double[2] y) { y = Relu(x) }"), tmp_path)
    with pytest.raises(NothingQuantized, match="no operator can compute in fp16") as caught:
        convert(path, tmp_path / "y.onnx", settings=HalfSettings())
    assert "`dtype=fp32`" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("dtype", "operator", "lowest"),
    [
        ("fp16", "Mul", -32752.0),
        ("fp16", "Max", -65504.0),
        ("bf16", "Mul", -3.3895313892515355e38),
        ("bf16", "Max", -3.3895313892515355e38),
    ],
)
def test_masks_stay_finite_in_the_half_types(
    tmp_path: Path, dtype: Literal["fp16", "bf16"], operator: str, lowest: float
) -> None:
    """An infinity would turn 0 * mask into NaN; a mask in float16 leaves room for a sum."""
    model = parse(
        f"""(float[2] m) => (float[2] y) <float low = {{-3.4028234663852886e38}}>
        {{ p = {operator}(m, low) y = Softmax(p) }}"""
    )
    output = tmp_path / "half.onnx"
    convert(save(model, tmp_path), output, settings=HalfSettings(dtype))
    (low,) = [t for t in onnx.load(output).graph.initializer if not t.dims]
    assert onnx.numpy_helper.to_array(low).astype(np.float64) == lowest


def test_bfloat16_storage_computes_in_float32(tmp_path: Path) -> None:
    text = """(bool c, float[2,8] x) => (float[2,4] y) <float[8,4] w, float s = {0.3}>
        { a = If(c) <then_branch = t () => (float[2,4] p) { p = MatMul(x, w) },
                     else_branch = e () => (float[2,4] r) <float[8,4] v> { r = MatMul(x, v) }>
          y = Mul(a, s) }"""
    model = HalfGraph("", text, (2, None, None)).model()
    source, output = save(model, tmp_path), tmp_path / "stored.onnx"
    conversion = convert(source, output, settings=HalfSettings("bf16", storage_only=True))
    assert conversion.plan.quantized == ()
    assert conversion.note.startswith("2 weights stored")
    stored = onnx.load(output)
    onnx.checker.check_model(str(output), full_check=True)
    assert len(_casts(stored)) == 2
    for branch in (True, False):
        feeds = {"c": np.array(branch), "x": np.eye(2, 8, dtype=np.float32)}
        expected, found = run(source, feeds)["y"], run(output, feeds)["y"]
        np.testing.assert_allclose(found, expected, rtol=2**-8)
        assert (found != expected).any()
