"""One place where what was chosen becomes settings: command line over recipe file over default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from qconv.errors import UsageError
from qconv.recipe.fields import Checked, quoted, settings_of
from qconv.recipe.images import ImageOptions
from qconv.recipe.options import OPTIONS
from qconv.recipe.preprocessor import preset
from qconv.recipe.settings import (
    DynamicSettings,
    Float32Settings,
    HalfSettings,
    HalfType,
    Int8Settings,
    Settings,
    WeightOnlySettings,
    WeightType,
)
from qconv.recipe.sources import ConvertSettings, DataSettings, Storage
from qconv.recipe.texts import TEXT, TextOptions
from qconv.recipe.walk import CLASSES

T = TypeVar("T", bound=Checked)

_WEIGHTS_ALONE = "weight-only types: `dtype=int4`, or `dtype=int8` `mode=weight-only`"
KINDS: Mapping[type[Settings], str] = {
    Int8Settings: "`dtype=int8` `mode=static`",
    DynamicSettings: "`dtype=int8` `mode=dynamic`",
    HalfSettings: "`dtype=fp16` or `dtype=bf16`",
    Float32Settings: "`dtype=fp32`",
    WeightOnlySettings: _WEIGHTS_ALONE,
}
"""The kinds of conversion, each with how it is asked for."""
LEARNING = {Int8Settings, WeightOnlySettings, HalfSettings}
"""Kinds that learn from data or a record."""
_PARTNERS = {
    each.option.name: (fields[other].option.name, values)
    for settings in CLASSES
    for fields in [{each.name: each for each in settings_of(settings)}]
    for each in fields.values()
    for other, values in each.rule.goes_with.items()
}
"""Options that go with certain values of another one alone."""
_TESTED = {"test_data": "data", "test_samples": "samples"}
_BESIDE_DATA = ("samples", "batch_size", "image_preset", *(
    each.option.name for kind in (ImageOptions, TextOptions) for each in settings_of(kind)
))  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """What was chosen, by the name of the option; the rest has its default.

    ``firm`` are those that are refused where nothing reads them.
    """

    values: Mapping[str, object]
    firm: frozenset[str]

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Chosen:
        """Return choices that are all firm; texts are data whose place says what they are."""
        if "text" in values:
            texts = tuple(f"{TEXT}{file}" for file in cast("tuple[Path, ...]", values["text"]))
            data = (*cast("tuple[str, ...]", values.get("data", ())), *texts)
            values = {**{n: v for n, v in values.items() if n != "text"}, "data": data}
        return cls(values, frozenset(values))

    def __contains__(self, option: str) -> bool:
        return option in self.values

    def over(self, file: Chosen) -> Chosen:
        """Return these choices over those of a recipe file.

        What the file says gives way where it does not go with what is chosen here; a record takes
        the place of its data, or data that of its record. If another type or mode is chosen here,
        what it says of its own types is no longer firm.
        """
        beside = {name: value for name, value in file.values.items() if name not in self}
        if "calibration" in self:
            beside = {n: v for n, v in beside.items() if n not in ("data", *_BESIDE_DATA)}
        if "data" in self:
            beside.pop("calibration", None)
        for name, (other, values) in _PARTNERS.items():
            if name in self and beside.get(other, values[0]) not in values:
                del beside[other]
            if other in self and self.values[other] not in values:
                beside.pop(name, None)
        free = self.values.keys().isdisjoint(("dtype", "mode"))
        firm = file.firm & beside.keys() if free else frozenset()
        return Chosen({**beside, **self.values}, self.firm | firm)

    def for_tests(self) -> Chosen:
        """Return the same with the test data in the place of those that calibrate."""
        beside = {n: v for n, v in self.values.items() if n not in (*_TESTED, *_TESTED.values())}
        tested = {_TESTED[n]: v for n, v in self.values.items() if n in _TESTED}
        return Chosen({**beside, **tested}, self.firm & beside.keys() | tested.keys())

    def only(self, options: Iterable[str]) -> Chosen:
        """Return what was chosen of these options."""
        kept = {name: self.values[name] for name in options if name in self.values}
        return Chosen(kept, self.firm & kept.keys())

    def _fields(self, settings: type[Checked]) -> dict[str, Any]:
        """Return what was chosen of the settings, by the name of the field."""
        return {
            each.name: self.values[each.option.name]
            for each in settings_of(settings)
            if each.option.name in self.values
        }

    def build(self, settings: type[T], **fixed: Any) -> T:
        """Return settings with what was chosen of them, and with fields that are fixed.

        What is not firm is left out where it does not fit.

        Raises:
            UsageError: a value is not one that they may have, or has no effect.
        """
        given = {n: v for n, v in self._fields(settings).items() if n not in fixed}
        firm = {each.name for each in settings_of(settings) if each.option.name in self.firm}
        chosen: dict[str, Any] = {n: v for n, v in given.items() if n in firm}
        loose = [(n, v) for n, v in given.items() if n not in firm]
        made = settings(**fixed, **chosen)
        made.require_effect(chosen)
        for name, value in loose * 2:  # what goes with a later one fits in the second round
            with suppress(UsageError):
                made = replace(made, **{name: value})
        return made

    def images(self, beside: Path | None = None) -> ImageOptions | None:
        """Return the image preset with what was chosen over it, or None if nothing was.

        Another way to fit images takes the place of all that the preset says about sizes.

        Args:
            beside: what stands for the preset where none is chosen, a file as :func:`preset` takes.

        Raises:
            UsageError: a number is out of bounds, or an option has no effect.
            InputError, UnsupportedError: the file cannot be followed.
        """
        given = self._fields(ImageOptions)
        chosen = self.build(DataSettings).image_preset or beside
        if not given and chosen is None:
            return None
        base = ImageOptions() if chosen is None else preset(chosen)
        if given.get("fit", base.fit) != base.fit:
            base = replace(base, fit="crop", size=None, crop=None, fill=0)
        return replace(base, **given)

    def texts(self, beside: Path | None = None) -> TextOptions | None:
        """Return how texts are read, or None if nothing was said of it.

        Args:
            beside: the tokenizer where none is chosen.
        """
        if beside is not None and "tokenizer" not in self:
            return self.build(TextOptions, tokenizer=beside)
        if self._fields(TextOptions):
            return self.build(TextOptions)
        return None

    def storage(self) -> Storage | None:
        """Return where weights go, or None if nothing was said of it.

        Raises:
            UsageError: see :class:`qconv.recipe.sources.Storage`.
        """
        size, name = "external_data_size" in self, "external_data_name" in self
        if not (size or name or "external_data" in self):
            return None
        implied = Chosen.of({"external_data": "auto" if size or not name else "always"})
        return self.over(implied).build(Storage)


def conversions(chosen: Chosen) -> dict[str, Settings]:
    """Return the settings of each type that was asked for, in that order; INT8 where none was.

    Raises:
        UsageError: a value is not one that it may have; or something was chosen
            that none of the types reads.
    """
    asked = chosen.build(ConvertSettings)
    dtypes = asked.dtype or ("int8",)
    if asked.mode is not None and "int8" not in dtypes and "mode" in chosen.firm:
        raise UsageError("`mode` needs `dtype=int8`; the smaller types are weight-only")
    kinds = {dtype: _kind(dtype, asked.mode) for dtype in dtypes}
    _refuse_unread(chosen, set(kinds.values()))
    if "io" in chosen.firm and chosen.values["io"] not in ("fp32", *kinds):
        raise UsageError(f"`io={chosen.values['io']}` needs `dtype={chosen.values['io']}`")
    return {dtype: _settings(chosen, dtype, kind) for dtype, kind in kinds.items()}


def _kind(dtype: str, mode: str | None) -> type[Settings]:
    if dtype == "int8" and mode != "weight-only":
        return DynamicSettings if mode == "dynamic" else Int8Settings
    if dtype in get_args(WeightType):
        return WeightOnlySettings
    return HalfSettings if dtype in get_args(HalfType) else Float32Settings


def _settings(chosen: Chosen, dtype: str, kind: type[Settings]) -> Settings:
    if kind is HalfSettings and chosen.values.get("io") != dtype:
        chosen = chosen.only(OPTIONS.keys() - {"io"})
    if kind in (HalfSettings, WeightOnlySettings):
        return chosen.build(kind, dtype=dtype)
    return chosen.build(kind, mode="dynamic") if kind is DynamicSettings else chosen.build(kind)


def _refuse_unread(chosen: Chosen, kinds: set[type[Settings]]) -> None:
    own = {each.option.name for each in settings_of(ConvertSettings)}
    for name in sorted(chosen.firm - own, key=list(OPTIONS).index):
        readers = [kind for kind in KINDS if name in _options_of(kind)]
        if (name, chosen.values[name]) == ("io", "fp32"):
            continue
        if readers and not kinds.intersection(readers):
            where = ", or ".join(KINDS[kind] for kind in readers)
            raise UsageError(f"{quoted(OPTIONS[name], chosen.values[name])} needs {where}")
    if not kinds & LEARNING:
        asked = " and ".join(sorted(KINDS[kind] for kind in kinds))
        for name in ("data", "calibration"):
            if name in chosen.firm:
                raise UsageError(f"`{name}` has no effect with {asked}, which uses no data")
    require_data(chosen)


def require_data(chosen: Chosen) -> None:
    """Refuse what was chosen about data where there are none.

    Raises:
        UsageError: it names the first.
    """
    for name in _BESIDE_DATA:
        if name in chosen.firm and "data" not in chosen:
            raise UsageError(f"`{name}` needs `data`")


def _options_of(kind: type[Settings]) -> set[str]:
    return {each.option.name for each in settings_of(kind)}
