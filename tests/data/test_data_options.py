"""The options for data, as a command line gives them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from qconv.cli.click_options import named_data, recipe_options
from qconv.data import IMAGE_PRESETS, ImageOptions, LoopData, NamedData
from qconv.errors import UsageError
from qconv.recipe.keywords import DATA_KEYWORDS
from qconv.recipe.resolve import Chosen
from tests.data.data_helpers import counting, spec


def parsed(*arguments: str) -> NamedData:
    """Return what a command with one argument of its own gets for ``arguments``."""
    received: list[NamedData] = []

    @click.command()
    @click.argument("model")
    @recipe_options(DATA_KEYWORDS)
    def command(model: str, chosen: Chosen) -> None:
        assert model == "m.onnx"
        received.append(named_data(chosen, Path(model), quiet=False))

    command.main(["m.onnx", *arguments], standalone_mode=False)
    return received[0]


def test_data_may_be_repeated() -> None:
    arguments = parsed("--data", "a.npz", "--data", "b.npz", "--samples", "5")
    assert arguments.specs == ("a.npz", "b.npz")
    assert arguments.samples == 5
    assert arguments.images is None


def test_a_preset_alone() -> None:
    arguments = parsed("--data", "d", "--image-preset", "imagenet-tf")
    assert arguments.images == IMAGE_PRESETS["imagenet-tf"]


def test_single_options_replace_parts_of_a_preset() -> None:
    arguments = parsed(
        *("--data", "d", "--image-preset", "imagenet-tf", "--image-crop", "192x320"),
        *("--image-mean", "127", "--image-order", "bgr"),
    )
    assert arguments.images == ImageOptions(
        size=256, crop=(192, 320), mean=127.0, std=127.5, order="bgr"
    )


def test_options_without_a_preset() -> None:
    arguments = parsed(
        *("--data", "d", "--image-size", "300", "--image-crop", "224", "--image-std", "1,2,3"),
        *("--image-layout", "nhwc", "--labels", "l.csv"),
    )
    assert arguments.images == ImageOptions(
        size=300, crop=224, std=(1.0, 2.0, 3.0), layout="nhwc", labels=Path("l.csv")
    )


def test_open_gives_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=counting(10, 2))
    source = parsed("--data", str(path), "--samples", "2")([spec("x", ("n", 2))])
    assert not isinstance(source, LoopData)
    assert [sample.origin for sample in source] == [f"{path}[0]", f"{path}[5]"]


def test_data_are_needed() -> None:
    with pytest.raises(UsageError, match="`data` is needed: the samples to read"):
        parsed()


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--image-crop", "224x", "it must be a whole number or 2 whole numbers of at least 1"),
        ("--image-crop", "0", "it must be a whole number or 2 whole numbers of at least 1"),
        ("--image-crop", "1x2x3", "it must be a whole number or 2 whole numbers of at least 1"),
        ("--image-mean", "a,b", "it must be a number or a list of numbers"),
        ("--samples", "0", "it must be a whole number of at least 1"),
    ],
)
def test_values_that_cannot_be_read(option: str, value: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed("--data", "d", option, value)
    shown = {"0": "0", "1x2x3": "(1, 2, 3)"}.get(value, repr(value))
    name = option.removeprefix("--").replace("-", "_")
    assert str(caught.value) == f"`{name}` is {shown}; {reason}"


def test_every_option_has_help() -> None:
    @click.command()
    @recipe_options(DATA_KEYWORDS)
    def command(chosen: Chosen) -> None:
        raise AssertionError(chosen)

    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


def test_defining_options_imports_nothing_heavy() -> None:
    code = "import sys, qconv.cli.convert; print('numpy' in sys.modules, 'PIL' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False False\n"
