"""The error of each quantized value, alone and with all errors before it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv
from qconv.errors import UsageError
from qconv.reporting.report_json import from_json, to_json
from qconv.reporting.sentences import clipped
from tests.model_helpers import parse, save

TEXT = """(float[N, 4, 6, 6] x) => (float[N, 3, 6, 6] y)
<float[8, 4, 3, 3] w1, float[8] b1, float[3, 8, 1, 1] w2> {
    [first] a = Conv<pads = [1, 1, 1, 1]>(x, w1, b1) r = Relu(a) [second] y = Conv(r, w2)
}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(parse(TEXT), tmp_path)
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=random.normal(size=(6, 4, 6, 6)).astype(np.float32))
    return tmp_path


def _convert(folder: Path, name: str, settings: qconv.Int8Settings) -> Path:
    path = folder / name
    data = str(folder / "data.npz")
    return qconv.convert(folder / "model.onnx", path, data=data, settings=settings).path


def test_errors_enter_and_accumulate(folder: Path) -> None:
    variant = _convert(folder, "q.onnx", qconv.Int8Settings())
    report = qconv.report(
        folder / "model.onnx",
        [variant],
        data=str(folder / "data.npz"),
        latency=False,
        layers=True,
    )
    x, r, y = report.variants[0].layers
    assert [error.op for error in (x, r, y)] == ["input", "Conv", "Conv"]
    assert (x.name, r.name, y.name) == ("x", "first", "second")
    assert x.alone == x.accumulated
    assert y.alone is not None
    assert y.accumulated < y.alone
    assert y.accumulated < r.accumulated + 3
    assert all(30 < (error.alone or 0) < 70 for error in (x, r, y))
    assert from_json(to_json(report)) == report
    assert y.accumulated == pytest.approx(report.variants[0].outputs[0].sqnr_db, abs=0.2)


PORTS = "(float[N, 16] x) => (float[N, 16] y)"
PRODUCTS = "float[16, 16] w, float[16, 16] v, float[16, 16] u"


def _restoring(readers: str) -> str:
    """Return the products in Q/DQ; ``readers`` gives ``ab`` and ``ac``, which b and c read."""
    return f"""{PORTS} <{PRODUCTS}, float s = {{0.1}}, uint8 z = {{128}}> {{
        xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z) a = MatMul(xd, w)
        aq = QuantizeLinear(a, s, z) {readers} b = MatMul(ab, v) c = MatMul(ac, u)
        bq = QuantizeLinear(b, s, z) bd = DequantizeLinear(bq, s, z)
        cq = QuantizeLinear(c, s, z) cd = DequantizeLinear(cq, s, z) y = Add(bd, cd)
    }}"""


@pytest.mark.parametrize(
    "readers",
    [
        "ac = DequantizeLinear(aq, s, z) ab = DequantizeLinear(aq, s, z)",
        "ac = DequantizeLinear(aq, s, z) ar = QuantizeLinear(a, s, z) "
        "ab = DequantizeLinear(ar, s, z)",
    ],
)
def test_readers_may_each_have_a_dequantize_linear_of_their_own(
    tmp_path: Path, readers: str
) -> None:
    """The same numbers, as some tools write them: the same errors."""
    body = "a = MatMul(x, w) b = MatMul(a, v) c = MatMul(a, u) y = Add(b, c)"
    model = save(parse(f"{PORTS} <{PRODUCTS}> {{ {body} }}"), tmp_path)
    one = "ab = DequantizeLinear(aq, s, z) ac = Identity(ab)"
    texts = {"one.onnx": one, "each.onnx": readers}
    variants = [save(parse(_restoring(texts[name])), tmp_path, name) for name in texts]
    x = np.random.default_rng(0).standard_normal((16, 16)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    data = str(tmp_path / "data.npz")
    shared, own = qconv.report(model, variants, data=data, latency=False, layers=True).variants
    assert len(shared.layers) == 4
    assert own.layers == shared.layers


def test_clipping_is_told_by_itself(tmp_path: Path) -> None:
    """Numbers of 1 and of 10, with a range of -5 to 5: half of each large one is lost."""
    model = save(parse(f"{PORTS} <{PRODUCTS}> {{ y = MatMul(x, w) }}"), tmp_path)
    text = f"""{PORTS} <{PRODUCTS}, float s = {{SCALE}}, int8 z = {{0}}> {{
        xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z) y = MatMul(xd, w) }}"""
    x = np.ones((64, 16), np.float32)
    x[::16] = 10
    np.savez(tmp_path / "data.npz", x=x)
    variants = []
    for name, scale in (("short.onnx", 5 / 127), ("long.onnx", 10 / 127)):
        variants.append(save(parse(text.replace("SCALE", str(scale))), tmp_path, name))
    data = str(tmp_path / "data.npz")
    report = qconv.report(model, variants, data=data, latency=False, layers=True)
    (short,), (long,) = (variant.layers for variant in report.variants)
    signal, lost = 15 + 100, 25
    assert short.clipping == pytest.approx(10 * math.log10(signal / lost), abs=1e-4)
    assert short.clipping == pytest.approx(short.alone, abs=0.1)
    assert long.clipping == math.inf
    assert list(clipped(report)) == [
        "short.onnx: the range of the input 'x' clips large numbers, which alone leaves it 6.6 dB."
    ]


def test_a_range_that_does_what_a_relu_did_clips_nothing(tmp_path: Path) -> None:
    """Some tools remove the Relu: what is below zero is not lost, but was never there."""
    body = "a = MatMul(x, w) r = Relu(a) y = MatMul(r, v)"
    model = save(parse(f"{PORTS} <{PRODUCTS}> {{ {body} }}"), tmp_path)
    text = f"""{PORTS} <{PRODUCTS}, float s = {{0.02}}, uint8 z = {{0}}> {{ a = MatMul(x, w)
        aq = QuantizeLinear(a, s, z) ad = DequantizeLinear(aq, s, z) y = MatMul(ad, v) }}"""
    variant = save(parse(text), tmp_path, "variant.onnx")
    x = np.random.default_rng(0).uniform(-1, 1, (16, 16)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    data = str(tmp_path / "data.npz")
    report = qconv.report(model, [variant], data=data, latency=False, layers=True)
    (error,) = report.variants[0].layers
    assert error.clipping == math.inf
    assert error.alone is not None
    assert error.alone > 30


def test_the_float_model_itself_has_no_such_values(folder: Path) -> None:
    model = folder / "model.onnx"
    data = str(folder / "data.npz")
    report = qconv.report(model, [model], data=data, latency=False, layers=True)
    assert report.variants[0].layers == ()
    assert math.isinf(report.variants[0].outputs[0].sqnr_db)


def test_layers_stay_float_by_name(folder: Path) -> None:
    settings = qconv.Int8Settings(float_layers=("^second$",))
    model = onnx.load(_convert(folder, "q.onnx", settings))
    (second,) = [node for node in model.graph.node if node.name == "second"]
    assert second.input[1] == "w2"
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def test_the_worst_layers_stay_float(folder: Path) -> None:
    worst = qconv.Int8Settings(float_layers=("1",))
    named = [qconv.Int8Settings(float_layers=(f"^{name}$",)) for name in ("first", "second")]
    paths = [_convert(folder, f"{i}.onnx", s) for i, s in enumerate((worst, *named))]
    kinds = [[node.op_type for node in onnx.load(path).graph.node] for path in paths]
    assert kinds[0] in kinds[1:]
    report = qconv.report(
        folder / "model.onnx", paths, data=str(folder / "data.npz"), latency=False
    )
    quality = [variant.outputs[0].sqnr_db for variant in report.variants]
    assert quality[0] == pytest.approx(max(quality[1:]), abs=3)


def test_patterns_must_be_found(folder: Path) -> None:
    with pytest.raises(UsageError, match="'third' matches no name or type of a quantized"):
        _convert(folder, "q.onnx", qconv.Int8Settings(float_layers=("third",)))
    with pytest.raises(UsageError, match=r"'\(' is not a regular expression"):
        _convert(folder, "q.onnx", qconv.Int8Settings(float_layers=("(",)))


def test_ranking_needs_data(folder: Path) -> None:
    record = qconv.calibrate(folder / "model.onnx", data=str(folder / "data.npz"))
    settings = qconv.Int8Settings(float_layers=("1",))
    with pytest.raises(UsageError, match="with a number needs `data`, to rank"):
        qconv.convert(
            folder / "model.onnx", folder / "q.onnx", calibration=record, settings=settings
        )
