"""Models of PyTorch's exporters, onnx.helper and genai's builder, in every type and mode.

python -m benchmarks.exporters.table --torch PYTHON [--models NAME ...] [--makers NAME ...]
    [--types int4 fp16 ...] [--samples N] [--folder FOLDER]

PYTHON is an interpreter with torch, torchvision and onnxscript (for builder: and transformers and
onnxruntime-genai). Weights are random. Each model is made in a process of its own, and kept in
FOLDER, where one that is there already is not made again; then every type is converted, loaded and
run as :mod:`benchmarks.every_type` does. Ends with 1 if a row is not right; fp32 has nothing to
convert here. The rows of ssdlite need not be close: with random weights the ranks of boxes are
near ties, so that any rounding changes which box stands where.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.every_type import LEAST_DB, TYPES, convert_all
from benchmarks.exporters.sizes import CHAINS, DECODERS
from benchmarks.large_model import write_model
from benchmarks.processes import measure

_NETS = ("mobilenet_v3_small", "ssdlite", "densenet121", "swin_t", "convnext_tiny", "r3d_18",
         "vit_b_32")  # fmt: skip
_TORCH = ("dynamo", "torchscript")


@dataclass(frozen=True)
class Case:
    """A model and who writes it."""

    model: str
    maker: str

    def make(self, path: Path, torch: str) -> None:
        """Write the model, and samples for it beside it.

        Raises:
            ProcessError: the exporter failed.
        """
        if self.maker == "helper":
            megabytes, products = CHAINS[self.model]
            width = write_model(path, megabytes, products)
            samples = np.random.default_rng(0).standard_normal((4, width), np.float32)
            np.savez(path.with_suffix(".npz"), x=samples)
        else:
            script = "make_builder" if self.maker == "builder" else "make_torch"
            command = ["-m", f"benchmarks.exporters.{script}", self.model, self.maker, str(path)]
            measure(command, torch)


CASES = (
    *(Case(model, maker) for model in (*_NETS, *DECODERS) for maker in _TORCH),
    *(Case(model, "builder") for model in DECODERS),
    *(Case(model, "helper") for model in CHAINS),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON")
    models = sorted({case.model for case in CASES})
    parser.add_argument("--models", nargs="+", default=models, choices=models)
    makers = sorted({case.maker for case in CASES})
    parser.add_argument("--makers", nargs="+", default=makers, choices=makers)
    parser.add_argument("--types", nargs="+", default=list(TYPES), choices=list(TYPES))
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    cases = [case for case in CASES if case.model in given.models and case.maker in given.makers]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        faults = sum(_faults(case, folder, given.torch, given.types, given.samples)
                     for case in cases)  # fmt: skip
    sys.exit(1 if faults else 0)


def _faults(case: Case, folder: Path, torch: str, types: Sequence[str], samples: int) -> int:
    """Print a table of one model, and return how many of its rows are wrong."""
    place = folder / case.maker
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{case.model}.onnx"
    if not path.exists():
        case.make(path, torch)
    print(f"\n{case.model}, {case.maker}\ntype          code      s   peak       MB     dB")
    faults = 0
    least = {} if case.model == "ssdlite" else LEAST_DB
    for name in types:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            data = str(path.with_suffix(".npz"))
            [row] = convert_all(path, data, Path(out), samples=samples, types=[name], least=least)
            print(row, flush=True)
            faults += bool(row.fault or (row.code and name != "fp32"))
    return faults


if __name__ == "__main__":
    main()
