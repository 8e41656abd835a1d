"""Who makes the INT8 files of the table: one row each, which is all that a new row needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Cost, measure


@dataclass(frozen=True)
class Maker:
    """A tool with its settings.

    Attributes:
        name: what the table calls it.
        package: the package whose version counts, and the folder of its environment; None for
            what runs in qconv's own.
        command: what follows the interpreter; ``{model}``, ``{data}`` (as for ``--data``),
            ``{feeds}`` (see :mod:`benchmarks.peers.feeds`) and ``{output}`` are filled in.
        slow: whether it takes gigabytes of memory.
        transformers: True for transformers alone, False for other models alone, None for all.
    """

    name: str
    package: str | None
    command: str
    slow: bool = False
    transformers: bool | None = None

    def python(self, environments: Path | None) -> Path | None:
        """Return the interpreter, None where there is no such environment."""
        if self.package is None:
            return Path(sys.executable)
        if environments is None:
            return None
        python = environments.absolute() / self.package / "bin" / "python"
        return python if python.exists() else None

    def make(
        self, python: Path, model: Path, data: str, feeds: Path, output: Path, limit: float
    ) -> Cost:
        """Write ``output`` in a process of its own, which has a folder and a copy of the model.

        Some tools change the model that they read, and leave files where they run.

        Raises:
            ProcessError: the tool failed, took more than ``limit`` seconds, or wrote nothing.
        """
        folder = output.with_suffix("")
        folder.mkdir()
        own = folder / "model.onnx"
        shutil.copyfile(model, own)
        places = {"model": own, "data": data, "feeds": feeds, "output": output}
        command = [word.format(**places) for word in self.command.split()]
        try:
            return measure(command, str(python), limit=limit, folder=folder)
        finally:
            shutil.rmtree(folder)


def _ort(name: str, options: str, *, slow: bool = False, transformers: bool | None = None) -> Maker:
    command = "-m benchmarks.peers.quantize_ort {model} {feeds} {output} " + options
    return Maker(f"onnxruntime {name}", None, command, slow, transformers)


def _other(
    name: str, package: str, options: str = "", *, transformers: bool | None = None
) -> Maker:
    command = f"-m benchmarks.peers.quantize_{package} {{model}} {{feeds}} {{output}} {options}"
    return Maker(name, package, command, transformers=transformers)


def _qconv(name: str, options: str = "") -> Maker:
    command = "-m qconv convert {model} --dtype int8 --data {data} -q -o {output} " + options
    return Maker(name, None, command)


MAKERS = (
    _ort("dynamic", "dynamic u8", transformers=True),
    _ort("u8s8 MinMax", "MinMax u8"),
    _ort("u8s8 MinMax, 7-bit weights", "MinMax u8 reduce-range"),
    _ort("s8s8 MinMax (its default types)", "MinMax s8"),
    _ort("u8s8 Percentile", "Percentile u8", slow=True),
    _ort("u8s8 Entropy", "Entropy u8", slow=True),
    _other("NNCF (its default preset)", "nncf", "performance", transformers=False),
    _other("NNCF mixed", "nncf", transformers=False),
    _other("NNCF mixed, transformer", "nncf", "transformer", transformers=True),
    _other("Quark A8W8", "quark", "A8W8"),
    _other("Quark U8S8_AAWS", "quark", "U8S8_AAWS"),
    _other("Quark U8S8_AAWS, per channel", "quark", "U8S8_AAWS per-channel"),
    _other("ModelOpt entropy (its default)", "modelopt", "entropy"),
    _other("ModelOpt max", "modelopt", "max"),
    _qconv("qconv --effort fast", "--effort fast"),
    _qconv("qconv (balanced)"),
    _qconv("qconv --effort best", "--effort best"),
    _qconv("qconv --no-portable", "--no-portable"),
)

_DISTRIBUTIONS = {"nncf": "nncf", "quark": "amd-quark", "modelopt": "nvidia-modelopt"}


def versions(environments: Path | None) -> list[str]:
    """Return name and version of each tool that is there, with the runtime that it uses."""
    found = []
    for package, distribution in _DISTRIBUTIONS.items():
        python = (environments or Path()) / package / "bin" / "python"
        if environments is not None and python.exists():
            code = (
                "from importlib.metadata import version, packages_distributions as p; "
                f"print('{distribution}', version('{distribution}'), 'with', "
                "', '.join(n + ' ' + version(n) for n in p()['onnxruntime']))"
            )
            done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
            found.append(done.stdout.strip())
    return found
