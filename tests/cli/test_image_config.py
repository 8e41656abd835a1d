"""Images are fed as a preprocessor_config.json beside the model says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.cli_helpers import Qconv, Refuses

CONFIG = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 8, "width": 8},
    "resample": 3,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.25, 0.5, 0.5],
}
TOLD = (
    "images as preprocessor_config.json and the options say: --image-fit stretch --image-size 8x8 "
    "--image-filter bicubic --image-mean 127.5,127.5,127.5 --image-std 63.75,127.5,127.5\n"
)


@pytest.fixture(autouse=True)
def _images(folder: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a/0.png", "a/1.png", "b/2.png"):
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        array = random.integers(0, 256, (12, 20, 3), dtype=np.uint8)
        Image.fromarray(array).save(folder / "photos" / name)
    (folder / "preprocessor_config.json").write_text(json.dumps(CONFIG))


def test_it_is_followed_and_told(qconv: Qconv, folder: Path) -> None:
    said = qconv("calibrate model.onnx --data photos -o a.qcal")
    assert said.code == 0
    assert said.err.startswith(TOLD)
    stated = "--image-preset none --image-fit stretch --image-filter bicubic"
    numbers = "--image-mean 127.5 --image-std 63.75,127.5,127.5"
    said = qconv(f"calibrate model.onnx --data photos {stated} {numbers} -o b.qcal -q")
    assert (said.code, said.err) == (0, "")
    assert (folder / "a.qcal").read_bytes() == (folder / "b.qcal").read_bytes()


def test_options_come_before_it(qconv: Qconv) -> None:
    said = qconv("calibrate model.onnx --data photos/a/*.png --image-fit pad -o a.qcal")
    assert said.code == 0
    assert "the options say: --image-fit pad --image-filter bicubic --image-mean" in said.err
    assert qconv("calibrate model.onnx --data photos -q -o b.qcal").err == ""


def test_a_file_is_a_preset_and_no_output(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    (folder / "preprocessor_config.json").rename(folder / "p.json")
    line = "calibrate model.onnx --data photos --image-preset p.json"
    refuses(f"{line} -f -o p.json", code=2, message="p.json: the output would replace the data")
    assert qconv(f"{line} -o a.qcal").code == 0
    (folder / "recipe.toml").write_text('data = "photos"\nimage-preset = "p.json"\n')
    assert qconv("calibrate model.onnx --recipe recipe.toml -o b.qcal").code == 0
    assert (folder / "a.qcal").read_bytes() == (folder / "b.qcal").read_bytes()


def test_it_is_read_where_there_are_images_alone(
    qconv: Qconv, folder: Path, refuses: Refuses
) -> None:
    (folder / "preprocessor_config.json").write_text('{"feature_extractor_type": "Whisper"}')
    assert qconv("calibrate model.onnx --data data.npz -o a.qcal").code == 0
    refuses(
        "calibrate model.onnx --data photos -o b.qcal",
        code=4,
        message="preprocessor_config.json: is of the kind 'Whisper', which qconv does not follow",
        hint="say how images are fed: --image-preset none, and the options below it",
    )


def test_a_wrong_preset(refuses: Refuses) -> None:
    refuses(
        "calibrate model.onnx --data photos --image-preset imagenet-troch -o a.qcal",
        code=2,
        message="--image-preset is 'imagenet-troch'; it must be imagenet-torch, imagenet-tf or "
        "none, or a file",
        hint="did you mean imagenet-torch?",
    )
