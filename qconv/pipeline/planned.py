"""Conversions that a search has chosen, to be made again without searching."""

from __future__ import annotations

from pathlib import Path

from qconv.conversions.plan_file import Planned, read_plan
from qconv.errors import InputError
from qconv.graph.model_io import load_model
from qconv.pipeline.arguments import Assume, written
from qconv.pipeline.conversion import plan
from qconv.placement.plan import Decisions
from qconv.recipe.settings import Int8Settings


def planned(
    model: str | Path, file: str | Path, assume: Assume | None = None
) -> tuple[Planned, Decisions | None]:
    """Return the settings and the plan that a plan file holds for a model.

    Static INT8 alone has a plan that differs from that of its settings.

    Raises:
        InputError: the file is missing, broken, or was made for another model.
        UsageError: it holds what cannot be obeyed.
    """
    found = read_plan(Path(file))
    fingerprint = load_model(Path(model), assume=written(assume)).fingerprint
    if found.model != fingerprint:
        raise InputError(
            f"{file}: was made for another model "
            f"(it has {found.model[:12]}, this one is {fingerprint[:12]})",
            hint="run qconv tune on this model",
        )
    settings = found.made_with()
    if not isinstance(settings, Int8Settings):
        return settings, None
    return settings, found.changed(plan(model, settings, assume=assume, target=found.target))
