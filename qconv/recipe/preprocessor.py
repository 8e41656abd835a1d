"""``preprocessor_config.json`` of Hugging Face as image options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args

from qconv.errors import InputError, UnsupportedError, UsageError
from qconv.files import require_regular
from qconv.recipe.fields import listed
from qconv.recipe.images import IMAGE_PRESETS, Filter, ImageOptions, Preset
from qconv.strict_json import parse

NAME = "preprocessor_config.json"

_MOST_BYTES = 1_000_000
_KNOWN = (
    *("ViT", "DeiT", "Beit", "Bit", "CLIP", "Siglip", "ConvNext", "MobileNetV1", "MobileNetV2"),
    *("MobileViT", "Segformer", "Pvt", "EfficientFormer"),
)
"""Processors that do what is here and nothing else; Swin, ResNet and DINOv2 use some of these."""
_FILTERS: tuple[Filter, ...] = get_args(Filter)
"""In the order of Pillow's numbers."""
_CONVNEXT_SHARE, _CONVNEXT_LARGE = 224 / 256, 384
"""The share that ConvNext crops where none is said, and the size from which on it stretches."""


def preset(chosen: Preset | Path) -> ImageOptions:
    """Return what a preset is: one of a name, or what a file says.

    Raises:
        UsageError: it is neither a name nor a file.
        InputError, UnsupportedError: see :func:`read_preprocessor`.
    """
    names = get_args(Preset)
    if chosen in names:
        return IMAGE_PRESETS[cast("Preset", chosen)]
    path = Path(chosen)
    if not path.exists():
        near = get_close_matches(path.name, names, n=1)
        raise UsageError(
            f"`image_preset` is '{chosen}'; it must be {listed(names, 'or')}, or a file",
            hint=f"did you mean {near[0]}?" if near else None,
        )
    return read_preprocessor(path)


def read_preprocessor(path: Path) -> ImageOptions:
    """Return what the processor of a file does to images.

    Raises:
        InputError: it cannot be read.
        UnsupportedError: it does what the options cannot say.
    """
    if require_regular(path, "a preprocessor_config.json", InputError) > _MOST_BYTES:
        raise InputError(f"{path}: is larger than 1 MB, which no such file is")
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no JSON object")
    try:
        return _Processor(path, content).options()
    except UsageError as error:
        raise InputError(f"{path}: {error}") from error


class _Processor:
    """What a file says, with the defaults of the library that writes it."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self._path = path
        self._content = content
        said = content.get("image_processor_type") or content.get("feature_extractor_type") or ""
        self._kind = re.sub("(FeatureExtractor|ImageProcessor)(Fast|Pil)?$", "", str(said))

    def options(self) -> ImageOptions:
        if self._kind not in _KNOWN:
            raise self._unsupported(f"is of the kind '{self._kind}'")
        for key in ("do_pad", "do_thumbnail", "do_align_long_axis", "rescale_offset"):
            if self._content.get(key):
                raise self._unsupported(f"says {key}")
        size, crop = self._sizes()
        mean, std = self._affine()
        return ImageOptions(
            fit="stretch" if isinstance(size, tuple) else "crop",
            size=size,
            crop=crop,
            filter=self._filter() if size is not None else "bilinear",
            mean=mean,
            std=std,
            order="bgr" if self._turns_colours else "rgb",
        )

    def _sizes(self) -> tuple[int | tuple[int, int] | None, tuple[int, int] | None]:
        """Return what an image is resized to, by one side or both, and what is cut out of it."""
        crops = bool(self._content.get("do_center_crop"))
        crop = self._both("crop_size") if crops else None
        if not self._content.get("do_resize", "size" in self._content):
            return None, crop
        size = self._content.get("size")
        if isinstance(size, Mapping) and size.keys() == {"shortest_edge"}:
            size = size["shortest_edge"]
        elif isinstance(size, Mapping) or not (crops or self._kind == "ConvNext"):
            return self._both("size"), crop
        elif self._kind not in ("CLIP", "ConvNext"):
            raise self._unsupported("gives 'size' as one number, which has several meanings")
        edge = self._whole("size", size)
        if self._kind != "ConvNext":
            return edge, crop
        share = self._number(self._content.get("crop_pct") or _CONVNEXT_SHARE)
        return (
            ((edge, edge), None) if edge >= _CONVNEXT_LARGE else (int(edge / share), (edge, edge))
        )

    @property
    def _turns_colours(self) -> bool:
        return bool(self._content.get("do_flip_channel_order", self._kind == "MobileViT"))

    def _both(self, key: str) -> tuple[int, int]:
        size = self._content.get(key)
        if isinstance(size, Mapping) and size.keys() == {"height", "width"}:
            return self._whole(key, size["height"]), self._whole(key, size["width"])
        length = self._whole(key, size)
        return length, length

    def _whole(self, key: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        raise self._unsupported(f"gives '{key}' as {str(value)[:100]}")

    def _filter(self) -> Filter:
        number = self._content.get("resample")
        if isinstance(number, int) and 0 <= number < len(_FILTERS):
            return _FILTERS[number]
        raise self._unsupported(f"gives 'resample' as {str(number)[:100]}")

    def _affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and std in pixel units; older files rescale without saying so."""
        factor = 1.0
        if self._content.get("do_rescale", True):
            factor = self._number(self._content.get("rescale_factor", 1 / 255))
        if not factor:
            raise self._unsupported("rescales pixels by 0")
        usual = "image_mean" in self._content and self._kind != "MobileViT"
        if not self._content.get("do_normalize", usual):
            return (0.0,), (1 / factor,)
        mean, std = self._numbers("image_mean"), self._numbers("image_std")
        return tuple(each / factor for each in mean), tuple(each / factor for each in std)

    def _numbers(self, key: str) -> tuple[float, ...]:
        given = self._content.get(key)
        return tuple(map(self._number, given if isinstance(given, list) else [given]))

    def _number(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return float(value)
        raise self._unsupported(f"has {str(value)[:100]} for a number")

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"{self._path}: {what}, which qconv does not follow",
            hint="say how images are fed: `image_preset=none`, and the options below it",
        )
