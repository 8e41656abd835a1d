"""Recipe files: options with likely and unlikely values, and broken TOML."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from qconv.recipe.fields import Setting, arms, choices, is_list
from qconv.recipe.walk import settings_by_option
from tests.fuzz import hostile
from tests.fuzz.baked import Baked
from tests.fuzz.case import INPUTS, OUTPUTS
from tests.fuzz.options import NUMBERS, WHOLE, write_inputs

_TEXTS = (
    "data.npz",
    "script.py:data",
    "model.qcal",
    "ort-cpu",
    "auto",
    "0.5",
    "Conv",
    "x=1",
    "(",
    "",
)
_OTHERS = ("[]", "{}", "1979-05-27", "[[1]]", "true", "-0.0", "1e999", '""', "0x10", '[1, "a"]')


_NAMING = "external_data_name"
"""What it names is written, and nobody would know beforehand."""


def make(
    random: Random, folder: Path, baked: list[Baked], reports: list[bytes]
) -> tuple[list[str], list[str]]:
    """Write sound files and a recipe; return the command that reads it, and what it may write."""
    write_inputs(random, folder, baked, reports)
    settings = [each for name, each in settings_by_option().items() if name != _NAMING]
    drawn = random.sample(settings, random.choice((1, 2, 3, 6)))
    lines = [f"{_key(random, setting)} = {_value(random, setting)}" for setting in drawn]
    if random.random() < 0.6:
        lines += ['dtype = "int8"', 'data = "data.npz"', 'effort = "fast"'][: random.randrange(4)]
    if random.random() < 0.1:
        lines.insert(
            random.randrange(len(lines) + 1), random.choice(("[x]", "[[x]]", "# \x1b", "="))
        )
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if random.random() < 0.2:
        content = hostile.changed_bytes(random, content)
    (folder / INPUTS / "recipe.toml").write_bytes(content)
    command = random.choice(("convert", "convert", "calibrate"))
    output = f"{OUTPUTS}/made.{'onnx' if command == 'convert' else 'qcal'}"
    line = [command, f"{INPUTS}/model.onnx", "--recipe", f"{INPUTS}/recipe.toml", "-o", output]
    if command == "convert" and random.random() < 0.3:
        line += ["--dtype", random.choice(("fp16", "int8", "int4"))]
    return line, [output]


def _key(random: Random, setting: Setting) -> str:
    if random.random() < 0.03:
        return json.dumps(hostile.name(random))
    return setting.option.key if random.random() < 0.97 else setting.option.name


def _value(random: Random, setting: Setting) -> str:
    if random.random() < 0.05:
        return random.choice((*_OTHERS, json.dumps(hostile.name(random))))
    kinds, words = arms(setting.hint), choices(setting.hint)
    if words:
        text = json.dumps(random.choice(words))
    elif bool in kinds:
        text = random.choice(("true", "false"))
    elif {int, float}.intersection(kinds):
        text = random.choice(WHOLE if int in kinds else NUMBERS).replace("x", "3")
    else:
        text = json.dumps(random.choice(_TEXTS))
    return f"[{text}]" if is_list(setting.hint) and random.random() < 0.5 else text
