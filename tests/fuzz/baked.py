"""What qconv makes of sound models, to begin with: records and variants."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.arrays import write_archive
from tests.fuzz.seeds import Feeds, Seed


@dataclass(frozen=True)
class Baked:
    """A sound model with all that a command may be given beside it."""

    name: str
    model: bytes
    feeds: tuple[Feeds, ...]
    records: tuple[bytes, ...]
    variants: tuple[bytes, ...]
    trials: bytes
    plan: bytes


def bake(seeds: list[Seed]) -> list[Baked]:
    """Calibrate and convert models in another process: sessions do not survive a fork."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return [baked for baked in pool.map(_bake, seeds) if baked is not None]


def _bake(seed: Seed) -> Baked | None:
    """Return what the commands write for one model, or None if it cannot be calibrated."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(seed.model)
        write_archive(folder / "data.npz", stacked(seed.feeds))
        records = [
            made
            for options in ([], ["--statistics", "full", "--values", "all"])
            if (made := _made(folder, "calibrate", "--data", f"{folder}/data.npz", *options))
        ]
        if not records:
            return None
        (folder / "model.qcal").write_bytes(records[-1])
        variants = [
            made
            for options in (
                ["int8", "--calibration", f"{folder}/model.qcal"],
                ["int8", "--mode", "dynamic"],
                ["fp16"],
            )
            if (made := _made(folder, "convert", "--dtype", *options))
        ]
        trials, plan = _searched(folder, seed.feeds)
    return Baked(
        *(seed.name, seed.model, seed.feeds, tuple(records), (seed.model, *variants)),
        trials=trials,
        plan=plan,
    )


def _searched(folder: Path, feeds: tuple[Feeds, ...]) -> tuple[bytes, bytes]:
    """Return the trials and the plan that a search writes, or nothing where it cannot."""
    write_archive(folder / "samples.npz", stacked(feeds * 3))
    goal = ["--objective", "speed", "--fail-if", "sqnr_db < 1000"]
    plan, trials = folder / "plan.json", folder / "made.trials.json"
    _made(folder, "tune", "--data", f"{folder}/samples.npz", *goal, "--save-plan", str(plan))
    return _read(trials), _read(plan)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _made(folder: Path, command: str, *options: str) -> bytes | None:
    """Return what a command writes, or None if it fails."""
    from qconv.cli.main import run

    output = folder / "made"
    output.unlink(missing_ok=True)
    with contextlib.redirect_stderr(io.StringIO()):
        run([command, f"{folder}/model.onnx", *options, "-q", "-o", str(output)])
    return output.read_bytes() if output.exists() else None


def stacked(feeds: tuple[Feeds, ...]) -> Feeds:
    """Return feeds as one array for each input, whole feeds one behind the other."""
    return {name: np.stack([feed[name] for feed in feeds]) for name in feeds[0]}
