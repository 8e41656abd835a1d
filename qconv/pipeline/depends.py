"""What tasks of a run depend on: settings in words, and digests of files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from qconv.data import NamedData
from qconv.pipeline.digests import Digests
from qconv.recipe.fields import Checked, settings_of
from qconv.recipe.sources import ModelSettings
from qconv.recipe.tasks import TaskSettings
from qconv.recipe.texts import moved
from qconv.version import __version__

DIGEST = "sha256:"
"""How a part begins that is a digest."""


class Parts:
    """Parts of the tasks of one model.

    Args:
        model: the float model.
        given: how it is read.
        digests: those that are known.
    """

    def __init__(self, model: Path, given: ModelSettings, digests: Digests) -> None:
        self._model = model
        self._given = given
        self._digests = digests

    def common(self) -> dict[str, str]:
        """Return what every task depends on: model, operators, versions."""
        libraries = self._given.custom_ops
        parts = {
            "the model": self.of_model(self._model),
            **texts(self._given),
            "qconv": __version__,
            "onnxruntime": version("onnxruntime"),
        }
        if libraries:
            parts["the operators"] = self.of("the operators", libraries)
        return parts

    def of(self, what: str, files: Sequence[Path]) -> str:
        """Return the digest of files."""
        return DIGEST + self._digests.of(f"{what} of {self._model}", lambda: files)

    def of_model(self, model: Path) -> str:
        """Return the digest of a model and its external data."""

        def find() -> Sequence[Path]:
            from qconv.graph.model_io import model_files

            return model_files(model)

        return DIGEST + self._digests.of_model(str(model), find)

    def of_task(self, settings: TaskSettings) -> dict[str, str]:
        """Return what outputs hold, what the model is for, and what reads boxes."""
        parts = texts(settings)
        if settings.box_layout is not None:
            parts["box-layout"] = names((settings.box_layout,))
        if settings.files:
            parts["what reads boxes"] = self.of("boxes", settings.files)
        return parts

    def of_data(self, what: str, data: NamedData) -> dict[str, str]:
        """Return what data are called, how they are read, and what they hold."""
        parts = {what: names(data.specs)}
        if data.samples is not None:
            parts["samples"] = str(data.samples)
        if data.images is not None:
            parts |= texts(data.images)
        if data.texts is not None:
            parts |= texts(data.texts)
        files = [path for path in data.files() if path.exists()]
        return {**parts, f"the contents of {what}": self.of(what, files)}


def names(places: Sequence[str]) -> str:
    """Return places without their folders: a run may begin in any folder."""
    return ", ".join(moved(place, lambda path: Path(path).name) for place in places)


def texts(settings: Checked) -> dict[str, str]:
    """Return what was chosen of settings, by the key of the option, without what is a default."""
    return {
        each.option.key: _text(getattr(settings, each.name))
        for each in settings_of(type(settings))
        if getattr(settings, each.name) != each.default
    }


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, Path):
        return value.name
    return str(value).lower() if isinstance(value, bool) else str(value)
