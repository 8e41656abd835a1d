"""Every command on every node model."""

from __future__ import annotations

import gc
import multiprocessing
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import numpy_helper

from tests.fuzz.campaign import PLACE
from tests.fuzz.case import INPUTS, OUTPUTS, Case, make_folders
from tests.fuzz.crashes import crash_faults
from tests.fuzz.outcome import faults
from tests.fuzz.seeds import WITH_WEIGHTS, Seed, node_seeds
from tests.fuzz.worker import import_all, run_forked
from tests.nodes.judge import judge

_MODEL, _DATA = f"{INPUTS}/model.onnx", f"{INPUTS}/test_data_set_0"


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        words: of ``qconv``; ``{model}``, ``{data}`` and ``{out}`` stand for places.
        near: dB that the error of the written file's outputs must lie below the signal, or None
            where it writes no model.
    """

    words: str
    near: float | None = None

    def case(self, number: int) -> Case:
        """Return the case of one model."""
        output = f"{OUTPUTS}/{'out.onnx' if self.near is not None else 'out.qcal'}"
        words = self.words.format(model=_MODEL, data=_DATA, out=output)
        return Case(number, "nodes", tuple(shlex.split(words)), (output,) * ("{out}" in self.words))


COMMANDS: Mapping[str, Command] = {
    "inspect": Command("inspect {model}"),
    "calibrate --values all": Command("calibrate {model} --values all --data {data} -o {out}"),
    "fp16": Command("convert {model} --dtype fp16 -o {out}", near=40),
    "bf16": Command("convert {model} --dtype bf16 -o {out}", near=25),
    "bf16 --storage-only": Command("convert {model} --dtype bf16 --storage-only -o {out}", near=25),
    "int8": Command("convert {model} --dtype int8 --data {data} -o {out}", near=20),
    "int8 --mode dynamic": Command("convert {model} --dtype int8 --mode dynamic -o {out}", near=20),
    "int8 --mode weight-only": Command(
        "convert {model} --dtype int8 --mode weight-only -o {out}", near=25
    ),
    "int4": Command("convert {model} --dtype int4 -o {out}", near=10),
}


@dataclass(frozen=True)
class Ended:
    """How a command on a model ended: its exit code, what it said last, and what is wrong."""

    model: str
    command: str
    code: int
    told: str
    wrong: tuple[str, ...]


def every(step: int) -> list[Seed]:
    """Return every ``step``-th node model, and with it the one with its inputs as weights."""
    seeds = node_seeds()
    names = {seed.name.removesuffix(WITH_WEIGHTS) for seed in seeds}
    taken = set(sorted(names)[::step])
    return [seed for seed in seeds if seed.name.removesuffix(WITH_WEIGHTS) in taken]


def sweep(models: Sequence[Seed], commands: Sequence[str], workers: int) -> Iterator[Ended]:
    """Run the commands on the models in forked children of so many workers; tell as they end."""
    import_all()
    gc.collect()
    gc.freeze()
    context = multiprocessing.get_context("fork")
    with context.Pool(workers, _keep, (models,)) as pool:
        tasks = ((number, name) for number in range(len(models)) for name in commands)
        yield from pool.imap_unordered(_ended, tasks, chunksize=8)


_models: Sequence[Seed] = ()


def _keep(models: Sequence[Seed]) -> None:
    """In a worker: know the models, which need not travel for each task."""
    global _models
    _models = models


def _ended(task: tuple[int, str]) -> Ended:
    number, name = task
    return run(_models[number], name, number)


def run(model: Seed, name: str, number: int = 0) -> Ended:
    """Run one command on one model, and judge what came of it."""
    command = COMMANDS[name]
    case = command.case(number)
    with tempfile.TemporaryDirectory(dir=PLACE, ignore_cleanup_errors=True) as place:
        folder = _filled(Path(place, "case"), model)
        outcome = run_forked(case, folder)
        wrong = [f"{fault.shape}: {fault.told}" for fault in faults(case, outcome)]
        if outcome.crashed:
            again = _filled(Path(place, "again"), model)
            wrong += [fault.shape for fault in crash_faults(case, outcome, again)]
        elif outcome.code == 0 and command.near is not None:
            found = judge(
                folder / _MODEL,
                folder / case.outputs[0],
                model.feeds[0] if model.feeds else None,
                command.near,
            )
            wrong += [each for each in found if not _is_expected(name, each)]
    told = (outcome.errors.strip().splitlines() or [""])[0]
    return Ended(model.name, name, outcome.code, told, tuple(wrong))


def _filled(folder: Path, model: Seed) -> Path:
    make_folders(folder)
    (folder / _MODEL).write_bytes(model.model)
    (folder / _DATA).mkdir()
    for index, array in enumerate(model.feeds[0].values() if model.feeds else ()):
        tensor = numpy_helper.from_array(array)
        (folder / _DATA / f"input_{index}.pb").write_bytes(tensor.SerializeToString())
    return folder


def _is_expected(name: str, wrong: str) -> bool:
    """The runtime lacks most kernels in bfloat16: such files are for other runtimes."""
    return name == "bf16" and "NOT_IMPLEMENTED" in wrong
