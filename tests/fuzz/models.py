"""Models that are changed in their structure, and what is asked of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from google.protobuf.message import DecodeError
from onnx import ModelProto

from tests.fuzz import hostile, mutate_bodies, mutate_nodes, mutate_tensors, mutate_types
from tests.fuzz.arrays import write_archive
from tests.fuzz.case import INPUTS, OUTPUTS
from tests.fuzz.seeds import Feeds, Seed
from tests.fuzz.sound_changes import CHANGES

Mutator = Callable[[Random, ModelProto, Path], None]

_MUTATORS: tuple[tuple[Mutator, ...], ...] = (
    mutate_nodes.MUTATORS,
    mutate_types.MUTATORS,
    mutate_tensors.MUTATORS,
    mutate_bodies.MUTATORS,
)
_SOUND = 0.5
"""Share of models that are changed soundly."""
_MODEL = f"{INPUTS}/model.onnx"
_DATA = f"{INPUTS}/data.npz"
_RECORD = f"{OUTPUTS}/model.qcal"
_VARIANT = f"{OUTPUTS}/variant.onnx"
_WEIGHT_TYPES = (
    *("uint8", "int4", "uint4", "int3", "int2", "uint2", "ternary", "binary", "fp8e4m3", "fp8e5m2"),
)


def make(random: Random, folder: Path, seeds: list[Seed]) -> tuple[list[str], list[str]]:
    """Write a changed model into a case's folder; return the command and what it may write."""
    seed = random.choice(seeds)
    (folder / _MODEL).write_bytes(changed(random, seed, folder / INPUTS))
    write_feeds(random, seed.feeds, folder / _DATA)
    return _command(random)


def changed(random: Random, seed: Seed, folder: Path) -> bytes:
    """Return the bytes of the seed's model after some changes; files beside it go to ``folder``."""
    model = seed.proto()
    sound = random.random() < _SOUND
    for _ in range(random.choice((0, 1, 1, 2, 3, 4) if sound else (1, 1, 1, 2, 2, 3, 6))):
        change = random.choice(CHANGES if sound else random.choice(_MUTATORS))
        with contextlib.suppress(DecodeError, ValueError):  # protobuf refuses some
            change(random, model, folder)
    if sound:
        return bytes(model.SerializeToString())
    content: bytes = model.SerializeToString()
    match random.randrange(100):
        case 0:
            return content + _nested(random.choice((10, 50, 1000)))
        case 1 | 2 | 3 | 4 | 5 | 6 | 7:
            return hostile.changed_bytes(random, content)
        case _:
            return content


def _nested(levels: int) -> bytes:
    """Return the field of a graph within a graph within a graph, deeper than protobuf writes it."""
    content = b""
    for _ in range(levels):
        for key in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            content = key + _varint(len(content)) + content
    return b"\x3a" + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    head, number = number & 127, number >> 7
    return bytes([head | 128]) + _varint(number) if number else bytes([head])


def write_feeds(random: Random, feeds: tuple[Feeds, ...], path: Path) -> None:
    """Write feeds as an archive of samples, each whole or without its batch axis."""
    if not feeds:
        return
    if random.random() < 0.5:
        arrays = {name: np.stack([feed[name] for feed in feeds]) for name in feeds[0]}
    else:
        arrays = {
            name: np.concatenate([np.atleast_1d(feed[name]) for feed in feeds]) for name in feeds[0]
        }
    write_archive(path, arrays)


def _command(random: Random) -> tuple[list[str], list[str]]:
    convert = ["convert", _MODEL, "-o", _VARIANT]
    data = ["--data", _DATA]
    match random.randrange(16):
        case 0 | 1:
            return ["inspect", _MODEL], []
        case 2:
            return ["inspect", _MODEL, "--json"], []
        case 3 | 4:
            depth = random.choice(("ranges", "histogram", "full"))
            values = random.choice(("all", "all", "quantizable"))
            options = ["--statistics", depth, "--values", values]
            return ["calibrate", _MODEL, *data, "-o", _RECORD, *options], [_RECORD]
        case 5 | 6:
            kind = random.choice(("fp16", "fp16", "bf16", "fp32"))
            options = ["--io", kind] if kind != "fp32" and random.random() < 0.3 else []
            return [*convert, "--dtype", kind, *options], [_VARIANT]
        case 7:
            return [*convert, "--dtype", "bf16", "--storage-only"], [_VARIANT]
        case 8:
            return [*convert, "--dtype", "int8", "--mode", "dynamic"], [_VARIANT]
        case 9:
            return [*convert, "--dtype", "int8", "--mode", "weight-only"], [_VARIANT]
        case 10:
            options = ["--external-data", random.choice(("always", "never", "auto"))]
            return [*convert, "--dtype", random.choice(_WEIGHT_TYPES), *options], [_VARIANT]
        case 11 | 12 | 13:
            effort = random.choice(("fast", "fast", "balanced", "best"))
            return [*convert, "--dtype", "int8", *data, "--effort", effort], [_VARIANT]
        case 14:
            return ["report", _MODEL, _MODEL, *data, "--no-latency"], []
        case _:
            return ["compare", _MODEL, _MODEL, *data], []
