"""One model in every type and mode: each file written and right, or refused with a true sentence.

python -m benchmarks.every_type MODEL --data DATA [--samples N] [--types int4 fp16 ...]
    [--keep FOLDER] [--custom-ops FILE]

Each type is a run of ``qconv convert`` in a process of its own. The written file is loaded and run
on the samples, and its outputs are set beside the float model's: SQNR in dB of the worst output
over the samples. Ends with 1 if a row is neither right nor refused.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.processes import run
from qconv.data import open_data
from qconv.data.source import Array, Sample
from qconv.graph.model_io import model_bytes
from qconv.numerics.metrics import Sqnr
from qconv.runtime.session import input_specs

TYPES: Mapping[str, tuple[str, ...]] = {
    "int8 static": ("--dtype", "int8"),
    "int8 dynamic": ("--dtype", "int8", "--mode", "dynamic"),
    "int8 weights": ("--dtype", "int8", "--mode", "weight-only"),
    **{
        name: ("--dtype", name)
        for name in ("uint8", "int4", "uint4", "int3", "int2", "uint2", "ternary", "binary",
                     "fp8e4m3", "fp8e5m2", "fp16", "bf16")
    },
    "bf16 storage": ("--dtype", "bf16", "--storage-only"),
    "fp32": ("--dtype", "fp32"),
}  # fmt: skip
"""What ``qconv convert`` is asked for, by the name of the row."""

LEAST_DB: Mapping[str, float] = {
    "int8 weights": 10, "uint8": 10, "fp8e4m3": 0, "fp16": 20, "bf16": 10, "bf16 storage": 10,
    "fp32": 60,
}  # fmt: skip
"""SQNR below which a file of 8 bits or more counts as broken; other types have no floor."""

_REFUSALS = (2, 3, 4, 5)
_BLAME = "this is a fault of qconv"
_NO_KERNEL = ("NOT_IMPLEMENTED", "is not a registered function/op")


@dataclass(frozen=True)
class Row:
    """What became of one type.

    ``code`` and ``sentence`` are those of the command, ``peak`` its largest resident memory in MB,
    ``sqnr_db`` is NaN where nothing was
    measured, and ``fault`` is empty where the file is right or the refusal is in order.
    """

    name: str
    code: int
    seconds: float
    peak: float
    megabytes: float
    sqnr_db: float
    sentence: str
    fault: str

    def __str__(self) -> str:
        measured = "" if math.isnan(self.sqnr_db) else f"{self.sqnr_db:.1f}"
        size = f"{self.megabytes:.2f}" if self.megabytes else ""
        word = f"WRONG: {self.fault} " if self.fault else ""
        return (
            f"{self.name:13} {self.code:3} {self.seconds:6.1f} {self.peak:6.0f} {size:>8} "
            f"{measured:>6}  {word}{self.sentence}"
        ).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--types", nargs="+", default=list(TYPES), choices=list(TYPES))
    parser.add_argument("--keep", type=Path, help="folder for the written files")
    parser.add_argument("--custom-ops", help="library of operators that the model needs")
    arguments = parser.parse_args()
    print(f"{arguments.model}\ntype          code      s   peak       MB     dB")
    faults = 0
    with tempfile.TemporaryDirectory() as temporary:
        for row in convert_all(
            arguments.model,
            arguments.data,
            arguments.keep or Path(temporary),
            samples=arguments.samples,
            types=arguments.types,
            custom_ops=arguments.custom_ops,
        ):
            print(row, flush=True)
            faults += bool(row.fault)
    sys.exit(1 if faults else 0)


def convert_all(
    model: Path,
    data: str,
    out: Path,
    *,
    samples: int = 8,
    types: Sequence[str] = tuple(TYPES),
    custom_ops: str | None = None,
    least: Mapping[str, float] = LEAST_DB,
) -> Iterator[Row]:
    """Convert a model to each type in ``out``, and yield how it went; see :data:`TYPES`.

    Static INT8 and FP16 learn from the data, of which ``samples`` are taken; they judge all types,
    and ``least`` says from how many dB on a file is right.
    """
    reference = _session(model, custom_ops)
    source = open_data([data], input_specs(reference), samples=samples)
    answers = [(sample, _run(reference, sample)) for sample in source]
    del reference
    for name in types:
        path = out / f"{model.stem}.{name.replace(' ', '-')}.onnx"
        options = [*TYPES[name]]
        if name in ("int8 static", "fp16"):
            options += ["--data", data, "--samples", str(samples)]
        if custom_ops is not None:
            options += ["--custom-ops", custom_ops]
        yield _row(name, model, path, options, answers, custom_ops, least)


def _row(
    name: str,
    model: Path,
    path: Path,
    options: Sequence[str],
    answers: Sequence[tuple[Sample, Mapping[str, Array]]],
    custom_ops: str | None,
    least: Mapping[str, float],
) -> Row:
    done = run(["-m", "qconv", "convert", str(model), "-o", str(path), "-f", *options])
    sentence, fault, found, size = "", "", math.nan, 0.0
    if done.code == 0:
        size = model_bytes(path) / 1e6
        found, sentence = _distance(path, answers, custom_ops)
        allowed = name == "bf16" and any(word in sentence for word in _NO_KERNEL)
        if allowed:
            sentence = "the runtime has no kernels for it"
        elif sentence or not found >= least.get(name, -math.inf):
            fault = "the file does not run" if sentence else "SQNR too low"
    else:
        sentence = _error(done.written)
        refused = done.code in _REFUSALS and sentence and _BLAME not in done.written
        fault = "" if refused and not path.exists() else "no proper refusal"
    cost = done.cost
    return Row(name, done.code, cost.wall, cost.memory, size, found, sentence, fault)


def _error(written: str) -> str:
    """Return what follows ``qconv: error:``, or of anything else the last line."""
    lines = [line for line in written.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("qconv: error: ")]
    return told[-1].removeprefix("qconv: error: ") if told else (lines or [""])[-1]


def _distance(
    path: Path, answers: Sequence[tuple[Sample, Mapping[str, Array]]], custom_ops: str | None
) -> tuple[float, str]:
    """Return the least SQNR of an output, and what the runtime says if it does not run."""
    distances: dict[str, Sqnr] = {}
    try:
        session = _session(path, custom_ops)
        for sample, expected in answers:
            found = _run(session, sample)
            for name, array in expected.items():
                if array.size and array.dtype.kind == "f":
                    distances.setdefault(name, Sqnr()).update(array, found[name])
    except Exception as error:  # the runtime's exceptions share no base class
        return math.nan, " ".join(str(error).split())[:300]
    results = [distance.result for distance in distances.values()]
    return min(results, default=math.inf), ""


def _session(path: Path, custom_ops: str | None) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if custom_ops is not None:
        options.register_custom_ops_library(custom_ops)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, sample: Sample) -> Mapping[str, Array]:
    names = [port.name for port in session.get_outputs()]
    values = session.run(names, dict(sample.feeds))
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


if __name__ == "__main__":
    main()
