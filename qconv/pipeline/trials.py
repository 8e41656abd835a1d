"""What a search has measured, kept beside its file so that another goal need not measure again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qconv.codec import decode, encode
from qconv.conversions.workbench import Forms, Workbench
from qconv.errors import InputError, foreign
from qconv.outputs import staged
from qconv.strict_json import parse

SCHEMA = 3
_EVERY = 8


@dataclass(frozen=True)
class Measured:
    """What a model whose layers have other forms loses and takes, as far as that was asked for.

    Attributes:
        forms: the layers that are not INT8, by name.
        kind: what it is where it is not static INT8, in words.
        sqnr: in dB at the outputs, feature by feature, in the mean over the samples; ``-inf`` where
            it does not run.
        slowness: its processor time over that of the float model.
    """

    forms: Mapping[str, str]
    kind: str = ""
    sqnr: float | None = None
    slowness: float | None = None


@dataclass(frozen=True)
class _File:
    schema: int
    subject: str
    trials: tuple[Measured, ...]


class Trials:
    """Measures each choice of forms once.

    Args:
        bench: what measures.
        path: the file of what was measured, which is written now and then; None keeps nothing.
        subject: a hash of all that the numbers depend on: what was measured of another is left.
        resume: whether to begin with what the file holds.

    Raises:
        InputError: the file is broken.
    """

    def __init__(
        self, bench: Workbench, path: Path | None = None, subject: str = "", *, resume: bool = False
    ) -> None:
        self._bench, self._path, self._subject = bench, path, subject
        self._known: dict[str, Measured] = {}
        self._now: set[str] = set()
        self._unwritten = 0
        if resume and path is not None and path.exists():
            self._read(path)

    @property
    def count(self) -> int:
        """Of how many models something is known."""
        return len(self._known)

    @property
    def made(self) -> int:
        """How many models were measured now."""
        return len(self._now)

    def sqnr(self, forms: Forms) -> float:
        """Return what a choice has at the outputs, in dB."""
        known = self._of(forms)
        if known.sqnr is not None:
            return known.sqnr
        judged = self._bench.judge(forms)
        found = -math.inf if judged is None else judged.typical
        self._keep(replace(known, sqnr=found))
        return found

    def slowness(self, forms: Forms) -> float:
        """Return the time of a choice over that of the float model; 1 where it does not run."""
        return self._timed(self._of(forms), lambda: self._bench.slowness(forms))

    def of_kind(self, kind: str, measured: Callable[[], float | None]) -> float:
        """Return the time of a model that is not static INT8, by its kind, as by slowness()."""
        return self._timed(self._known.get(_key({}, kind), Measured({}, kind)), measured)

    def write(self) -> None:
        """Write what is known."""
        self._unwritten = 0
        if self._path is None:
            return
        content = _File(SCHEMA, self._subject, tuple(self._known.values()))
        with staged(self._path, force=True) as temporary:
            temporary.write_text(json.dumps(encode(content), indent=0) + "\n", encoding="utf-8")

    def _timed(self, known: Measured, measure: Callable[[], float | None]) -> float:
        if known.slowness is not None:
            return known.slowness
        measured = measure()
        found = 1.0 if measured is None else measured
        self._keep(replace(known, slowness=found))
        return found

    def _of(self, forms: Forms) -> Measured:
        named = {name: form.value for name, form in forms.items()}
        return self._known.get(_key(named), Measured(named))

    def _keep(self, found: Measured) -> None:
        key = _key(found.forms, found.kind)
        self._known[key] = found
        self._now.add(key)
        self._unwritten += 1
        if self._unwritten == _EVERY:
            self.write()

    def _read(self, path: Path) -> None:
        def told(error: Exception) -> InputError:
            return InputError(
                f"{path}: not the trials of a search, or broken ({error})",
                hint="remove the file to start again",
            )

        with foreign(told):
            found = decode(_File, parse(path.read_bytes()), "trials")
        if found.schema == SCHEMA and found.subject == self._subject:
            self._known = {_key(each.forms, each.kind): _sound(each) for each in found.trials}


def _sound(found: Measured) -> Measured:
    """Return what can have been measured."""
    if found.sqnr is not None and math.isnan(found.sqnr):
        found = replace(found, sqnr=None)
    if found.slowness is not None and not 0 < found.slowness < math.inf:
        found = replace(found, slowness=None)
    return found


def _key(forms: Mapping[str, str], kind: str = "") -> str:
    return json.dumps([kind, *sorted(forms.items())])
