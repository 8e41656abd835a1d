"""What each layer of a model loses and takes in another form, without writing a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.conversions.causes import Cause, cause_of
from qconv.conversions.workbench import Form, Workbench
from qconv.pipeline.arguments import Assume, Data, opener
from qconv.pipeline.exploring import Effect, Explorer
from qconv.pipeline.starting import start_search
from qconv.pipeline.trials import Trials
from qconv.pipeline.unforeseen import told_by_runtime
from qconv.progress import Progress, no_progress
from qconv.recipe.settings import Effort
from qconv.runtime.libraries import custom_operators


@dataclass(frozen=True)
class Sensitivity:
    """What one layer, or some neighbours together, lose in their cheap form.

    ``cause`` says what the first of them loses most by in INT8.
    """

    effect: Effect
    cause: Cause


@told_by_runtime("model")
def sensitivities(
    model: str | Path,
    *,
    data: Data,
    form: Form = Form.FLOAT,
    effort: Effort = "balanced",
    assume: Assume | None = None,
    custom_ops: Sequence[str | Path] = (),
    progress: Progress = no_progress,
    **options: object,
) -> tuple[Sensitivity, ...]:
    """Measure each layer alone, as :func:`tune` does first; the largest loss comes first.

    Args:
        model: the float model.
        data: samples, all of which calibrate.
        form: the form beside INT8: float, or weights of four bits.
        effort: how weights are rounded, as in :func:`convert`.
        assume: inputs to fix to constants, see :func:`calibrate`.
        custom_ops: libraries of operators, see :func:`calibrate`.
        progress: shown over what takes long.
        options: how data are read, see :func:`calibrate`.

    Raises:
        UsageError: no sample was kept, or no output can be compared.
        ModelError, DataError, UnsupportedError, NothingQuantized: see :func:`convert`.
    """
    opened = opener(data, Path(model), options)
    with custom_operators(custom_ops):
        started = start_search(Path(model), opened, effort, assume, progress)
        bench = Workbench(started.work, started.kind)
        explorer = Explorer(*(bench, Trials(bench), form), size=0.0, shares={}, progress=progress)
        found = explorer.effects(explorer.units, "measuring layers")
        causes = [cause_of(bench.work, effect.layers[0]) for effect in found]
    pairs = sorted(zip(found, causes, strict=True), key=lambda pair: pair[0].sqnr)
    return tuple(Sensitivity(*pair) for pair in pairs)
