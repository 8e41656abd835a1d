"""Options as keywords of Python, by the names that the commands and recipes have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import qconv
from qconv.data import NamedData
from qconv.errors import UsageError
from qconv.pipeline.arguments import opener
from qconv.recipe.keywords import TYPE_KEYWORDS, from_keywords
from qconv.recipe.sources import Storage
from tests.cli.cli_helpers import process
from tests.model_helpers import data, parse, random_feeds, save

ROWS = """(float[N,16] x) => (float[N,4] y) <float[16,8] w, float[8] b, float[8,4] v> {
  h = MatMul(x, w) s = Add(h, b) r = Relu(s) y = MatMul(r, v) }"""
IMAGES = """(float[N,3,8,8] x) => (float[N,4,6,6] y) <float[4,3,3,3] w> { y = Conv(x, w) }"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    proto = parse(ROWS)
    rows = np.concatenate([feeds["x"] for feeds in random_feeds(proto, count=20)])
    np.savez(tmp_path / "rows.npz", x=rows)
    return save(proto, tmp_path)


def rows_of(model: Path) -> str:
    return str(model.with_name("rows.npz"))


def test_a_conversion_is_that_of_the_command(model: Path) -> None:
    made = qconv.convert(model, data=rows_of(model), samples=10, effort="fast", method="mse")
    assert made.path == model.with_name("model.int8.onnx")
    typed = f"convert {model} --data {rows_of(model)} --samples 10 --effort fast --method mse"
    assert process(*typed.split(), "-o", str(model.with_name("typed.onnx"))).code == 0
    assert made.path.read_bytes() == model.with_name("typed.onnx").read_bytes()


@pytest.mark.parametrize(
    ("dtype", "name"), [("float16", "fp16"), ("HALF", "fp16"), ("bfloat16", "bf16")]
)
def test_types_are_spelled_as_on_the_command_line(model: Path, dtype: str, name: str) -> None:
    assert qconv.convert(model, dtype=dtype).path == model.with_name(f"model.{name}.onnx")


def test_what_may_be_repeated_is_one_value_or_several() -> None:
    for given in ("Gemm", ["Gemm"], ("Gemm",)):
        assert from_keywords({"float_layers": given}, TYPE_KEYWORDS).values == {
            "float_layers": ("Gemm",)
        }


def test_images_and_their_numbers(tmp_path: Path) -> None:
    model = save(parse(IMAGES), tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    folder = str(tmp_path / "images")
    ways: list[dict[str, Any]] = [
        {"image_mean": 127.5, "image_std": [64, 64, 64], "image_fit": "stretch"},
        {"image_mean": (127.5,) * 3, "image_std": 64, "image_fit": "crop"},
    ]
    records = [qconv.calibrate(model, data=folder, **way) for way in ways]
    assert records[0].statistics != records[1].statistics
    made = qconv.convert(model, data=folder, **ways[0])
    report = qconv.report(model, [made.path], data=folder, latency=False, samples=2, **ways[0])
    assert report.data.samples == 2


def test_texts_join_other_data(tmp_path: Path) -> None:
    named = opener("rows.npz", tmp_path / "m.onnx", {"text": ["a.txt", "b.txt"]})
    assert isinstance(named, NamedData)
    assert named.specs == ("rows.npz", "text:a.txt", "text:b.txt")


@pytest.mark.parametrize(
    ("options", "told", "hint"),
    [
        ({"image_fitt": "crop"}, "there is no option 'image_fitt'", "did you mean image_fit?"),
        ({"batch": 2}, "there is no option 'batch'", None),
        ({"image_fit": "crap"}, "`image_fit` is 'crap'; it must be crop, stretch, pad or none",
         "did you mean crop?"),
        ({"effort": 3}, "`effort` is 3; it must be fast, balanced or best", None),
        ({"block_size": 32}, "`block_size` needs weight-only types: `dtype=int4`, or `dtype=int8` "
         "`mode=weight-only`", None),
        ({"dtype": ["int8", "int4"]}, "`dtype` names several types, but one file is written", None),
        ({"settings": qconv.Int8Settings(), "method": "mse"},
         "give `settings` or `method`, not both", None),
        ({"storage": Storage(), "external_data": "always"},
         "give `storage` or the options of external data, not both", None),
        ({"data": ""}, "`data` is empty, and names no file", None),
        ({"image_mean": 1, "dtype": "int4", "data": None}, "`image_mean` needs `data`", None),
    ],
)  # fmt: skip
def test_wrong_options(model: Path, options: dict[str, Any], told: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        qconv.convert(model, **{"data": rows_of(model), **options})
    assert (str(caught.value), caught.value.hint) == (told, hint)


def test_how_named_data_are_read_says_nothing_of_a_function(model: Path) -> None:
    feeds = data(random_feeds(parse(ROWS), count=4))
    with pytest.raises(UsageError) as caught:
        qconv.calibrate(model, data=feeds, samples=2)
    assert str(caught.value) == (
        "`samples` says how named data are read; these come from a function"
    )


def test_what_comes_back_is_one_short_line(model: Path) -> None:
    record = qconv.calibrate(model, data=rows_of(model))
    made = qconv.convert(model, calibration=record)
    found = (record, made, made.plan, qconv.inspect(model), qconv.plan(model),
             qconv.compare(model, made.path, data=rows_of(model)))  # fmt: skip
    lines = [repr(each) for each in found]
    assert all("\n" not in line and len(line) < 500 for line in lines), lines
    assert lines[0] == "<Record of full for ort-cpu: 40 samples, 2 values, 2 moments>"
    assert lines[2] == lines[4] == "<Plan for ort-cpu: 2 of 2 operators converted>"
