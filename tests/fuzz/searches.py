"""Searches for the best file: goals, models and data by chance, and what an earlier one left."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz import gates, json_values, models
from tests.fuzz.arrays import write_archive
from tests.fuzz.baked import Baked
from tests.fuzz.case import INPUTS, OUTPUTS
from tests.fuzz.seeds import Feeds, Seed

_MODEL = f"{INPUTS}/model.onnx"
_DATA = f"{INPUTS}/data.npz"
_SCRIPT = f"{INPUTS}/metric.py"
_PLAN = f"{INPUTS}/plan.json"
_VARIANT = f"{OUTPUTS}/variant.onnx"
_TRIALS = f"{_VARIANT}.trials.json"
_SAVED = f"{OUTPUTS}/plan.json"
_SAMPLES = 9
_METRIC = """def error(outputs, sample, reference):
    pairs = [(outputs[name], reference[name]) for name in outputs]
    return sum(float(abs(a - b).sum()) for a, b in pairs if a.dtype.kind == "f")
"""
_GOALS = (
    ("--objective", "speed", "--fail-if", "sqnr_db < 60"),
    ("--objective", "speed", "--metric", f"{_SCRIPT}:error", "--fail-if", "error > 0.001"),
    ("--objective", "size", "--max-size", "0.001MB"),
    ("--objective", "size", "--fail-if", "cosine < 0.99"),
    ("--objective", "accuracy", "--min-speedup", "1"),
    ("--objective", "accuracy", "--max-size", "1kB"),
)


def make(
    random: Random, folder: Path, seeds: list[Seed], baked: list[Baked]
) -> tuple[list[str], list[str]]:
    """Write a model, samples and a metric; return the command and what it may write."""
    inputs = folder / INPUTS
    (inputs / "metric.py").write_text(_METRIC, encoding="utf-8")
    if random.random() < 0.2:
        return _planned(random, folder, random.choice(baked))
    if random.random() < 0.3:
        chosen = random.choice(baked)
        content, feeds = chosen.model, chosen.feeds
    else:
        seed = random.choice(seeds)
        content, feeds = models.changed(random, seed, inputs), seed.feeds
    (inputs / "model.onnx").write_bytes(content)
    _write_samples(random, feeds, folder / _DATA)
    arguments = ["tune", _MODEL, "--data", _DATA, *random.choice(_GOALS), "-o", _VARIANT]
    if random.random() < 0.15:
        arguments += ["--fail-if", gates.expression(random).replace("\0", "")]
    arguments += random.choice(([], [], ["--effort", "best"], ["--effort", "fast"]))
    arguments += random.choice(([], [], ["--max-time", "0s"], ["--test", _DATA]))
    outputs = [_VARIANT, _TRIALS]
    if random.random() < 0.2:
        arguments += ["--save-plan", _SAVED]
        outputs.append(_SAVED)
    if random.random() < 0.2:
        arguments.append("--resume")
        _write_changed(random, random.choice(baked).trials, folder / _TRIALS)
    return arguments, outputs


def _planned(random: Random, folder: Path, chosen: Baked) -> tuple[list[str], list[str]]:
    """Write a changed plan beside its model; return the conversion by it."""
    (folder / _MODEL).write_bytes(chosen.model)
    _write_samples(random, chosen.feeds, folder / _DATA)
    _write_changed(random, chosen.plan, folder / _PLAN)
    return ["convert", _MODEL, "--plan", _PLAN, "--data", _DATA, "-o", _VARIANT], [_VARIANT]


def _write_changed(random: Random, content: bytes, path: Path) -> None:
    if content:
        path.write_bytes(json_values.changed(random, json.loads(content)))


def _write_samples(random: Random, feeds: tuple[Feeds, ...], path: Path) -> None:
    """Write enough samples for a search, with noise, so that they differ."""
    if not feeds:
        return
    noise = np.random.default_rng(random.randrange(1 << 30))
    samples = list(islice(cycle(feeds), random.choice((_SAMPLES, _SAMPLES, 7))))
    arrays = {}
    for name in feeds[0]:
        array = np.stack([sample[name] for sample in samples])
        if array.dtype in (np.float32, np.float64):
            with np.errstate(all="ignore"):
                array = array + 0.1 * noise.standard_normal(array.shape).astype(array.dtype)
        arrays[name] = array
    write_archive(path, arrays)
