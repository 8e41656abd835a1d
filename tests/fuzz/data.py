"""Data of every kind that is changed, for a sound model."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.fuzz import arrays, hostile, scripts
from tests.fuzz.baked import Baked, stacked
from tests.fuzz.case import INPUTS, OUTPUTS
from tests.fuzz.seeds import Feeds

_MODEL = f"{INPUTS}/model.onnx"
_VARIANT = f"{OUTPUTS}/variant.onnx"
_RECORD = f"{OUTPUTS}/model.qcal"
_OTHER = f"{INPUTS}/other.onnx"
Place = tuple[str, list[str]]
"""Where data are, below the folder of inputs, and the options that go with them."""
_ROOM = 80
"""Characters of a file's name that no file system refuses."""


def make(random: Random, folder: Path, baked: list[Baked]) -> tuple[list[str], list[str]]:
    """Write a model and changed data for it; return the command and what it may write."""
    kind = random.choice(_KINDS)
    maps = [each for each in baked if each.name == "convolutions"]
    chosen = random.choice(maps if kind is _images else baked)
    (folder / _MODEL).write_bytes(chosen.model)
    (folder / _OTHER).write_bytes(random.choice(chosen.variants))
    place, options = kind(random, folder / INPUTS, chosen.feeds)
    data = ["--data", f"{INPUTS}/{place}", *options]
    if random.random() < 0.2:
        data += ["--samples", random.choice(("1", "2", "1000000000"))]
    if random.random() < 0.1:
        data += ["--data", f"{INPUTS}/{place}"]
    match random.randrange(5):
        case 0 | 1:
            depth = random.choice(("ranges", "histogram", "full"))
            options = ["--statistics", depth, "--batch-size", random.choice(("1", "1", "2", "7"))]
            return ["calibrate", _MODEL, *data, "-o", _RECORD, *options], [_RECORD]
        case 2:
            return ["convert", _MODEL, "--dtype", "int8", *data, "-o", _VARIANT], [_VARIANT]
        case 3:
            metric = (
                scripts.write_metric(random, folder / INPUTS) if random.random() < 0.5 else None
            )
            options = [] if metric is None else ["--metric", f"{INPUTS}/{metric}"]
            return ["report", _MODEL, _OTHER, *data, *options, "--no-latency"], []
        case _:
            return ["compare", _MODEL, _OTHER, *data], []


def _members(random: Random, feed: Feeds) -> list[tuple[str, bytes]]:
    """Return the files of an archive of arrays, some changed."""
    changes = random.choice((0, 1, 1, 1, 2))
    members = [(f"{name}.npy", arrays.file_of(array)) for name, array in feed.items()]
    for _ in range(changes):
        place = random.randrange(len(members))
        name, content = members[place]
        match random.randrange(6):
            case 0:
                members[place] = (
                    random.choice((hostile.name(random), hostile.name(random) + ".npy")),
                    content,
                )
            case 1:
                members.append((random.choice((name, hostile.name(random) + ".npy")), content))
            case 2 if len(members) > 1:
                del members[place]
            case _:
                members[place] = name, arrays.changed_file(random, content)
    return members


def _with_labels(random: Random, feed: Feeds, count: int) -> Feeds:
    """Add labels, mostly of a kind that no labels are."""
    labels = random.choice(
        (np.arange(count), np.arange(count), np.full(count, -1), np.full(count, 10**12),
         np.ones(count), np.zeros(3, np.int8), np.asarray(1), np.full(count, 2**63, np.uint64),
         np.asarray(["a"]), np.arange(0), np.full(count, np.nan), np.ones((count, 2), np.int64))
    )  # fmt: skip
    return {**feed, "labels": labels} if random.random() < 0.4 else feed


def _samples(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> Place:
    members = _members(random, _with_labels(random, stacked(feeds), len(feeds)))
    (folder / "data.npz").write_bytes(arrays.archived(random, members))
    return "data.npz", []


def _folder_of_archives(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> Place:
    (folder / "data").mkdir()
    for index, feed in enumerate(feeds):
        content = arrays.archived(random, _members(random, _with_labels(random, feed, 1)))
        _put(random, folder / "data", f"{index}.npz", content)
    return "data", []


def _folder_of_arrays(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> Place:
    (folder / "data").mkdir()
    for index, feed in enumerate(feeds):
        content = arrays.file_of(next(iter(feed.values())))
        if random.random() < 0.5:
            content = arrays.changed_file(random, content)
        _put(random, folder / "data", f"{index}.npy", content)
    return "data", []


def _onnx_sets(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> Place:
    for index, feed in enumerate(feeds):
        number = str(index) if random.random() < 0.9 else random.choice(("x", "٣", "-1", "1e3"))
        inner = folder / "data" / f"test_data_set_{number}"
        inner.mkdir(parents=True, exist_ok=True)
        for place, (name, array) in enumerate(feed.items()):
            position = place if random.random() < 0.9 else random.choice((7, -1, 10**9))
            _put(random, inner, f"input_{position}.pb", _tensor(random, name, array))
    return random.choice(("data", "data", "data/test_data_set_0")), []


def _tensor(random: Random, name: str, array: NDArray[Any]) -> bytes:
    changed = arrays.changed_array(random, array) if random.random() < 0.3 else array
    if changed.dtype.kind not in "biuf" or not changed.dtype.isnative:
        changed = array
    tensor = numpy_helper.from_array(changed, name)
    if random.random() < 0.1:
        tensor.dims.append(random.choice(hostile.DIMS))
    if random.random() < 0.1:
        place = random.choice(("../model.onnx", "/etc/passwd", "input_1.pb"))
        tensor.external_data.add(key="location", value=place)
        tensor.data_location = tensor.EXTERNAL
    content: bytes = tensor.SerializeToString()
    return hostile.changed_bytes(random, content) if random.random() < 0.2 else content


def _images(random: Random, folder: Path, _: tuple[Feeds, ...]) -> Place:
    from PIL import Image

    (folder / "data").mkdir()
    numbers = np.random.default_rng(random.getrandbits(32))
    for index in range(3):
        kind = random.choice(("png", "png", "jpeg", "bmp", "webp"))
        mode = random.choice(("RGB", "RGB", "L", "RGBA", "P", "1", "CMYK", "I;16"))
        if (kind, mode) not in {
            ("png", mode),
            ("jpeg", "RGB"),
            ("jpeg", "L"),
            ("jpeg", "CMYK"),
            ("bmp", "RGB"),
            ("webp", "RGB"),
        } or (kind, mode) == ("png", "CMYK"):
            mode = "RGB"
        size = random.choice(((8, 8), (8, 8), (12, 9), (1, 1), (300, 2)))
        pixels = Image.fromarray(numbers.integers(0, 255, (size[1], size[0], 3), np.uint8))
        buffer = io.BytesIO()
        (pixels.convert("L").convert("I;16") if mode == "I;16" else pixels.convert(mode)).save(
            buffer, kind
        )
        content = buffer.getvalue()
        if random.random() < 0.3:
            content = hostile.changed_bytes(random, content)
        _put(random, folder / "data", f"{index}.{kind}", content)
    if random.random() < 0.5:
        _labels(random, folder / "data" / "labels.csv")
    options = []
    for name, values in _IMAGE_OPTIONS.items():
        if random.random() < 0.3:
            options += [f"--image-{name}", random.choice(values)]
    return "data", options


_IMAGE_OPTIONS = {
    "mean": ("0", "127", "1,2,3", "1,2", "nan", "1e400", "x"),
    "std": ("255", "1", "0", "1,2,3", "inf", "-1"),
    "size": ("8", "8", "9", "1", "100000000"),
    "crop": ("8", "8x8", "1x1", "9x8", "100000000", "8x100000000"),
    "order": ("rgb", "bgr"),
    "layout": ("nchw", "nhwc", "auto"),
    "preset": ("imagenet-torch", "imagenet-tf"),
}


def _labels(random: Random, path: Path) -> None:
    rows = [
        f"{index}.png,{random.choice((index, '1', '-1', 'x', '1e3', '9' * 30, '', '٣'))}"
        for index in range(3)
    ]
    rows += random.choices(
        ("../model.onnx,1", "0.png", "0.png,1,2", '"0.png', "\0,1", "/dev/zero,1", ""),
        k=random.randrange(2),
    )
    head = random.choice(
        ("file,label",) * 5 + ("label,file", "file", "", "file,label,file", "FILE,LABEL")
    )
    content = "\n".join([head, *rows]).encode()
    path.write_bytes(hostile.changed_bytes(random, content) if random.random() < 0.2 else content)


def _script(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> Place:
    return scripts.write_data(random, folder, feeds), []


def _put(random: Random, folder: Path, name: str, content: bytes) -> None:
    """Write a file, now and then under a hostile name, or something that is no file."""
    suffix = Path(name).suffix
    if random.random() < 0.05:
        name = hostile.name(random).replace("/", "_").replace("\0", "_")[:_ROOM] + suffix
    path = folder / name
    if os.path.lexists(path):
        return
    match random.randrange(60):
        case 0:
            path.symlink_to(random.choice(("nothing", name, "/dev/zero", "../model.onnx", "..")))
        case 1:
            os.mkfifo(path)
        case 2:
            path.mkdir()
        case 3:
            path.write_bytes(b"")
        case _:
            path.write_bytes(content)


_Kind = Callable[[Random, Path, tuple[Feeds, ...]], Place]
_KINDS: tuple[_Kind, ...] = (
    *(
        _samples,
        _samples,
        _folder_of_archives,
        _folder_of_arrays,
        _onnx_sets,
        _images,
        _script,
        _script,
    ),
)
