"""A plan on disk: what a search has chosen, to be made again without searching."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from qconv.codec import decode
from qconv.conversions.workbench import Form, Forms
from qconv.errors import InputError, UsageError, foreign
from qconv.files import require_regular
from qconv.numerics.number_types import INT4
from qconv.placement.plan import Decisions, Plan
from qconv.recipe.settings import (
    DynamicSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
)
from qconv.strict_json import parse
from qconv.version import __version__

SCHEMA = 2
_MOST_BYTES = 64_000_000

Planned = Int8Settings | DynamicSettings | WeightOnlySettings
_KINDS: Mapping[str, type[Planned]] = {
    "static": Int8Settings,
    "dynamic": DynamicSettings,
    "weight-only": WeightOnlySettings,
}


@dataclass(frozen=True)
class PlanFile:
    """The choices of a conversion.

    Attributes:
        schema: the number of this format.
        qconv: the version that wrote it.
        model: SHA-256 of the float model.
        target: the runtime.
        kind: ``static``, ``dynamic`` or ``weight-only``.
        settings: those of the conversion, by name.
        forms: layers of static INT8 that are not INT8: ``float`` or ``int4``.
    """

    schema: int
    qconv: str
    model: str
    target: str
    kind: str
    settings: Mapping[str, str | int | float | bool | tuple[str | int, ...] | None]
    forms: Mapping[str, str]

    @classmethod
    def of(cls, model: str, target: str, settings: Settings, forms: Forms) -> PlanFile:
        """Return the choices of a conversion of a model with that SHA-256.

        Raises:
            TypeError: it is of a kind that no plan is made of.
        """
        kinds = [kind for kind, made in _KINDS.items() if type(settings) is made]
        if not kinds:
            raise TypeError("a plan must be for INT8 or weight-only")
        named = {name: form.value for name, form in sorted(forms.items())}
        return cls(
            schema=SCHEMA,
            qconv=__version__,
            model=model,
            target=target,
            kind=kinds[0],
            settings=asdict(settings),
            forms=named,
        )

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    def made_with(self) -> Planned:
        """Return the settings.

        Raises:
            UsageError: they are not those of the kind.
        """
        made = _KINDS[self.kind]
        known = {field.name for field in fields(made)}
        if unknown := sorted(self.settings.keys() - known):
            raise UsageError(f"the plan has the unknown setting '{unknown[0]}'")
        return made(**self.settings)  # type: ignore[arg-type]  # it checks itself

    def changed(self, plan: Decisions) -> Decisions:
        """Return the plan of the model and these settings with the layers in their forms.

        Raises:
            UsageError: it has no such layers.
        """
        if not isinstance(plan, Plan):
            raise TypeError("layers in other forms are those of static INT8")
        small = [name for name, form in self.forms.items() if form == Form.FOUR_BITS.value]
        kept = [name for name, form in self.forms.items() if form == Form.FLOAT.value]
        changed = plan.with_weights(INT4, *small) if small else plan
        return changed.in_float(*kept) if kept else changed


def read_plan(path: Path) -> PlanFile:
    """Read a plan.

    Raises:
        InputError: the file is missing, is none, or is of another schema.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file", hint="qconv tune --save-plan makes a plan")
    if require_regular(path, "a plan", InputError) > _MOST_BYTES:
        raise InputError(f"{path}: is too large for a plan")

    def told(error: Exception) -> InputError:
        if isinstance(error, OSError):
            return InputError(f"{path}: cannot be read: {error.strerror or error}")
        return InputError(f"{path}: not a plan, or a broken one ({error})")

    with foreign(told):
        content = parse(path.read_bytes())
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError("it has no schema")
        if content["schema"] != SCHEMA:
            raise ValueError(f"it has schema {content['schema']!s:.20}; this qconv reads {SCHEMA}")
        found: PlanFile = decode(PlanFile, content, "plan")
        if wrong := sorted(set(found.forms.values()) - {form.value for form in Form}):
            raise ValueError(f"no layer has the form '{wrong[0]:.60}'")
        if found.kind not in _KINDS:
            raise ValueError(f"no file is of the kind '{found.kind:.60}'")
        if found.forms and found.kind != "static":
            raise ValueError(f"its layers have forms, and its kind '{found.kind}' has none")
        return found
