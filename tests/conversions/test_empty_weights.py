"""Arrays without a single element, as pruned models have them, go through every conversion."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from qconv import calibrate, convert
from qconv.errors import NothingQuantized
from qconv.recipe.settings import (
    DynamicSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
)
from tests.model_helpers import RUNTIME, data, parse, random_feeds, said, save, sqnr

REST = "float[64, 64] u"
MODELS = {
    "no-rows": f"""(float[N, 64] x) => (float[N, 64] y, float[N, 0] z) <float[64, 0] w, {REST}>
        {{ z = MatMul(x, w) y = MatMul(x, u) }}""",
    "no-columns": f"""(float[N, 64] x) => (float[N, 64] y) <float[64, 0] w, float[0, 64] v, {REST}>
        {{ a = MatMul(x, w) r = Relu(a) b = MatMul(r, v) c = Add(b, x) y = MatMul(c, u) }}""",
    "no-bias": f"""(float[N, 64] x) => (float[N, 64] y, float[N, 0] z)
        <float[64, 0] w, float[0] b, {REST}> {{ z = Gemm(x, w, b) y = MatMul(x, u) }}""",
    "no-channels": """(float[1, 3, 4, 4] x) => (float[1, 64, 4, 4] y)
        <float[64, 3, 1, 1] s, float[0, 64, 1, 1] w, float[64, 0, 1, 1] v, float[64, 64, 1, 1] u>
        { h = Conv(x, s) a = Conv(h, w) r = Relu(a) b = Conv(r, v) c = Add(b, h)
          y = Conv(c, u) }""",
}
SETTINGS = {
    "static": Int8Settings(),
    "equalized": Int8Settings(equalize="on"),
    "dynamic": DynamicSettings(),
    "weight-only": WeightOnlySettings("int8"),
    "int4": WeightOnlySettings("int4"),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("name", MODELS)
def test_the_rest_is_converted(name: str, settings: Settings, tmp_path: Path) -> None:
    if name == "no-channels" and RUNTIME < (1, 32):
        pytest.skip("this runtime refuses it as float, too")
    model = parse(MODELS[name])
    source, output = save(model, tmp_path), tmp_path / "out.onnx"
    last = {port.name: port.type.tensor_type.shape.dim[-1].dim_value for port in model.graph.input}
    feeds = [
        {name: array[..., : last[name]] for name, array in feed.items()}
        for feed in random_feeds(model)
    ]
    record = None
    if isinstance(settings, Int8Settings):
        record = calibrate(source, data=data(feeds), statistics="full")
    convert(source, output, calibration=record, settings=settings)
    onnx.checker.check_model(str(output), full_check=True)
    assert sqnr(source, output, feeds)["y"] > 15


def test_inspect_says_why(tmp_path: Path) -> None:
    text = "(float[N, 64] x) => (float[N, 0] y) <float[64, 0] w> { y = MatMul(x, w) }"
    source = save(parse(text), tmp_path)
    with pytest.raises(NothingQuantized, match="'w' is empty"):
        convert(source, tmp_path / "out.onnx", settings=DynamicSettings())


def test_an_lstm_without_features(tmp_path: Path) -> None:
    """What the runtime gives for it is not the same from run to run, so that it is not compared."""
    text = """(float[2, 1, 0] x) => (float[2, 1, 1, 64] y)
        <float[1, 256, 0] w, float[1, 256, 64] r> { y = LSTM<hidden_size = 64>(x, w, r) }"""
    output = tmp_path / "out.onnx"
    conversion = convert(save(parse(text), tmp_path), output, settings=DynamicSettings())
    assert said(conversion) == (
        "weights of 1 LSTM stored in int8, unpacked when the model is loaded",
    )
