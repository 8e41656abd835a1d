"""What a command is told beside how a type is made: data, statistics, where weights go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qconv.errors import UsageError
from qconv.recipe.fields import Checked, Range, setting
from qconv.recipe.images import Preset
from qconv.recipe.settings import HalfType, WeightType
from qconv.recipe.texts import TEXT

Dtype = Literal[WeightType, HalfType, "fp32"]
Mode = Literal["static", "dynamic", "weight-only"]
Statistics = Literal["ranges", "histogram", "full"]
Values = Literal["quantizable", "all"]


def _assumptions(texts: tuple[str, ...]) -> None:
    seen = set()
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"`assume` '{text}' is not of the form NAME=VALUE")
        if name in seen:
            raise UsageError(f"`assume` names the input '{name}' twice")
        seen.add(name)


def _places(option: str) -> Callable[[tuple[str, ...]], None]:
    def check(texts: tuple[str, ...]) -> None:
        if not all(text.removeprefix(TEXT) for text in texts):
            raise UsageError(f"`{option}` is empty, and names no file")

    return check


@dataclass(frozen=True)
class ModelSettings(Checked):
    """How a model is read.

    Attributes:
        assume: inputs to fix to constants: ``sr=16000``, ``size=1,2``.
        custom_ops: shared libraries of operators that it needs; their code is run.
        target: the runtime to place operators for.
    """

    assume: tuple[str, ...] = setting((), must=_assumptions)
    custom_ops: tuple[Path, ...] = ()
    target: str = "ort-cpu"

    @property
    def constants(self) -> dict[str, str]:
        """What inputs are fixed to, by name, as text."""
        return dict(text.split("=", 1) for text in self.assume)


@dataclass(frozen=True)
class DataSettings(Checked):
    """The samples that a command reads.

    Attributes:
        data: files, folders and functions of scripts, joined in this order.
        samples: how many are taken, spread evenly; None is all.
        image_preset: how images become numbers, unless single options say otherwise.
    """

    data: tuple[str, ...] = setting((), must=_places("data"))
    text: tuple[Path, ...] = ()
    samples: int | None = setting(None, within=Range(1))
    image_preset: Preset | Path | None = None


@dataclass(frozen=True)
class ConvertSettings(Checked):
    """What a conversion is asked for.

    Attributes:
        dtype: the types to convert to.
        mode: how INT8 treats activations; None is static.
        calibration: a record of the model.
    """

    dtype: tuple[Dtype, ...] = ()
    mode: Mode | None = None
    calibration: Path | None = None


@dataclass(frozen=True)
class CalibrateSettings(Checked):
    """What a run over data collects.

    Attributes:
        statistics: ``histogram``, ``ranges`` for min-max only, or ``full`` for second moments of
            what layers read besides, taken of at most 128 samples.
        values: ``quantizable``, which INT8 needs, or ``all``, from which FP16 learns what would
            overflow.
        keep_samples: how many samples the record keeps at most, for conversions to measure on.
        batch_size: samples per inference.
    """

    statistics: Statistics = "full"
    values: Values = "quantizable"
    keep_samples: int = setting(32, within=Range(0))
    batch_size: int = setting(1, within=Range(1))


@dataclass(frozen=True)
class RunSettings(Checked):
    """What is done in one go, beside what is converted and how.

    Attributes:
        model: float models, or folders of them.
        output: the folder to write to.
        test_data: samples to compare on: arguments as ``data`` has them.
        test_samples: how many of them to take; None takes all.
        fail_if: gates.
        metric: functions to average over the test data, as ``script.py:function``.
        undecided: whether a gate fails that the machine is too noisy to decide.
        latency: whether models are timed.
    """

    model: tuple[Path, ...] = ()
    output: Path = Path("out")
    test_data: tuple[str, ...] = setting((), must=_places("test_data"))
    test_samples: int | None = setting(None, within=Range(1))
    fail_if: tuple[str, ...] = ()
    metric: tuple[str, ...] = setting((), must=_places("metric"))
    undecided: Literal["fail", "pass"] = "fail"
    latency: bool = True


@dataclass(frozen=True)
class Storage(Checked):
    """Where weights are written: into the model file, or into one beside it.

    Attributes:
        external: whether they go beside; ``auto`` does from ``megabytes`` of weights on.
        megabytes: of 1,000,000 bytes.
        name: that of the file beside the model; None stands for
            ``<model>.<hash of the weights>.data``.
    """

    external: Literal["auto", "always", "never"] = setting("auto", option="external_data")
    megabytes: float = setting(
        1000.0, option="external_data_size", within=Range(0), goes_with={"external": ("auto",)}
    )
    name: str | None = setting(
        None, option="external_data_name", goes_with={"external": ("always", "auto")}
    )

    @property
    def threshold(self) -> int:
        """Bytes of weights from which on ``auto`` writes them beside the model."""
        return int(self.megabytes * 1e6)

    def named_files(self, path: Path) -> list[Path]:
        """Return the files that a model at ``path`` is written to besides, as far as it is known.

        Raises:
            UsageError: the name has a folder in it, or is the model's own.
        """
        if self.name is None:
            return []
        if (
            self.name in ("", ".", "..", path.name)
            or Path(self.name).name != self.name
            or "\0" in self.name
        ):
            raise UsageError(
                f"'{self.name}' cannot be the name of the file of weights beside {path.name}",
                hint="the two stand in one folder: give another name, without a folder",
            )
        if ".." in self.name:
            raise UsageError(
                f"'{self.name}' cannot be the name of a file of weights: ONNX does not allow two "
                "dots in a row"
            )
        return [path.with_name(self.name)]
