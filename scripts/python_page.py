"""Write docs/python.md anew from docstrings and signatures: ``python scripts/python_page.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import qconv

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
_INTRODUCTION = """# Python

What the commands do, these functions do in Python, always in the process that calls them. They
are imported when they are first used. Words of options are the same as on the command line, and
checked alike: `options` take what is not named here, `qconv.convert("model.onnx", data="images/",
dtype="fp16", image_fit="pad")`. Errors are subclasses of `qconv.errors.QconvError`, each with
`exit_code` and `hint`.

`Data` is what `--data` takes, one or a list, or a function from the model's inputs to samples:
[Data](data.md#in-python). `Assume` maps names of inputs to numbers. `Settings` is one of the five
settings classes below. `Decisions` is a plan: [Plans](plans.md). `Record` is a calibration
record, and `Report` holds every number of a report; a notebook shows it as a table, and
`report.save("report.html")` writes it, as `.json`, `.md`, `.xml` (JUnit) or `.html`.

Recipes, and settings in the place of options: [Recipes](recipe.md#in-python). `python
scripts/python_page.py` makes this page from the docstrings.
"""
_CHAPTERS = {
    "From data to a verdict": ("calibrate", "convert", "report", "run", "compare"),
    "Plans and searches": ("inspect", "plan", "tune", "sensitivities", "Goal"),
    "Settings": (
        *("Int8Settings", "DynamicSettings", "WeightOnlySettings", "HalfSettings"),
        "Float32Settings",
    ),
    "Schemes and targets": ("Scheme", "PerTensor", "PerAxis", "PerBlock", "Target"),
    "Reports of other programs": ("report_schema",),
}
_RESULTS = {
    "Record": "qconv.calibration.record",
    "Conversion": "qconv.pipeline.writing",
    "Report": "qconv.reporting.report_data",
    "Comparison": "qconv.reporting.model_comparison",
    "Inspection": "qconv.pipeline.inspection",
    "Tuned": "qconv.pipeline.tuning",
    "Sensitivity": "qconv.pipeline.sensitivity",
}
"""What the functions return, and where it is."""
_TYPES = ("INT4", "INT7", "INT8", "INT16", "UINT8")
_SOURCES = {
    "report": "qconv.evaluation.whole_report",
    "compare": "qconv.evaluation.compare_models",
}
"""Where the arguments are described that a function hands on."""
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):\n((?:^(?:    .*)?\n?)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", re.MULTILINE)
_ROLE = re.compile(r":(?:func|class|meth|mod):`([\w.]+)`")


@dataclass(frozen=True)
class Described:
    """The parts of a docstring."""

    words: str
    sections: dict[str, str]


def page() -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for chapter, names in _CHAPTERS.items():
        parts.append(f"## {chapter}\n")
        parts += [part for name in names for part in _entry(name, getattr(qconv, name))]
        if "Scheme" in names:
            types = ", ".join(f"`qconv.{name}`" for name in _TYPES)
            parts.append(f"{types} are number types, for a `Scheme` and for `Plan.with_weights`.\n")
    parts.append("## Results\n")
    for name, module in _RESULTS.items():
        described = _described(getattr(import_module(module), name))
        parts += [f"### `{name}`\n", f"{described.words}\n", *_lists(described.sections)]
    parts.append("## Version\n\n`qconv.__version__` is the version, a string.\n")
    return "\n".join(parts)


def _entry(name: str, made: Any) -> Iterator[str]:
    """Yield heading, signature, and what the docstrings say."""
    described = _described(made)
    yield f"### `qconv.{name}`\n"
    if name != "Target":
        yield f"```python\n{_signature(name, made)}\n```\n"
    yield f"{described.words}\n"
    sections = dict(described.sections)
    if name in _SOURCES:
        source = _described(getattr(import_module(_SOURCES[name]), name))
        sections = {**source.sections, **sections}
    yield from _lists(sections)


def _lists(sections: Mapping[str, str]) -> Iterator[str]:
    for title, text in sections.items():
        items = _ITEM.findall(text)
        if title == "Returns":
            yield f"Returns: {_line(text)}\n"
        elif items:
            code = "`" if title != "Raises" else ""
            rows = "\n".join(f"- {code}{what}{code}: {_line(said)}" for what, said in items)
            yield f"{'Arguments' if title == 'Args' else title}:\n\n{rows}\n"


def _described(made: Any) -> Described:
    text = inspect.getdoc(made) or ""
    sections = {each[1]: each[2] for each in _SECTION.finditer(text)}
    words = _SECTION.sub("", text).strip()
    return Described("\n\n".join(_line(part) for part in words.split("\n\n")), sections)


def _line(text: str) -> str:
    """Return a text in one line, with code as Markdown has it."""
    plain = _ROLE.sub(lambda role: f"`{role[1]}`", " ".join(text.split()))
    return plain.replace("``", "`")


def _signature(name: str, made: Any) -> str:
    """Return how it is called, one argument a line where there are several."""
    signature = inspect.signature(made)
    shown, starred = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        shown.append(_parameter(parameter))
    returned = "" if inspect.isclass(made) else f" -> {_type(signature.return_annotation)}"
    inner = ",\n    ".join(shown)
    return f"{name}(\n    {inner},\n){returned}" if len(shown) > 1 else f"{name}({inner}){returned}"


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    text = f"{parameter.name}: {_type(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    given = repr(parameter.default)
    return f"{text} = {'...' if given.startswith('<') or '(' in given[1:] else given}"


def _type(annotation: object) -> str:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "None")
    return re.sub(r"Literal\[(.*?)\]", lambda words: words[1].replace(", ", " | "), name)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
