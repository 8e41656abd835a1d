"""Settings refuse what they may not hold, in the same words wherever it comes from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import pytest

from qconv.cli.main import cli, run
from qconv.errors import QconvError, UsageError
from qconv.numerics.stored import STORED_TYPES
from qconv.recipe.fields import Setting, arms, choices, is_list, settings_of
from qconv.recipe.file import read_recipe
from qconv.recipe.images import ImageOptions
from qconv.recipe.options import CALIBRATION, OPTIONS, RUN
from qconv.recipe.settings import (
    HalfSettings,
    Int8Settings,
    WeightOnlySettings,
    WeightType,
)
from qconv.recipe.sources import CalibrateSettings, Storage
from qconv.recipe.spelling import with_flags
from qconv.recipe.walk import CLASSES, settings_by_option

INT8: Any = Int8Settings
HALF: Any = HalfSettings
WEIGHTS: Any = WeightOnlySettings
CALIBRATE: Any = CalibrateSettings
WRONG_TEXT = "bogus"
ALL = [(kind, setting) for kind in CLASSES for setting in settings_of(kind)]
IDS = [f"{kind.__name__}.{setting.name}" for kind, setting in ALL]


def wrong_values(setting: Setting) -> Iterator[Any]:
    """Values that a setting may not have: of other types, out of bounds, unknown words."""
    kinds = arms(setting.hint)
    yield object()
    if bool not in kinds:
        yield True
    if str not in kinds and Path not in kinds:
        yield WRONG_TEXT
    if is_list(setting.hint):
        yield (object(),)
        if choices(setting.hint):
            yield (WRONG_TEXT,)
    within = setting.rule.within
    if within is not None:
        yield from (within.low - 1, float("nan"), float("inf"))
        if within.open:
            yield within.low
        if within.high < float("inf"):
            yield within.high + 1


@pytest.mark.parametrize(("kind", "setting"), ALL, ids=IDS)
def test_every_wrong_value_is_refused(kind: type[Any], setting: Setting) -> None:
    for value in wrong_values(setting):
        with pytest.raises(UsageError) as caught:
            kind(**{setting.name: value})
        assert str(caught.value).startswith(f"`{setting.option.name}` is "), value
        assert "; it must be " in str(caught.value)


def written_wrong(setting: Setting) -> list[str | float]:
    """Wrong values that can be written on a command line and in a recipe."""
    if choices(setting.hint):
        return [] if Path in arms(setting.hint) else [WRONG_TEXT]
    within, kinds = setting.rule.within, arms(setting.hint)
    if within is None:
        return []
    low = within.low - 1
    return [float(low), float("nan"), float("inf")] if float in kinds else [int(low)]


WRITTEN = [each for each in settings_by_option().values() if written_wrong(each)]


@pytest.mark.parametrize("setting", WRITTEN, ids=lambda setting: setting.option.name)
def test_the_same_sentence_from_everywhere(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = setting.option
    command = {CALIBRATION: "calibrate", RUN: "run"}.get(option.group, "convert")
    for value in written_wrong(setting):
        with pytest.raises(UsageError) as caught:
            setting.check((value,) if is_list(setting.hint) else value)
        sentence = str(caught.value)
        model = ["--model", "m.onnx"] if command == "run" else ["m.onnx", "-o", "o.onnx"]
        assert run([command, *model, f"{option.flag}={value}"]) == 2
        told = capsys.readouterr().err.splitlines()
        assert told[0] == f"qconv: error: {with_flags(sentence)}"
        recipe = tmp_path / "recipe.toml"
        written = f'"{value}"' if isinstance(value, str) else value
        recipe.write_text(f"# made by a test\n{option.key} = {written}\n")
        with pytest.raises(UsageError) as caught:
            read_recipe(recipe)
        said = sentence.replace(f"`{option.name}`", f"'{option.key}'")
        assert str(caught.value) == f"{recipe} line 2: {said}"


@pytest.mark.parametrize(
    ("make", "sentence", "hint"),
    [
        (lambda: INT8(method="bogus"), "`method` is 'bogus'; it must be ", None),
        (
            lambda: INT8(effort="bestt"),
            "`effort` is 'bestt'; it must be fast, balanced or best",
            "did you mean best?",
        ),
        (
            lambda: HALF("fp12"),
            "`dtype` is 'fp12'; it must be fp16 or bf16",
            "did you mean fp16?",
        ),
        (lambda: HALF("fp16", "Gemm"), "`float_layers` is 'Gemm'; it must be a list", None),
        (lambda: INT8(percentile=99), "`percentile` needs `method=percentile`", None),
        (
            lambda: INT8(weights="int4", reduce_range=True),
            "`reduce_range` needs `weights=int8`",
            None,
        ),
        (
            lambda: WEIGHTS("int4", granularity="channel", block_size=32),
            "`block_size` needs `granularity=auto` or `granularity=block`",
            None,
        ),
        (
            lambda: WEIGHTS("ternary", "adaround"),
            "`algorithm=adaround` rounds up or down to integers of 2 to 8 bits, not to ternary",
            None,
        ),
        (lambda: HALF("fp16", io="bf16"), "`io=bf16` needs `dtype=bf16`", None),
        (
            lambda: HALF("fp16", storage_only=True),
            "`storage_only` needs `dtype=bf16`",
            None,
        ),
        (
            lambda: HALF("bf16", ("Conv",), storage_only=True),
            "`float_layers` has no effect with `storage_only`",
            None,
        ),
        (
            lambda: HALF("bf16", io="bf16", storage_only=True),
            "`io` has no effect with `storage_only`",
            None,
        ),
        (
            lambda: Storage("never", name="x"),
            "`external_data_name` needs `external_data=always` or `external_data=auto`",
            None,
        ),
        (
            lambda: Storage("always", megabytes=3),
            "`external_data_size` needs `external_data=auto`",
            None,
        ),
        (
            lambda: INT8(float_layers=("2", "3")),
            "`float_layers` takes one number of layers, not 2 and 3",
            "you can also give expressions for names or types",
        ),
        (lambda: INT8(smooth="1.5"), "`smooth` is '1.5'; it must be auto, off or", None),
        (lambda: ImageOptions(std=0), "`image_std` is 0; it must be a number or a list", None),
        (
            lambda: CALIBRATE("histogramm"),
            "`statistics` is 'histogramm'; it must be ranges, histogram or full",
            "did you mean histogram?",
        ),
    ],
)
def test_what_does_not_go_together(make: Any, sentence: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert str(caught.value).startswith(sentence)
    assert caught.value.hint == hint


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_is_an_option(kind: type[Any]) -> None:
    assert len(settings_of(kind)) == len(fields(kind))
    assert all(field.default is not MISSING for field in fields(kind))
    kind()


def test_every_option_is_a_setting_and_is_told() -> None:
    assert settings_by_option().keys() == OPTIONS.keys()
    for option in OPTIONS.values():
        assert option.help.endswith(".")


def test_the_types_of_weights_are_those_that_can_be_stored() -> None:
    assert get_args(WeightType) == tuple(STORED_TYPES)


def test_no_flag_is_named_below_the_command_line() -> None:
    folder = Path(__file__).parent.parent.parent / "qconv"
    flags = [option.flag for option in OPTIONS.values()]
    for path in folder.rglob("*.py"):
        if path.relative_to(folder).parts[0] in ("cli", "recipe"):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line for line, flag in itertools.product(lines, flags) if f"{flag} " in line]
        assert not found, path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`block_size` is 3", "--block-size is 3"),
        ("`effort=best` needs `data`", "--effort best needs --data"),
        ("`portable=false` goes", "--no-portable goes"),
        ("`float_layers=^a b$`", "--float-layers '^a b$'"),
        ("a `name` of no option", "a `name` of no option"),
    ],
)
def test_flags_are_added_on_the_command_line(text: str, shown: str) -> None:
    assert with_flags(text) == shown


def test_the_groups_stand_in_the_help() -> None:
    convert = cli.get_command(None, "convert")  # type: ignore[arg-type]
    assert convert is not None
    shown = convert.get_help(convert.make_context("convert", ["m", "-o", "o"]))
    groups = list(dict.fromkeys(option.group for option in OPTIONS.values()))
    elsewhere = (CALIBRATION, RUN)
    places = [shown.index(f"\n{group}:\n") for group in groups if group not in elsewhere]
    assert places == sorted(places)


def test_python_refuses_before_it_reads_anything(tmp_path: Path) -> None:
    import qconv

    with pytest.raises(UsageError, match="`statistics` is 'bogus'"):
        qconv.calibrate("nowhere.onnx", data=["nowhere.npz"], statistics="bogus")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`batch_size` is 0; it must be a whole number"):
        qconv.calibrate("nowhere.onnx", data=["nowhere.npz"], batch_size=0)
    with pytest.raises(UsageError, match="`batch_size` is 0; it must be a whole number"):
        qconv.convert("nowhere.onnx", tmp_path / "o.onnx", data=["nowhere.npz"], batch_size=0)
    assert issubclass(UsageError, QconvError)
