"""``preprocessor_config.json`` as image options; benchmarks.image_feeds compares the pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qconv.errors import InputError, UnsupportedError
from qconv.recipe.beside import find_beside
from qconv.recipe.images import ImageOptions
from qconv.recipe.preprocessor import NAME, read_preprocessor

NORMALIZED = {"do_normalize": True, "image_mean": [0.5, 0.25, 0.125], "image_std": [0.5, 0.25, 1.0]}
MEAN, STD = (127.5, 63.75, 31.875), (127.5, 63.75, 255.0)


def read(folder: Path, kind: str, **content: Any) -> ImageOptions:
    path = folder / NAME
    path.write_text(json.dumps({"image_processor_type": kind, "resample": 2, **content}))
    return read_preprocessor(path)


def both(height: int, width: int) -> dict[str, int]:
    return {"height": height, "width": width}


@pytest.mark.parametrize(
    ("kind", "content", "wanted"),
    [
        ("ViTImageProcessor", {"size": both(224, 192)}, {"fit": "stretch", "size": (224, 192)}),
        ("ViTFeatureExtractor", {"size": 224}, {"fit": "stretch", "size": (224, 224)}),
        ("SiglipImageProcessorFast", {"size": both(4, 4), "resample": 3},
         {"fit": "stretch", "size": (4, 4), "filter": "bicubic"}),
        ("DeiTImageProcessor", {"size": both(256, 256), "do_center_crop": True,
                                "crop_size": both(224, 224)},
         {"fit": "stretch", "size": (256, 256), "crop": (224, 224)}),
        ("CLIPFeatureExtractor", {"size": 224, "do_center_crop": True, "crop_size": 224},
         {"size": 224, "crop": (224, 224)}),
        ("MobileNetV2ImageProcessor", {"size": {"shortest_edge": 256}, "do_center_crop": True,
                                       "crop_size": both(224, 224)},
         {"size": 256, "crop": (224, 224)}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}, "crop_pct": 0.875},
         {"size": 256, "crop": (224, 224)}),
        ("ConvNextFeatureExtractor", {"size": 224}, {"size": 256, "crop": (224, 224)}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}},
         {"fit": "stretch", "size": (384, 384)}),
        ("ViTImageProcessor", {"do_resize": False, "size": both(4, 4)}, {}),
    ],
)  # fmt: skip
def test_sizes(tmp_path: Path, kind: str, content: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = read(tmp_path, kind, **content, **NORMALIZED)
    assert made == ImageOptions(mean=MEAN, std=STD, **wanted)


def test_scaling_and_colours(tmp_path: Path) -> None:
    size = {"size": both(4, 4)}
    assert read(tmp_path, "ViTImageProcessor", do_normalize=False, **size).std == (255.0,)
    made = read(tmp_path, "ViTImageProcessor", do_rescale=False, **size, **NORMALIZED)
    assert (made.mean, made.std) == ((0.5, 0.25, 0.125), (0.5, 0.25, 1.0))
    made = read(tmp_path, "MobileViTImageProcessor", image_mean=[0.5], image_std=[0.5], **size)
    assert (made.order, made.mean, made.std) == ("bgr", (0.0,), (255.0,))
    one = read(
        tmp_path, "ViTImageProcessor", do_normalize=True, image_mean=0.5, image_std=1, **size
    )
    assert (one.mean, one.std) == ((127.5,), (255.0,))


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("DetrImageProcessor", {"size": {"shortest_edge": 800}}, "is of the kind 'Detr'"),
        ("WhisperFeatureExtractor", {}, "is of the kind 'Whisper'"),
        ("ViTImageProcessor", {"do_pad": True}, "says do_pad"),
        ("DeiTFeatureExtractor", {"size": 256, "do_center_crop": True, "crop_size": 224},
         "gives 'size' as one number, which has several meanings"),
        ("ViTImageProcessor", {"size": {"longest_edge": 9}}, "gives 'size' as {'longest_edge': 9}"),
        ("ViTImageProcessor", {"size": both(0, 4)}, "gives 'size' as 0"),
        ("ViTImageProcessor", {"do_resize": True}, "gives 'size' as None"),
        ("ViTImageProcessor", {"size": 4, "resample": 9}, "gives 'resample' as 9"),
        ("ViTImageProcessor", {"size": 4, "do_normalize": True}, "has None for a number"),
        ("ViTImageProcessor", {"size": 4, "rescale_factor": 0}, "rescales pixels by 0"),
    ],
)  # fmt: skip
def test_what_is_not_followed(
    tmp_path: Path, kind: str, content: dict[str, Any], told: str
) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read(tmp_path, kind, **content)
    assert str(caught.value) == f"{tmp_path / NAME}: {told}, which qconv does not follow"
    assert (
        caught.value.hint == "say how images are fed: `image_preset=none`, and the options below it"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "holds no JSON object"),
        ("{", "cannot be read as JSON: "),
        ("[" * 100_000, "cannot be read as JSON: it is nested too deeply"),
        (" " * 1_000_001, "is larger than 1 MB, which no such file is"),
        ('{"image_processor_type": "ViTImageProcessor", "size": 4, "resample": 2, '
         '"do_normalize": true, "image_mean": 1, "image_std": 0}', "`image_std` is "),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(InputError) as caught:
        read_preprocessor(tmp_path / NAME)
    assert str(caught.value).startswith(f"{tmp_path / NAME}: {told}")


def test_it_is_found_beside_a_model_and_above_its_folder_onnx(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "other").mkdir()
    assert find_beside(tmp_path / "onnx" / "m.onnx", NAME) is None
    (tmp_path / NAME).touch()
    for name in ("m.onnx", "onnx/m.onnx"):
        found = find_beside(tmp_path / name, NAME)
        assert found is not None
        assert found.samefile(tmp_path / NAME)
    assert find_beside(tmp_path / "other" / "m.onnx", NAME) is None
