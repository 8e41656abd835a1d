"""Calibration records that are changed: their manifest, their arrays, their archive."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from random import Random

from tests.fuzz import arrays, hostile, json_values
from tests.fuzz.baked import Baked
from tests.fuzz.case import INPUTS, OUTPUTS

_MODEL = f"{INPUTS}/model.onnx"
_RECORD = f"{INPUTS}/model.qcal"
_VARIANT = f"{OUTPUTS}/variant.onnx"
_MANIFEST = "manifest.json"


def make(random: Random, folder: Path, baked: list[Baked]) -> tuple[list[str], list[str]]:
    """Write a model and a changed record of it; return the command and what it may write."""
    chosen = random.choice(baked)
    (folder / _MODEL).write_bytes(chosen.model)
    (folder / _RECORD).write_bytes(_changed(random, random.choice(chosen.records)))
    record = ["--calibration", _RECORD]
    match random.randrange(6):
        case 0:
            return ["inspect", _MODEL, *record], []
        case 1:
            return ["convert", _MODEL, *record, "--dtype", "fp16", "-o", _VARIANT], [_VARIANT]
        case 2:
            kind = random.choice(("int4", "uint8", "int2"))
            algorithm = random.choice(("gptq", "awq", "adaround", "auto"))
            options = ["--dtype", kind, "--algorithm", algorithm]
            return ["convert", _MODEL, *record, *options, "-o", _VARIANT], [_VARIANT]
        case _:
            method = random.choice(("auto", "minmax", "percentile", "entropy", "mse"))
            options = ["--dtype", "int8", "--method", method]
            options += random.choice(
                ([], [], ["--effort", "fast"], ["--smooth", "0.5"], ["--equalize", "on"])
            )
            return ["convert", _MODEL, *record, *options, "-o", _VARIANT], [_VARIANT]


def _changed(random: Random, record: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(record)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(random.choice((1, 1, 1, 2))):
        place = random.randrange(len(entries))
        name, content = entries[place]
        match random.randrange(8):
            case 0 | 1:
                entries = [(name, _told(random, name, content)) for name, content in entries]
            case 2 if len(entries) > 1:
                del entries[place]
            case 3:
                entries.append((random.choice((name, hostile.name(random) + ".npy")), content))
            case 4:
                entries[place] = name, hostile.changed_bytes(random, content)
            case _ if name.endswith(".npy"):
                entries[place] = name, arrays.changed_file(random, content)
            case _:
                pass
    return arrays.archived(random, entries)


def _told(random: Random, name: str, content: bytes) -> bytes:
    """Change the manifest, if this is it."""
    if name != _MANIFEST:
        return content
    try:
        return json_values.changed(random, json.loads(content))
    except (ValueError, RecursionError):  # it was changed before
        return hostile.changed_bytes(random, content)
