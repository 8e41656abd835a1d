"""Recipe files, and what wins over what."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from qconv.errors import InputError, UsageError
from qconv.recipe.file import read_recipe
from qconv.recipe.options import OPTIONS
from qconv.recipe.resolve import Chosen, conversions
from qconv.recipe.schema import schema
from qconv.recipe.settings import HalfSettings, Int8Settings, WeightOnlySettings
from scripts.option_tables import PAGE, with_tables


def recipe(folder: Path, text: str) -> Chosen:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path)


def test_a_recipe_is_what_its_options_are(tmp_path: Path) -> None:
    chosen = recipe(
        tmp_path,
        """dtype = ["int8", "int4", "fp16"]
        data = ["cal.npz", "/d/script.py:f"]
        samples = 20
        image-mean = [1, 2.5, 3]
        image-crop = 32
        labels = "l.csv"
        effort = "best"
        portable = false
        float-layers = "Softmax"
        block-size = 32
        io = "fp16"
        """,
    )
    assert chosen.values["data"] == (str(tmp_path / "cal.npz"), "/d/script.py:f")
    assert chosen.values["labels"] == tmp_path / "l.csv"
    images = chosen.images()
    assert images is not None
    assert (images.mean, images.crop) == ((1, 2.5, 3), 32)
    assert conversions(chosen) == {
        "int8": Int8Settings(effort="best", portable=False, float_layers=("Softmax",)),
        "int4": WeightOnlySettings("int4", block_size=32),
        "fp16": HalfSettings("fp16", io="fp16"),
    }


def test_the_command_line_wins(tmp_path: Path) -> None:
    file = recipe(tmp_path, 'dtype = "int8"\neffort = "best"\ndata = "d.npz"\nsamples = 3')
    both = Chosen.of({"effort": "fast"}).over(file)
    assert conversions(both) == {"int8": Int8Settings(effort="fast")}
    other = Chosen.of({"dtype": ("fp16",)}).over(file)
    assert conversions(other) == {"fp16": HalfSettings("fp16")}
    record = Chosen.of({"calibration": Path("r.qcal")}).over(recipe(tmp_path, 'data = "d.npz"'))
    assert "data" not in record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dtype = "fp16"\neffort = "best"', "`effort` goes with `dtype=int8` `mode=static`"),
        ('effort = "best"', "`dtype` is needed: the type to convert to"),
        ('dtype = "fp16"\nmode = "static"', "`mode` goes with `dtype=int8`"),
        ('dtype = "fp32"\ndata = "d"', "`data` has no effect with `dtype=fp32`"),
        ('dtype = "int8"\nsamples = 3', "`samples` goes with `data`"),
        ('dtype = "fp16"\nio = "bf16"', "`io=bf16` goes with `dtype=bf16`"),
    ],
)
def test_what_nothing_reads_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        conversions(recipe(tmp_path, text))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('dtype = "int8"\n efort = "best"', " line 2: there is no option 'efort'", "effort"),
        ("block_size = 32", " line 1: there is no option 'block_size'", "block-size"),
        ("xyzzy = 1", " line 1: there is no option 'xyzzy'", None),
        ("\n\nsamples = 0", " line 3: 'samples' is 0; it must be a whole number of at", None),
        ('samples = "3"', " line 1: 'samples' is '3'; it must be a whole number of at", None),
        ("[int8]\nx = 1", ": there is no option 'int8'", None),
    ],
)
def test_wrong_keys_and_values(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        recipe(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'recipe.toml'}{message}")
    assert caught.value.hint == (hint and f"did you mean {hint}?")


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a" * 2_000_000, b"x = " + b"[" * 9999])
def test_files_that_are_no_recipe(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_recipe(path)
    with pytest.raises(InputError):
        read_recipe(tmp_path / "nowhere.toml")


def test_the_schema_says_what_the_parser_takes(tmp_path: Path) -> None:
    properties = schema()["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == [option.key for option in OPTIONS.values()]
    json.dumps(schema())
    for key, told in properties.items():
        for each in told["anyOf"]:
            values = each.get("enum") or [
                {"boolean": "true", "integer": 60, "number": 60.5, "string": '"sr=1"',
                 "array": None}[each["type"]]
            ]  # fmt: skip
            for value in values:
                if value is None:
                    continue
                shown = f'"{value}"' if "enum" in each and isinstance(value, str) else value
                assert tomllib.loads(f"{key} = {shown}")
                if key != "smooth":
                    recipe(tmp_path, f"{key} = {shown}")


def test_the_tables_of_options_are_those_of_the_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "python scripts/option_tables.py writes them anew"
    assert page.count("`--effort fast\\|balanced\\|best`") == 1
