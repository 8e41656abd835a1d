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
from qconv.recipe.settings import HalfSettings, Int8Settings, Settings, WeightOnlySettings
from qconv.recipe.sources import Storage
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
        "fp16": HalfSettings("fp16", ("Softmax",), io="fp16"),
    }


def test_names_with_values_may_be_a_table(tmp_path: Path) -> None:
    text = """[assume]
        sr = 16000
        size = [1, 2.5]
        [layers]
        "blocks\\\\.0" = "int4:32"
        head = "float"
        """
    assert recipe(tmp_path, text).values == {
        "assume": ("sr=16000", "size=1,2.5"),
        "layers": (r"blocks\.0=int4:32", "head=float"),
    }


def test_the_command_line_wins(tmp_path: Path) -> None:
    file = recipe(tmp_path, 'dtype = "int8"\neffort = "best"\ndata = "d.npz"\nsamples = 3')
    both = Chosen.of({"effort": "fast"}).over(file)
    assert conversions(both) == {"int8": Int8Settings(effort="fast")}
    other = Chosen.of({"dtype": ("fp16",)}).over(file)
    assert conversions(other) == {"fp16": HalfSettings("fp16")}


@pytest.mark.parametrize(
    ("text", "typed", "settings"),
    [
        (
            'dtype = "int8"\ndata = "d"\nsamples = 3\nimage-preset = "imagenet-tf"\nbatch-size = 2',
            {"calibration": Path("r.qcal")},
            Int8Settings(),
        ),
        ('dtype = "bf16"\nio = "bf16"', {"dtype": ("fp16",)}, HalfSettings("fp16")),
        ('dtype = "bf16"\nstorage-only = true', {"dtype": ("fp16",)}, HalfSettings("fp16")),
        ('dtype = "int4"\ngranularity = "block"', {"dtype": ("int8",)}, Int8Settings()),
        ('dtype = "int4"\nalgorithm = "awq"', {"dtype": ("int8",)}, Int8Settings()),
        (
            'dtype = "int4"\nalgorithm = "adaround"',
            {"dtype": ("ternary",)},
            WeightOnlySettings("ternary"),
        ),
        (
            'dtype = "int8"\nmode = "weight-only"\ngranularity = "block"',
            {"mode": "static"},
            Int8Settings(),
        ),
        (
            'dtype = "int8"\npercentile = 99.9\nmethod = "percentile"',
            {"method": "mse"},
            Int8Settings("mse"),
        ),
        (
            'dtype = "int4"\nblock-size = 64',
            {"granularity": "channel"},
            WeightOnlySettings("int4", granularity="channel"),
        ),
    ],
)
def test_what_a_recipe_says_gives_way(
    tmp_path: Path, text: str, typed: dict[str, object], settings: Settings
) -> None:
    both = Chosen.of(typed).over(recipe(tmp_path, text))
    assert [*conversions(both).values()] == [settings]
    assert ("data" in both) is False


def test_where_weights_go_gives_way_too(tmp_path: Path) -> None:
    size = recipe(tmp_path, "external-data-size = 10")
    assert Chosen.of({"external_data": "always"}).over(size).storage() == Storage("always")
    never = recipe(tmp_path, 'external-data = "never"')
    assert Chosen.of({"external_data_name": "x"}).over(never).storage() == Storage(
        "always", name="x"
    )
    data = recipe(tmp_path, 'data = "d.npz"')
    assert "calibration" not in Chosen.of({"data": ("e.npz",)}).over(
        recipe(tmp_path, 'calibration = "r.qcal"')
    )
    assert "data" in Chosen.of({"samples": 3}).over(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('dtype = "fp16"\neffort = "best"', "`effort` needs `dtype=int8` `mode=static`"),
        ('dtype = "fp16"\nmode = "static"', "`mode` needs `dtype=int8`"),
        ('dtype = "fp32"\ndata = "d"', "`data` has no effect with `dtype=fp32`"),
        ('dtype = "int8"\nsamples = 3', "`samples` needs `data`"),
        ('dtype = "fp16"\nio = "bf16"', "`io=bf16` needs `dtype=bf16`"),
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
        ("[int8]\nx = 1", " line 1: there is no option 'int8'", None),
        (f"percentile = {10**400}", " line 1: 'percentile' is 1", None),
        ('data = ""', " line 1: it names no file", None),
        (
            'dtype = "int8"\n\n[layers]\nhead = "in4"',
            " line 3: 'layers' 'head=in4': the type is 'in4'; it must be float, ",
            "int4",
        ),
        ('labels = "a\\u0000b"', " line 1: it names no file", None),
        ("image-mean = []", " line 1: 'image-mean' is (); it must be", None),
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
                {"boolean": "true", "integer": 60, "number": 60.5, "string": '"sr=int8"',
                 "array": None, "object": '{ sr = "int8" }'}[each["type"]]
            ]  # fmt: skip
            for value in values:
                if value is None:
                    continue
                shown = f'"{value}"' if "enum" in each and isinstance(value, str) else value
                assert tomllib.loads(f"{key} = {shown}")
                own: dict[tuple[str, object], object] = {
                    ("method", '"sr=int8"'): '"mse"',
                    ("output-kind", '"sr=int8"'): '"sr=map"',
                    ("output-kind", '{ sr = "int8" }'): '{ sr = "map" }',
                    ("box-layout", '"sr=int8"'): '"ssd"',
                    **{(f"box-{name}", 60.5): 0.5 for name in ("score", "iou", "overlap")},
                    ("smooth", 60.5): 0.5,
                }
                recipe(tmp_path, f"{key} = {own.get((key, value), shown)}")


def test_the_tables_of_options_are_those_of_the_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "python scripts/option_tables.py writes them anew"
    assert page.count("`--effort fast\\|balanced\\|best`") == 1
