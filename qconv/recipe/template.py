"""A recipe file to begin with: what was chosen, and the rest as comments."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.errors import UsageError
from qconv.printable import printable
from qconv.recipe.file import PLACES
from qconv.recipe.options import OPTIONS
from qconv.recipe.texts import moved

_HEAD = """\
# What `qconv run` does; `qconv run --dry-run` shows it first. Each key is an option of the
# commands, without the dashes: `qconv run --help` lists them. Paths are taken from the folder of
# this file.
"""
_PARTS: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    (
        "Samples of the kind that the model will meet, to calibrate on: a hundred are a good\n"
        "start. A .npz file, a folder, images, or script.py:function; see docs/data.md.",
        (("data", '"calibration/"'), ("samples", "100")),
    ),
    (
        "Other samples, to compare on, with labels if you have some; the model's task, or a\n"
        "function that judges its outputs.",
        (
            ("test_data", '"test/"'),
            ("test_samples", "400"),
            ("task", '"boxes"'),
            ("metric", '"score.py:f1"'),
        ),
    ),
    (
        "How to turn an image into the model's input: a preset, or its parts.",
        (
            ("image_preset", '"imagenet-torch"'),
            ("image_fit", '"crop"'),
            ("image_mean", "[123.675, 116.28, 103.53]"),
            ("image_std", "[58.395, 57.12, 57.375]"),
            ("labels", '"labels.csv"'),
        ),
    ),
    (
        "Inputs that are always the same.",
        (("assume", '["sr=16000"]'),),
    ),
    (
        "Types to convert to, how much work goes into accuracy, and what stays in float.",
        (
            ("dtype", '["int8"]'),
            ("mode", '"dynamic"'),
            ("effort", '"best"'),
            ("float_layers", '["Softmax"]'),
            ("layers", '["head=float", "fc2=int4"]'),
        ),
    ),
    (
        "Where the files go, and what fails the run: metrics as `qconv report --help` lists them.",
        (
            ("output", '"out"'),
            ("fail_if", '["sqnr_db < 15", "top1_drop > 1.0", "size_ratio > 0.5"]'),
            ("latency", "false"),
        ),
    ),
)
_STATED = {"output"}
_IMAGES = {"image_preset", "image_fit", "image_mean", "image_std", "labels"}


@dataclass(frozen=True)
class About:
    """What the comments say of the model.

    Attributes:
        inputs: each input with its type and shape, in words.
        outputs: likewise.
        images: whether it may be fed with images.
    """

    inputs: Sequence[str]
    outputs: Sequence[str]
    images: bool


def recipe_text(model: Path, about: About, chosen: Mapping[str, object], folder: Path) -> str:
    """Return a recipe for a model.

    Args:
        model: its file.
        about: what comments say of it.
        chosen: what stands in it from the first, by the name of the option.
        folder: where the file will lie, from which relative paths are taken.

    Raises:
        UsageError: a value cannot stand in a recipe.
    """
    return "\n".join(_lines(model, about, chosen, folder)) + "\n"


def _lines(model: Path, about: About, chosen: Mapping[str, object], folder: Path) -> Iterator[str]:
    yield _HEAD
    yield f"model = {_value('model', model, folder)}"
    for kind, ports in (("input", about.inputs), ("output", about.outputs)):
        yield from (f"# {kind}: {printable(port)}" for port in ports)
    told = {"model"}
    for heading, keys in _PARTS:
        shown = [(name, usual) for name, usual in keys if about.images or name not in _IMAGES]
        if not shown:
            continue
        yield ""
        yield from (f"# {line}" for line in heading.splitlines())
        for name, usual in shown:
            told.add(name)
            key = OPTIONS[name].key
            if name in chosen:
                yield f"{key} = {_value(name, chosen[name], folder)}"
            else:
                yield f"{key} = {usual}" if name in _STATED else f"# {key} = {usual}"
    others = [name for name in chosen if name not in told]
    if others:
        yield ""
    for name in others:
        yield f"{OPTIONS[name].key} = {_value(name, chosen[name], folder)}"


def _from(path: str, folder: Path) -> str:
    return path if os.path.isabs(path) else os.path.relpath(path, folder)  # noqa: PTH117


def _value(name: str, value: object, folder: Path) -> str:
    if isinstance(value, tuple):
        parts = [_value(name, part, folder) for part in value]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if isinstance(value, Path) or (name in PLACES and PLACES[name](text)):
        text = moved(text, lambda path: _from(path, folder))
    if not text.isprintable():
        raise UsageError(f"'{printable(text)}' cannot stand in a recipe: it has hidden characters")
    return json.dumps(text, ensure_ascii=False)
