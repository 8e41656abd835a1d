"""What a search has measured, kept beside its file so that another goal need not measure again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qconv.codec import decode, encode, parse
from qconv.conversions.workbench import Forms
from qconv.errors import InputError, foreign
from qconv.outputs import staged

SCHEMA = 1


@dataclass(frozen=True)
class Measured:
    """What a model whose layers have other forms loses and takes.

    Attributes:
        forms: the layers that are not INT8, by name.
        sqnr: in dB at the outputs, feature by feature; ``-inf`` where it does not run.
        slowness: its processor time over that of the float model.
    """

    forms: Mapping[str, str]
    sqnr: float
    slowness: float


@dataclass(frozen=True)
class _File:
    schema: int
    subject: str
    trials: tuple[Measured, ...]


class Trials:
    """Measures each choice of forms once.

    Args:
        path: the file of what was measured, which is written after each measurement.
        subject: a hash of all that the numbers depend on: what was measured of another is left.
        resume: whether to begin with what the file holds.

    Raises:
        InputError: the file is broken.
    """

    def __init__(self, path: Path, subject: str, *, resume: bool) -> None:
        self._path, self._subject = path, subject
        self._known: dict[str, Measured] = {}
        self.made = 0
        """How many were measured now."""
        if resume and path.exists():
            self._read()

    @property
    def count(self) -> int:
        """How many are known."""
        return len(self._known)

    def measure(self, forms: Forms, by: Callable[[Forms], Measured]) -> Measured:
        """Return what is known of a choice, or measure it."""
        key = _key({name: form.value for name, form in forms.items()})
        if key not in self._known:
            self._known[key] = by(forms)
            self.made += 1
            if self.made % 8 == 0:
                self.write()
        return self._known[key]

    def write(self) -> None:
        """Write what is known."""
        content = _File(SCHEMA, self._subject, tuple(self._known.values()))
        with staged(self._path, force=True) as temporary:
            temporary.write_text(json.dumps(encode(content), indent=0) + "\n", encoding="utf-8")

    def _read(self) -> None:
        def told(error: Exception) -> InputError:
            return InputError(
                f"{self._path}: not the trials of a search, or broken ({error})",
                hint="remove the file to begin anew",
            )

        with foreign(told):
            found = decode(_File, parse(self._path.read_bytes()), "trials")
        if found.schema == SCHEMA and found.subject == self._subject:
            for each in found.trials:
                if math.isnan(each.sqnr) or each.slowness <= 0:
                    continue
                self._known[_key(each.forms)] = each


def _key(forms: Mapping[str, str]) -> str:
    return json.dumps(sorted(forms.items()))
