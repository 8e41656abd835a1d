"""Settings that check themselves, whoever makes them.

A settings class is a frozen dataclass on :class:`Checked`. The annotation of a field says what it
may hold; :func:`setting` adds bounds, and which other settings it goes with.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from qconv.errors import UsageError
from qconv.recipe.option import Option
from qconv.recipe.options import OPTIONS

_RULE = "qconv"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low``, which is left out if it is ``open``, to ``high``."""

    low: float
    high: float = math.inf
    open: bool = False

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high and not (self.open and number == self.low)

    def __str__(self) -> str:
        start = f"above {self.low:g}" if self.open else f"of at least {self.low:g}"
        return start if self.high == math.inf else f"{start} and at most {self.high:g}"


@dataclass(frozen=True)
class _Rule:
    option: str | None
    within: Range | None
    goes_with: Mapping[str, tuple[object, ...]]
    must: Callable[[Any], object] | None


def setting(
    default: Any,
    *,
    option: str | None = None,
    within: Range | None = None,
    goes_with: Mapping[str, tuple[object, ...]] | None = None,
    must: Callable[[Any], object] | None = None,
) -> Any:
    """Declare a field of a settings class.

    Args:
        default: its value where nobody chooses one.
        option: the option that it is, if that has another name.
        within: bounds of a number, or of each of several.
        goes_with: other fields with the values of which alone this one has an effect.
        must: raises a UsageError for a value that it may not have.
    """
    rule = _Rule(option, within, goes_with or {}, must)
    return dataclasses.field(default=default, metadata={_RULE: rule})


@dataclass(frozen=True)
class Setting:
    """A field of a settings class: ``hint`` is its type."""

    name: str
    option: Option
    hint: Any
    default: Any
    rule: _Rule

    def word(self, text: str) -> object:
        """Return the word that a text stands for, in any letters; the text where it is none."""
        lower = text.lower()
        named = {str(word).lower(): word for word in choices(self.hint)}
        return named.get(self.option.known_as.get(lower, lower), text)

    def check(self, value: object) -> None:
        """Refuse a value that it may not have, whatever the others are.

        Raises:
            UsageError: with the nearest word, where there is one.
        """
        if is_list(self.hint) and isinstance(value, tuple):
            for part in value:
                self._check(get_args(self.hint)[0], part)
        else:
            self._check(self.hint, value)
        if self.rule.must is not None and value != self.default:
            self.rule.must(value)

    def _check(self, hint: Any, value: object) -> None:
        bounds = self.rule.within
        if not _fits(hint, value) or not all(
            _finite(number) and (bounds is None or number in bounds) for number in _numbers(value)
        ):
            wanted = _told(hint) + ("" if bounds is None else f" {bounds}")
            words = [*map(str, choices(hint)), *self.option.known_as]
            near = get_close_matches(str(value).lower(), words, n=1)
            raise UsageError(
                f"`{self.option.name}` is {_shown(value)}; it must be {wanted}",
                hint=f"did you mean {near[0]}?" if near else None,
            )


@dataclass(frozen=True)
class Checked:
    """A settings class, which refuses what it may not hold when it is made."""

    def __post_init__(self) -> None:
        found = settings_of(type(self))
        for each in found:
            each.check(getattr(self, each.name))
        self.require_effect(each.name for each in found if getattr(self, each.name) != each.default)

    def require_effect(self, names: Iterable[str]) -> None:
        """Refuse fields, by name, that have no effect beside what the others are.

        Raises:
            UsageError: it says what the option goes with.
        """
        fields = {each.name: each for each in settings_of(type(self))}
        for name in names:
            for other, values in fields[name].rule.goes_with.items():
                if getattr(self, other) not in values and getattr(self, name) != "auto":
                    wanted = [f"`{fields[other].option.name}={value}`" for value in values]
                    own = quoted(fields[name].option, getattr(self, name))
                    raise UsageError(f"{own} needs {listed(wanted, 'or')}")


def settings_of(settings: type[Checked]) -> tuple[Setting, ...]:
    """Return the fields of a settings class that can be chosen."""
    return _walked(cast("Any", settings))


@functools.cache
def _walked(settings: type[Any]) -> tuple[Setting, ...]:
    hints = get_type_hints(settings)
    found = []
    for field in dataclasses.fields(settings):
        rule = field.metadata.get(_RULE) or _Rule(None, None, {}, None)
        option = OPTIONS[rule.option or field.name]
        found.append(Setting(field.name, option, hints[field.name], field.default, rule))
    return tuple(found)


def quoted(option: Option, value: object) -> str:
    """Return an option as messages name it; one that is switched off with its value."""
    return f"`{option.name}=false`" if value is False else f"`{option.name}`"


def arms(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, without None, or the one type."""
    union = get_origin(hint) in (Union, types.UnionType)
    return tuple(arm for arm in (get_args(hint) if union else (hint,)) if arm is not types.NoneType)


def choices(hint: Any) -> tuple[Any, ...]:
    """Return the words that a setting may be, or that each of a list may be."""
    found: list[Any] = []
    for arm in arms(hint):
        if get_origin(arm) is Literal:
            found += get_args(arm)
        elif is_list(arm):
            found += choices(get_args(arm)[0])
    return tuple(found)


def is_list(hint: Any) -> bool:
    """Whether it is a tuple of any length."""
    return get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis


def _fits(hint: Any, value: object) -> bool:
    if value is None:
        return types.NoneType in get_args(hint)
    return any(_fits_one(arm, value) for arm in arms(hint))


def _fits_one(hint: Any, value: object) -> bool:
    if get_origin(hint) is Literal:
        return any(value == word and type(value) is type(word) for word in get_args(hint))
    if get_origin(hint) is tuple:
        each = get_args(hint)
        if not isinstance(value, tuple):
            return False
        if is_list(hint):
            numbers = each[0] in (int, float)
            return all(_fits(each[0], part) for part in value) and bool(value or not numbers)
        return len(value) == len(each) and all(map(_fits, each, value))
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is Path:
        return isinstance(value, Path | str)
    return isinstance(value, hint)


def _finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


_WORDS: Mapping[Any, tuple[str, str]] = {
    bool: ("true or false", "of true and false"),
    int: ("a whole number", "of whole numbers"),
    float: ("a number", "of numbers"),
    str: ("a text", "of texts"),
    Path: ("a path", "of paths"),
}


def _told(hint: Any) -> str:
    words: list[str] = []
    for arm in arms(hint):
        if is_list(arm):
            inner = get_args(arm)[0]
            named = choices(inner)
            words.append(f"a list of {listed(named, 'and')}" if named else
                         f"a list {_WORDS[arms(inner)[-1]][1]}")  # fmt: skip
        elif get_origin(arm) is tuple:
            words.append(f"{len(get_args(arm))} {_WORDS[get_args(arm)[0]][1].removeprefix('of ')}")
        elif get_origin(arm) is Literal:
            words += map(str, get_args(arm))
        else:
            words.append(_WORDS[arm][0])
    return listed(words, "or")


def listed(words: Iterable[object], last: str) -> str:
    """Return ``a, b or c``."""
    *others, end = map(str, words)
    return f"{', '.join(others)} {last} {end}" if others else end


def _shown(value: object) -> str:
    return repr(str(value)) if isinstance(value, Path) else repr(value)
