"""Weights in the bodies of If, Loop and Scan: static INT8 where values can be observed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.cli.main import run as main
from qconv.errors import NothingQuantized, RecordError
from qconv.pipeline import calibrate, convert, report
from qconv.recipe.settings import Int8Settings
from tests.model_helpers import (
    Converted,
    Feeds,
    convert_model,
    data,
    parse,
    random_feeds,
    said,
    save,
    set_weight,
    sqnr,
)

ROWS = "float[N, 16] x"
IMAGES = "float[N, 8, H, W] x"
SIZES = {"N": (2,), "H": (6,), "W": (7,), "S": (3,)}
TAKEN, OTHER = "(float[N, 16] t)", "(float[N, 16] e)"
RUN_TIME = "inputs quantized at run time"


def numbers(name: str, *shape: int, seed: int = 0) -> str:
    """A Constant node with random weights."""
    fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else shape[0]
    array = np.random.default_rng(seed).standard_normal(shape) / np.sqrt(fan_in)
    listed = ", ".join(f"{number:.6f}" for number in array.reshape(-1))
    return f"{name} = Constant<value = float{list(shape)} {{{listed}}}>()"


W, V = numbers("w", 16, 16, seed=1), numbers("v", 16, 16, seed=2)
K = numbers("k", 8, 8, 3, 3, seed=3)
IF_ROWS = (
    f"({ROWS}, bool c) => (float[N, 16] y) {{ y = If(c) "
    f"<then_branch = a () => {TAKEN} {{ {W} p = MatMul(x, w) r = Relu(p) {V} t = MatMul(r, v) }}, "
    f"else_branch = b () => {OTHER} "
    f"{{ {V.replace('v =', 'u =')} m = MatMul(x, u) e = Tanh(m) }}> }}"
)
IF_IMAGES = (
    f"({IMAGES}, bool c) => (float[N, 8, H, W] y) <float[8, 8, 3, 3] w, float[8] b>"
    "{ a = Conv<pads = [1, 1, 1, 1]>(x, w, b) r = Relu(a) y = If(c) "
    f"<then_branch = a () => (float[N, 8, H, W] t) {{ {K} q = Conv<pads = [1, 1, 1, 1]>(r, k, b) "
    "s = Relu(q) d = Add(s, s) t = Conv<pads = [1, 1, 1, 1]>(d, w) }, "
    "else_branch = b () => (float[N, 8, H, W] e) { e = Neg(r) }> }"
)
NESTED = (
    f"({ROWS}, bool c, bool d) => (float[N, 16] y) {{ y = If(c) "
    f"<then_branch = a () => {TAKEN} {{ {W} p = MatMul(x, w) t = If(d) "
    f"<then_branch = g () => (float[N, 16] f) {{ {V} f = MatMul(p, v) }}, "
    "else_branch = h () => (float[N, 16] n) { n = Neg(p) }> }, "
    f"else_branch = b () => {OTHER} {{ e = Exp(x) }}> }}"
)


def both_ways(model: onnx.ModelProto, count: int = 8) -> list[Feeds]:
    """Feeds that take each branch."""
    feeds = random_feeds(model, SIZES, count=count)
    switches = [info.name for info in model.graph.input if info.type.tensor_type.elem_type == 9]
    return [
        {**feed, **{name: np.array(bool(index >> k & 1)) for k, name in enumerate(switches)}}
        for index, feed in enumerate(feeds)
    ]


def converted(
    text: str, folder: Path, opset: int = 17, feeds: Sequence[Feeds] | None = None
) -> Converted:
    model = parse(text, opset=opset)
    result = convert_model(model, folder, feeds=both_ways(model) if feeds is None else feeds)
    assert result.audit.integer == result.audit.quantized > 0
    return result


def close(text: str, folder: Path, result: Converted, opset: int = 17, least: float = 30.0) -> None:
    model = parse(text, opset=opset)
    for name, decibels in sqnr(
        save(model, folder, "f.onnx"), result.path, both_ways(model)
    ).items():
        assert decibels > least, (name, decibels)


@pytest.mark.parametrize("opset", [11, 13, 17, 21, 26])
def test_branches_of_products(tmp_path: Path, opset: int) -> None:
    result = converted(IF_ROWS, tmp_path, opset)
    close(IF_ROWS, tmp_path, result, opset)
    assert result.quantized.count("MatMul") + result.quantized.count("Gemm") == 3
    assert not [remark for remark in said(result.conversion) if RUN_TIME in remark]


@pytest.mark.parametrize("opset", [9, 13, 19, 24])
def test_branches_of_convolutions_that_read_outer_values(tmp_path: Path, opset: int) -> None:
    result = converted(IF_IMAGES, tmp_path, opset)
    close(IF_IMAGES, tmp_path, result, opset, least=25.0)
    assert result.quantized.count("Conv") == 3
    assert result.audit.by_op["Conv"] == (3, 3)


def test_nested_branches(tmp_path: Path) -> None:
    result = converted(NESTED, tmp_path)
    close(NESTED, tmp_path, result)
    assert not [remark for remark in said(result.conversion) if "never taken" in remark]


def test_a_branch_that_the_data_never_take(tmp_path: Path) -> None:
    model = parse(IF_ROWS)
    feeds = [{**feed, "c": np.array(True)} for feed in random_feeds(model, SIZES)]
    result = converted(IF_ROWS, tmp_path, feeds=feeds)
    close(IF_ROWS, tmp_path, result, least=28.0)
    plan = result.conversion.plan
    assert len(plan.quantized) >= 3
    feeds = [{**feed, "c": np.array(False)} for feed in feeds]
    result = converted(IF_ROWS, tmp_path, feeds=feeds)
    close(IF_ROWS, tmp_path, result, least=28.0)
    assert "1 branch of If nodes never taken by the calibration data" in said(result.conversion)


def test_convolutions_in_a_branch_that_is_never_taken_are_stored(tmp_path: Path) -> None:
    text = IF_IMAGES.replace(K, numbers("k", 16, 16, 3, 3)).replace("N, 8, H", "N, 16, H")
    text = text.replace("<float[8, 8, 3, 3]", "<float[16, 16, 3, 3]").replace("[8] b", "[16] b")
    model = parse(text)
    feeds = [{**feed, "c": np.array(False)} for feed in random_feeds(model, SIZES)]
    result = converted(text, tmp_path, feeds=feeds)
    close(text, tmp_path, result, least=28.0)
    assert result.kept["Conv"].startswith(
        "its weights are stored in INT8, and it computes in float"
    )


LOOP = (
    f"({ROWS}) => (float[N, 16] y) <int64 n = {{3}}, bool go = {{1}}, float[8, 8, 3, 3] k>"
    "{ y = Loop(n, go, x) <body = l (int64 i, bool on, float[N, 16] s) => "
    f"(bool more, float[N, 16] r) {{ {W} more = Identity(on) p = MatMul(s, w) r = Tanh(p) }}> }}"
)
SCAN = (
    f"({ROWS}, float[S, N, 16] z) => (float[N, 16] y, float[S, N, 16] all) "
    "{ y, all = Scan(x, z) <num_scan_inputs = 1, body = b (float[N, 16] s, float[N, 16] q) => "
    f"(float[N, 16] r, float[N, 16] o) "
    f"{{ {W} m = Add(s, q) p = MatMul(m, w) r = Tanh(p) o = Identity(r) }}> }}"
)
LSTM = (
    "(float[S, N, 16] x) => (float[S, 1, N, 64] y) <float[1, 256, 16] w, float[1, 256, 64] r>"
    "{ y = LSTM<hidden_size = 64>(x, w, r) }"
)


@pytest.mark.parametrize("text", [LOOP, SCAN, LSTM], ids=["Loop", "Scan", "LSTM"])
def test_what_cannot_be_observed_is_quantized_at_run_time(tmp_path: Path, text: str) -> None:
    """Such a model needs no calibration, and none is made."""
    model = parse(text)
    path = save(model, tmp_path)
    with pytest.raises(NothingQuantized) as caught:
        calibrate(path, data=data(random_feeds(model, SIZES)), statistics="histogram")
    assert str(caught.value) == (
        f"{path}: no operator needs calibration: inputs are quantized at run time"
    )
    output = tmp_path / "i.onnx"
    conversion = convert(path, output, data=data(random_feeds(model, SIZES)))
    assert [remark.split(":")[0] for remark in said(conversion)] == [RUN_TIME]
    for name, decibels in sqnr(path, output, random_feeds(model, SIZES)).items():
        assert decibels > 20, name


def test_beside_static_layers(tmp_path: Path) -> None:
    text = LOOP.replace("{ y = Loop(n, go, x)", "{ h = MatMul(x, f) y = Loop(n, go, h)").replace(
        "float[8, 8, 3, 3] k", "float[16, 16] f"
    )
    result = converted(text, tmp_path)
    close(text, tmp_path, result, least=20.0)
    assert len(result.quantized) == 2
    assert f"{RUN_TIME}: 1 Gemm" in said(result.conversion)


@pytest.mark.parametrize(("text", "pattern"), [(LOOP, ":p$"), (LSTM, "LSTM")], ids=["Loop", "LSTM"])
def test_what_is_quantized_at_run_time_can_be_kept_in_float(
    tmp_path: Path, text: str, pattern: str
) -> None:
    model = parse(text)
    path, feeds = save(model, tmp_path), random_feeds(model, SIZES)
    settings = Int8Settings(float_layers=(pattern,))
    with pytest.raises(NothingQuantized, match="nothing can be quantized for ort-cpu"):
        convert(path, tmp_path / "i.onnx", data=data(feeds), settings=settings)
    beside = text.replace("(float[N, 16] y)", "(float[N, 16] y, float[N, 16] h)").replace(
        "(float[S, 1, N, 64] y)", "(float[S, 1, N, 64] y, float[S, N, 16] h)"
    )
    beside = beside.replace("{ y = L", "{ h = MatMul(x, f) y = L", 1).replace(
        "<int64 n", "<float[16, 16] f, int64 n"
    )
    beside = beside.replace("<float[1, 256, 16]", "<float[16, 16] f, float[1, 256, 16]")
    model = parse(beside)
    result = convert_model(model, tmp_path, feeds=random_feeds(model, SIZES), settings=settings)
    assert result.quantized in (["MatMul"], ["Gemm"])
    assert sqnr(save(model, tmp_path), result.path, random_feeds(model, SIZES))["y"] > 100


@pytest.mark.parametrize(("op", "rows"), [("GRU", 96), ("LSTM", 128)])
def test_gru_and_small_lstm_store_their_weights(tmp_path: Path, op: str, rows: int) -> None:
    model = parse(
        f"(float[S, N, 32] x) => (float[S, 1, N, 32] y) <float[1, {rows}, 32] w,"
        f"float[1, {rows}, 32] r> {{ y = {op}<hidden_size = 32>(x, w, r) }}"
    )
    path = save(model, tmp_path)
    conversion = convert(path, tmp_path / "i.onnx", data=data(random_feeds(model, SIZES)))
    assert conversion.size_bytes < 0.5 * conversion.float_bytes
    assert said(conversion) == (
        f"weights of 2 {op} stored in int8, unpacked when the model is loaded",
    )


def test_the_weights_of_a_dropped_branch_are_free(tmp_path: Path) -> None:
    """What only the other branch read does not hinder what is left."""
    model = parse(IF_IMAGES)
    path = save(model, tmp_path)
    feeds = random_feeds(model, SIZES)
    for value in ("true", "false"):
        left = [{"x": feed["x"]} for feed in feeds]
        conversion = convert(
            path, tmp_path / "i.onnx", data=data(left), assume={"c": value}, force=True
        )
        assert "If" not in [node.op_type for node in onnx.load(conversion.path).graph.node]


def test_numbers_over_many_orders_of_magnitude_stay_in_float(tmp_path: Path) -> None:
    """A spectrum: most of its numbers would round to zero beside the largest."""
    model = parse(
        "(float[N, 16] x) => (float[N, 32] y) <float[16, 16] w, float[16, 32] v, float k = {6.0}>"
        "{ a = Mul(x, k) b = Exp(a) c = MatMul(b, v) d = Tanh(c) y = Relu(d) }"
    )
    set_weight(model, "v", np.eye(16, 32, dtype=np.float32) / 1000)
    feeds = [
        {"x": np.random.default_rng(i).uniform(-1, 1, (4, 16)).astype(np.float32)} for i in range(8)
    ]
    path = save(model, tmp_path)
    conversion = convert(path, tmp_path / "i.onnx", data=data(feeds))
    assert said(conversion)[0] == f"{RUN_TIME}: 1 Gemm"


def test_a_record_without_a_value_of_a_branch(tmp_path: Path) -> None:
    model = parse(IF_ROWS)
    path = save(model, tmp_path)
    record = calibrate(path, data=data(both_ways(model)))
    name = next(name for name in record.statistics if name not in ("x",))
    del record.statistics[name]  # type: ignore[attr-defined]
    with pytest.raises(RecordError, match=f"the record has no statistics of '{name}'"):
        convert(path, tmp_path / "i.onnx", calibration=record)


def test_inspect_tells_what_is_quantized_at_run_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(parse(LOOP), tmp_path)
    assert main(["inspect", str(path)]) == 0
    assert "    1 x Gemm, input quantized at run time" in capsys.readouterr().out
    assert main(["inspect", str(path), "--json"]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert [node["op"] for node in nodes if node["at_run_time"]] == ["Gemm"]


def test_a_report_counts_what_is_in_bodies(tmp_path: Path) -> None:
    model = parse(IF_ROWS)
    path = save(model, tmp_path)
    feeds = both_ways(model)
    converted = convert(path, tmp_path / "i.onnx", data=data(feeds))
    found = report(path, [converted.path], data=data(feeds), latency=False).variants[0]
    assert found.fusion is not None
    assert found.fusion.integer == found.fusion.quantized == 3
    assert found.coverage is not None
    assert found.coverage.ops > 50
