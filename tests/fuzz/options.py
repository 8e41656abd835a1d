"""Commands with options drawn from their own definitions, on sound files."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import click

from qconv.recipe.fields import arms, choices
from qconv.recipe.walk import settings_by_option
from tests.fuzz import gates, hostile
from tests.fuzz.arrays import write_archive
from tests.fuzz.baked import Baked, stacked
from tests.fuzz.case import INPUTS, OUTPUTS

_COMMANDS = (
    "inspect",
    "calibrate",
    "convert",
    "convert",
    "convert",
    "convert",
    "tune",
    "report",
    "compare",
    "init",
    "run",
    "run",
)
_FILES = ("model.onnx", "variant.onnx", "model.qcal", "data.npz", "report.json", "script.py")
WHOLE = ("1", "1", "2", "3", "8", "100", "0", "-1", "1000000000", "x", "1.5")
NUMBERS = ("0", "0.5", "1", "50", "99", "99.99", "100", "-1", "nan", "inf", "1e-300", "x")
_SCRIPT = """import numpy as np
FEEDS = [dict(np.load(__file__ + f".{index}.npz")) for index in range(2)]
def data():
    return [(feeds, 0) for feeds in FEEDS]
def loop(run):
    for feeds in FEEDS:
        run(feeds)
        yield feeds
def metric(outputs, sample):
    return float(sum(array.sum() for array in outputs.values() if array.dtype.kind == "f"))
"""
_RECIPES = (
    'dtype = "fp16"\n',
    'data = "data.npz"\neffort = "fast"\n',
    'dtype = ["int8", "bf16"]\n',
)
_EXPRESSIONS = (
    "Conv",
    "^Gemm$",
    ".*",
    "(",
    "[",
    "(?P<a>x)(?P=a)",
    "\\",
    "",
    "MatMul|Add",
    "(a+)+$",
)
_RARE = {"html_file": 0.02, "image": 0.01, "labels": 0.01, "show_help": 0.01, "custom_ops": 0.02}
_SLOW = {
    "runs": ("1", "2", "0", "-1", "x"),
    "threads": ("1", "2", "0"),
    "batch": ("1", "2", "3", "0"),
}


def make(
    random: Random, folder: Path, baked: list[Baked], reports: list[bytes]
) -> tuple[list[str], list[str]]:
    """Write sound files; return a command with options drawn by chance, and what it may write."""
    chosen = write_inputs(random, folder, baked, reports)
    (folder / INPUTS / "recipe.toml").write_text(random.choice(_RECIPES), encoding="utf-8")
    name = random.choice(_COMMANDS)
    drawn = _Drawn(random, chosen, trials=name == "tune", runs=name == "run")
    command = getattr(import_module(f"qconv.cli.{name}"), name)
    if name == "tune":
        write_archive(folder / INPUTS / "data.npz", stacked(chosen.feeds * 3))
    for parameter in command.params:
        drawn.add(parameter)
    if random.random() < 0.02:
        drawn.options += random.choice(
            (["--nothing"], ["-z"], [hostile.name(random)], ["--"], ["-o"])
        )
    return [name, *(text.replace("\0", "") for text in drawn.ordered())], drawn.outputs


def write_inputs(random: Random, folder: Path, baked: list[Baked], reports: list[bytes]) -> Baked:
    """Write sound files: a model, a variant, a record, a report, data, a script."""
    chosen = random.choice(baked)
    inputs = folder / INPUTS
    (inputs / "model.onnx").write_bytes(chosen.model)
    (inputs / "variant.onnx").write_bytes(random.choice(chosen.variants))
    (inputs / "model.qcal").write_bytes(random.choice(chosen.records))
    (inputs / "report.json").write_bytes(random.choice(reports))
    write_archive(inputs / "data.npz", stacked(chosen.feeds))
    (inputs / "script.py").write_text(_SCRIPT, encoding="utf-8")
    for index in range(2):
        write_archive(inputs / f"script.py.{index}.npz", chosen.feeds[index])
    return chosen


class _Drawn:
    """The arguments of one command as they are drawn."""

    def __init__(self, random: Random, baked: Baked, *, trials: bool, runs: bool) -> None:
        self._random = random
        self._baked = baked
        self._trials = trials  # whether they are kept beside an output
        self._runs = runs  # whether a whole folder is written
        self.arguments: list[str] = []
        self.options: list[str] = []
        self.outputs: list[str] = [OUTPUTS] if runs else []

    def ordered(self) -> list[str]:
        """Return options and arguments, either first."""
        both = [self.arguments, self.options]
        if self._random.random() < 0.3:
            both.reverse()
        return both[0] + both[1]

    def add(self, parameter: click.Parameter) -> None:
        """Draw a value for one parameter, or leave it out."""
        random = self._random
        if isinstance(parameter, click.Argument):
            count = random.choice((1, 1, 2)) if parameter.nargs == -1 else 1
            self.arguments += [self._file(("model.onnx", "variant.onnx")) for _ in range(count)]
            return
        if not isinstance(parameter, click.Option):
            return
        name = str(parameter.name)
        share = _RARE.get(name, _RARE.get(name.partition("_")[0], 0.15))
        writes = name == "recipe" and "--output" in parameter.opts
        if name == "output" and self._runs:
            share = 0.5
        elif name == "output" and not (parameter.required or self._trials):
            share = (
                1.0  # left out, it is a name beside the model, by types that a recipe may choose
            )
        if self._runs and name == "model":
            share = 0.9
        if writes:
            share = 1.0
        if random.random() >= (0.97 if parameter.required or name == "data" else share):
            return
        for _ in range(random.choice((1, 1, 1, 2)) if parameter.multiple else 1):
            spelled = random.choice([*parameter.opts, *parameter.secondary_opts])
            self.options.append(spelled)
            if not parameter.is_flag:
                value = self._output("toml") if writes else self._value(name, parameter.type)
                self.options.append(value)

    def _file(self, likely: tuple[str, ...]) -> str:
        """Return a file that fits, mostly."""
        random = self._random
        if random.random() < 0.97:
            return f"{INPUTS}/{random.choice(likely)}"
        others = (*_FILES, "missing", ".", "..", "model.onnx/x")
        return random.choice(
            (f"{INPUTS}/{random.choice(others)}", hostile.name(random), "/dev/null")
        )

    def _output(self, suffix: str) -> str:
        random = self._random
        if random.random() < 0.9:
            chosen = f"{OUTPUTS}/made{len(self.outputs)}.{suffix}"
        else:
            odd = self._odd()
            read = self.arguments[:1] or [OUTPUTS]
            chosen = random.choice((OUTPUTS, f"{OUTPUTS}/{odd}", *read, f"{OUTPUTS}/no/made"))
        self.outputs.append(chosen.replace("\0", ""))  # as the command line has it
        return chosen

    def _odd(self) -> str:
        return hostile.name(self._random)[:80].replace("/", "_")

    def _value(self, name: str, kind: click.ParamType[Any]) -> str:
        random = self._random
        if name in _SLOW:
            return random.choice(_SLOW[name])
        if name == "output":
            made = self._output("onnx")
            if self._runs:
                self.outputs.pop()  # a folder in one that counts already, and made only if need be
            if self._trials:
                self.outputs.append(f"{self.outputs[-1]}.trials.json")
            return made
        if name.endswith("_file"):
            return "-" if random.random() < 0.4 else self._output(name.removesuffix("_file"))
        if name == "external_data_name":
            return f"{self._odd()}.data"
        if random.random() < 0.02:
            return hostile.name(random)
        setting = settings_by_option().get(name)
        words = () if setting is None else choices(setting.hint)
        if words:
            return str(random.choice(words))
        kinds = () if setting is None else arms(setting.hint)
        if isinstance(kind, click.types.IntParamType) or kinds == (int,):
            return random.choice(WHOLE)
        if isinstance(kind, click.types.FloatParamType) or kinds == (float,):
            return random.choice(NUMBERS)
        return self._text(name)

    def _text(self, name: str) -> str:
        random = self._random
        inputs: list[Any] = list(self._baked.feeds[0])
        texts: dict[str, list[str]] = {
            "data": [self._file(("data.npz", "data.npz", "script.py:data", "script.py:loop"))],
            "model": [self._file(("model.onnx",))],
            "test_data": [self._file(("data.npz", "script.py:data"))],
            "metric": [f"{INPUTS}/script.py:metric"],
            "text": [f"{INPUTS}/script.py"],
            "tokenizer": [f"{INPUTS}/report.json"],
            "image_size": ["8", "8x9"],
            "image_fill": ["0", "1,2,3", "300"],
            "calibration": [self._file(("model.qcal",))],
            "baseline": [self._file(("report.json",))],
            "metrics": [f"{INPUTS}/script.py:metric", f"{INPUTS}/script.py:nothing", "math:sqrt"],
            "fail_if": [gates.expression(random)],
            "assume": [
                f"{random.choice(inputs)}={random.choice(('1', '0', '1,2', 'x', '1e400', 'nan'))}"
            ],
            "target": ["ort-cpu", "ort-cpu", "ort-gpu"],
            "provider": ["cpu", "cpu", "CPUExecutionProvider", "cuda", "azure"],
            "labels": [f"{INPUTS}/report.json"],
            "recipe": [self._file(("recipe.toml",))],
            "smooth": ["auto", "off", "0.5", "0", "1", "2", "nan"],
            "float_layers": ["1", "0", "100", *_EXPRESSIONS],
            "layers": [
                *(
                    "Conv=int4",
                    "MatMul|Gemm=float",
                    ".=int8:tensor",
                    ".=int4:16",
                    "x=uint2:channel",
                ),
                *("=float", "a=b=int8", "Conv=", "Conv=int9", "Conv=int4:0", "(=float"),
                *(f"{expression}=float" for expression in _EXPRESSIONS),
            ],
            "image_mean": ["0", "1,2,3"],
            "image_std": ["255"],
            "image_crop": ["8", "8x8"],
        }
        return random.choice(texts.get(name) or [hostile.name(random)])
