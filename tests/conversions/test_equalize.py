"""Equalization in whole models: what it leaves the same, and what it gains."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import qconv
from benchmarks.hard_net import convert_and_measure, make_hard
from qconv.conversions.steps import equalize as step
from qconv.conversions.steps.equalize import Equalized, equalize
from qconv.graph.model_io import load_model, model_to_bytes
from qconv.graph.prepare import prepare
from qconv.pipeline import calibrate
from qconv.placement.place import place
from qconv.placement.plan import ScaleGroup
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.recipe.settings import Equalize, Int8Settings
from qconv.rewrite.channels import divide_group
from tests.model_helpers import Feeds, convert_model, data, parse, random_feeds, said, save, sqnr

DIGITS = Path(__file__).parent.parent.parent / "sample_models" / "digits_cnn"
ONE = (
    ("{o} = Conv<pads = [1, 1, 1, 1]>({a}, {o}w, {o}b)", "float[8, 8, 3, 3] {o}w, float[8] {o}b"),
    ("{o} = Conv<pads = [1, 1, 1, 1], group = 2>({a}, {o}w)", "float[8, 4, 3, 3] {o}w"),
    (
        "{o} = Conv<pads = [1, 1, 1, 1], group = 8>({a}, {o}w, {o}b)",
        "float[8, 1, 3, 3] {o}w, float[8] {o}b",
    ),
    ("{o} = Relu({a})", ""),
    ("{o} = Clip({a}, zero)", ""),
    ("{o} = Clip({a}, zero, six)", ""),
    ("{o} = LeakyRelu({a})", ""),
    ("{o} = PRelu({a}, {o}s)", "float[8, 1, 1] {o}s"),
    ("{o} = Sigmoid({a})", ""),
    ("{o} = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>({a})", ""),
    ("{o} = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>({a})", ""),
    ("{o} = Add({a}, {o}k)", "float[8, 1, 1] {o}k"),
    ("{o} = Mul({a}, {o}k)", "float[8, 1, 1] {o}k"),
)
ADD = ("{o} = Add({a}, {b})", "")
HEAD = (
    "g = GlobalAveragePool({a}) f = Flatten(g) h = Gemm<transB = 1>(f, t, c) r = Relu(h) "
    "y = Gemm(r, m)"
)
HEAD_WEIGHTS = "float zero = {0}, float six = {6}, float[5, 8] t, float[5] c, float[5, 3] m"


@st.composite
def nets(draw: st.DrawFn) -> str:
    body, weights, values = [], [HEAD_WEIGHTS], ["x"]
    for index in range(draw(st.integers(2, 9))):
        nearby = st.sampled_from(values[-3:])
        node, constants = draw(st.sampled_from((*ONE, *ONE[:4], ADD, ADD, ADD)))
        names = {"o": f"v{index}", "a": draw(nearby), "b": draw(nearby)}
        body.append(node.format(**names))
        weights += filter(None, [constants.format(**names)])
        values.append(f"v{index}")
    body.append(HEAD.format(a=values[-1]))
    return f"(float[N, 8, 6, 6] x) => (float[N, 3] y) <{', '.join(weights)}> {{ {' '.join(body)} }}"


def _equalized(
    path: Path, feeds: Sequence[Feeds], choice: Equalize = "on"
) -> tuple[ir.Model, Equalized]:
    record = calibrate(path, data=data(feeds), statistics="full")
    prepared = prepare(load_model(path).ir)
    plan = place(prepared, ORT_CPU)
    found = equalize(
        *(prepared, plan, record.statistics, record.grams),
        feed_shapes=record.feed_shapes,
        wanted=choice,
    )
    return prepared, found


def _proto(model: ir.Model) -> onnx.ModelProto:
    return onnx.load_from_string(model_to_bytes(model).content)


NEGATIVE = f"""(float[N, 8, 6, 6] x) => (float[N, 3] y) <{HEAD_WEIGHTS}, float[8, 8, 3, 3] v0w,
float[8] v0b, float[8, 4, 3, 3] v1w, float[8, 1, 3, 3] v2w, float[8] v2b, float[8, 1, 1] v4k,
float[8, 8, 3, 3] v6w, float[8] v6b> {{
v0 = Conv<pads = [1, 1, 1, 1]>(x, v0w, v0b) v1 = Conv<pads = [1, 1, 1, 1], group = 2>(x, v1w)
v2 = Conv<pads = [1, 1, 1, 1], group = 8>(x, v2w, v2b) v3 = Relu(v0) v4 = Add(v1, v4k)
v5 = Relu(v2) v6 = Conv<pads = [1, 1, 1, 1]>(v4, v6w, v6b) {HEAD.format(a="v6")} }}"""
"""With the weights of seed 44 a value of it is below zero throughout."""


@settings(max_examples=30)
@example(NEGATIVE, 44)
@given(nets(), st.integers(0, 100))
def test_the_float_model_stays_the_same_and_statistics_follow(text: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = save(parse(text, seed=seed), folder)
        feeds = random_feeds(onnx.load(path), count=3)
        hard = folder / "hard.onnx"
        make_hard(path, hard, 3, seed)
        assert min(sqnr(path, hard, feeds).values()) > 80
        model, found = _equalized(hard, feeds)
        assert found.values
        assert min(sqnr(path, _proto(model), feeds).values()) > 80
        equal = save(_proto(model), folder, "equal.onnx")
        measured = calibrate(equal, data=data(feeds), statistics="full")
        common = set(found.values) & measured.statistics.keys()
        assert common
        for value in common:
            ours, theirs = found.statistics[value], measured.statistics[value]
            reach = max(theirs.range.high, -theirs.range.low)
            _about(ours.means.means(), theirs.means.means(), reach)
            assert ours.channels.low.shape == theirs.channels.low.shape
            if ours.channels.low.size:
                high = max(theirs.range.high, 0.0)  # ranges of channels hold zero
                _about(np.array(ours.range.high), np.array(high), reach)
                _about(ours.channels.low, theirs.channels.low, reach)
                squares = ours.channels.mean_squares(), theirs.channels.mean_squares()
                _about(*squares, reach**2)
        assert found.grams.keys() == measured.grams.keys()
        for key, gram in measured.grams.items():
            expected = gram.second_moment()
            _about(found.grams[key].second_moment(), expected, float(np.abs(expected).max()))


def _about(ours: np.ndarray, theirs: np.ndarray, size: float) -> None:
    atol = 1e-5 * size + 1e-9
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=atol, equal_nan=False)


BODY = """(float[N, 4, 6, 6] x) => (float[N, 5] y)
<float[8, 4, 3, 3] w, float[8] b, float[8, 8, 3, 3] v, float[8, 1, 3, 3] d, float[8, 5] m> {
  a = Conv<pads = [1, 1, 1, 1]>(x, w, b)
  r = Relu(a)
  e = Conv<pads = [1, 1, 1, 1]>(r, v)
  s = Add(e, r)
  q = Relu(s)
  u = Conv<group = 8>(q, d)
  p = GlobalAveragePool(u)
  f = Flatten(p)
  y = Gemm(f, m)
}"""


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 18, 21, 24, 26])
def test_a_hard_net_is_as_good_as_it_was(tmp_path: Path, opset: int) -> None:
    path = save(parse(BODY.replace("Gemm(f, m)", "MatMul(f, m)"), opset=opset, ir=10), tmp_path)
    hard = tmp_path / "hard.onnx"
    make_hard(path, hard, 3)
    feeds = random_feeds(onnx.load(path))
    choices: tuple[Equalize, ...] = ("off", "auto")
    nearest = Int8Settings(algorithm="rtn")
    found = [convert_model(path, tmp_path, feeds=feeds, settings=nearest)]
    found += [
        convert_model(hard, tmp_path, feeds=feeds, settings=replace(nearest, equalize=choice))
        for choice in choices
    ]
    plain, off, auto = (each.sqnr["y"] for each in found)
    assert off < plain - 10
    assert auto > plain - 2
    assert auto > 30


def _integers(path: Path) -> dict[str, np.ndarray]:
    tensors = onnx.load(path).graph.initializer
    arrays = {tensor.name: numpy_helper.to_array(tensor).astype(int) for tensor in tensors}
    return {name: array for name, array in arrays.items() if name.endswith("/quantized")}


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_a_hard_net_and_its_original_become_the_same_integers(
    tmp_path: Path, granularity: str
) -> None:
    path = save(parse(BODY), tmp_path)
    hard = tmp_path / "hard.onnx"
    make_hard(path, hard, 3)
    feeds = random_feeds(onnx.load(path))
    chosen = Int8Settings(effort="fast", equalize="on", granularity=granularity)  # type: ignore[arg-type]
    models = [convert_model(each, tmp_path, feeds=feeds, settings=chosen) for each in (path, hard)]
    first, second = (_integers(model.path) for model in models)
    assert first.keys() == second.keys() == {f"{name}/quantized" for name in "wvdm"}
    for name, integers in first.items():
        assert np.abs(integers - second[name]).max() <= 1, name
    assert abs(models[0].sqnr["y"] - models[1].sqnr["y"]) < 1


def test_an_even_net_stays_as_it_is(tmp_path: Path) -> None:
    model = parse(BODY)
    files = {}
    choices: tuple[Equalize, ...] = ("off", "auto", "on")
    for choice in choices:
        folder = tmp_path / choice
        folder.mkdir()
        files[choice] = convert_model(model, folder, settings=Int8Settings(equalize=choice))
    stripped = [onnx.load(files[choice].path).graph.SerializeToString() for choice in choices]
    assert stripped[0] == stripped[1] != stripped[2]
    remarks = [said(files[choice].conversion) for choice in choices]
    assert "channels of 6 values equalized across layers" in remarks[2]
    assert not [text for text in remarks[1] if "equalized" in text]


def test_equalized_values_bear_other_names(tmp_path: Path) -> None:
    converted = convert_model(parse(BODY), tmp_path, settings=Int8Settings(equalize="on"))
    names = {name for node in converted.proto().graph.node for name in node.output}
    assert {"r/equalized", "q/equalized"} <= names
    assert not names & {"a", "r", "q"}


def test_equalized_values_are_not_compared_with_those_of_the_float_model(tmp_path: Path) -> None:
    path = save(parse(BODY), tmp_path)
    feeds = random_feeds(onnx.load(path))
    made = convert_model(path, tmp_path, feeds=feeds, settings=Int8Settings(equalize="on"))
    found = qconv.compare(path, made.path, data=data(feeds))
    assert {value.name for value in found.values} == {"y"}
    assert found.outputs[0].sqnr_db > 28


def test_a_step_that_changes_the_outputs_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(parse(BODY), tmp_path)
    feeds = random_feeds(onnx.load(path))
    before = _proto(prepare(load_model(path).ir)).SerializeToString()
    monkeypatch.setattr(step, "divide_group", _spoil)
    model, found = _equalized(path, feeds)
    assert found.remarks == (
        "channels not equalized: a run on random numbers did not show that the float model's "
        "outputs stay the same",
    )
    assert not found.values
    assert _proto(model).SerializeToString() == before


def _spoil(group: ScaleGroup, nodes: dict[str, ir.Node], factors: np.ndarray) -> None:
    divide_group(group, nodes, factors)
    weight = nodes[group.writers[0]].inputs[1]
    assert weight is not None
    assert weight.const_value is not None
    weight.const_value = ir.tensor(weight.const_value.numpy() * 2, name=weight.name)


def test_a_record_of_ranges_is_enough(tmp_path: Path) -> None:
    path = save(parse(BODY), tmp_path)
    hard = tmp_path / "hard.onnx"
    make_hard(path, hard, 3)
    feeds = random_feeds(onnx.load(path))
    record = calibrate(hard, data=data(feeds), statistics="ranges")
    made = qconv.convert(hard, tmp_path / "hard.int8.onnx", calibration=record)
    assert "channels of 6 values equalized across layers" in said(made)
    assert sqnr(path, made.path, feeds)["y"] > 28


def test_digits_lose_nothing_by_scales_over_three_decades(tmp_path: Path) -> None:
    model, hard = DIGITS / "model.onnx", tmp_path / "hard.onnx"
    make_hard(model, hard, 3)
    chosen = {
        "channel": Int8Settings(effort="fast"),
        "tensor": Int8Settings(effort="fast", granularity="tensor"),
        "off": Int8Settings(effort="fast", equalize="off"),
    }
    files = [str(DIGITS / "calibration.npz")], [str(DIGITS / "test.npz")]
    found = convert_and_measure(hard, model, *files, chosen)
    assert found["channel"]["sqnr_db"] > 40
    assert found["tensor"]["sqnr_db"] > 36
    assert all(abs(found[name]["top1_drop"]) <= 0.5 for name in ("channel", "tensor"))
    assert found["off"]["top1_drop"] > 50
