from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from qconv.cli.data_options import PRESETS, DataArguments, data_options
from qconv.data import IMAGE_PRESETS, ImageOptions, LoopData
from tests.data.data_helpers import counting, spec


def parsed(*arguments: str) -> DataArguments:
    """Return what a command with one argument of its own gets for ``arguments``."""
    received: list[DataArguments] = []

    @click.command()
    @click.argument("model")
    @data_options()
    def command(model: str, data: DataArguments) -> None:
        assert model == "m.onnx"
        received.append(data)

    command.main(["m.onnx", *arguments], standalone_mode=False)
    return received[0]


def test_data_may_be_repeated() -> None:
    arguments = parsed("--data", "a.npz", "--data", "b.npz", "--samples", "5")
    assert arguments.data == ("a.npz", "b.npz")
    assert arguments.samples == 5
    assert arguments.images() is None


def test_a_preset_alone() -> None:
    arguments = parsed("--data", "d", "--image-preset", "imagenet-tf")
    assert arguments.images() == IMAGE_PRESETS["imagenet-tf"]


def test_single_options_replace_parts_of_a_preset() -> None:
    arguments = parsed(
        *("--data", "d", "--image-preset", "imagenet-tf", "--image-crop", "192x320"),
        *("--image-mean", "127", "--image-order", "bgr"),
    )
    assert arguments.images() == ImageOptions(
        size=256, crop=(192, 320), mean=(127.0,), std=127.5, order="bgr"
    )


def test_options_without_a_preset() -> None:
    arguments = parsed(
        *("--data", "d", "--image-size", "300", "--image-crop", "224", "--image-std", "1,2,3"),
        *("--image-layout", "nhwc", "--labels", "l.csv"),
    )
    assert arguments.images() == ImageOptions(
        size=300, crop=(224, 224), std=(1.0, 2.0, 3.0), layout="nhwc", labels=Path("l.csv")
    )


def test_open_gives_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=counting(10, 2))
    source = parsed("--data", str(path), "--samples", "2").named()([spec("x", ("n", 2))])
    assert not isinstance(source, LoopData)
    assert [sample.origin for sample in source] == [f"{path}[0]", f"{path}[5]"]


def test_data_is_required_unless_told_otherwise() -> None:
    @click.command()
    @data_options(required=False)
    def command(data: DataArguments) -> None:
        click.echo(f"{len(data.data)} places")

    assert CliRunner().invoke(command, []).output == "0 places\n"
    with pytest.raises(click.MissingParameter, match="Missing parameter: data"):
        parsed()


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--image-crop", "224x", "'224x' is neither a number of pixels nor HEIGHTxWIDTH"),
        ("--image-crop", "0", "'0' is neither a number of pixels nor HEIGHTxWIDTH"),
        ("--image-crop", "1x2x3", "'1x2x3' is neither a number of pixels nor HEIGHTxWIDTH"),
        ("--image-mean", "a,b", "'a,b' is not a number, nor numbers parted by commas"),
        ("--samples", "0", "0 is not in the range x>=1"),
    ],
)
def test_values_that_cannot_be_read(option: str, value: str, reason: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parsed("--data", "d", option, value)
    assert reason in caught.value.format_message()
    assert option in caught.value.format_message()


def test_every_option_has_help() -> None:
    @click.command()
    @data_options()
    def command(data: DataArguments) -> None:
        raise AssertionError(data)

    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


def test_presets_are_those_of_the_data_package() -> None:
    assert tuple(IMAGE_PRESETS) == PRESETS


def test_defining_options_imports_nothing_heavy() -> None:
    code = "import sys, qconv.cli.data_options; print('numpy' in sys.modules, 'PIL' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False False\n"
