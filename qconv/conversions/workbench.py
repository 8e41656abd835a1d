"""The layers of a static INT8 model, each rounded once in every form, put together in any way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import cached_property

import onnx_ir as ir

from qconv.calibration.estimate import estimate_params
from qconv.calibration.fit import fit_plan
from qconv.conversions.kinds import Kind
from qconv.conversions.static import StaticInt8
from qconv.conversions.steps.round_in_sequence import RoundInSequence
from qconv.conversions.steps.round_weights import RoundWeights
from qconv.conversions.steps.write import WriteQdq
from qconv.conversions.work import Step, Work
from qconv.errors import ModelError, NothingQuantized, UnsupportedError, UsageError
from qconv.evaluation.judge import Judge, Judgement
from qconv.evaluation.stopwatch import time_ratio
from qconv.graph.model_io import model_to_bytes
from qconv.graph.prepare.unused import remove_unused
from qconv.numerics.number_types import INT4
from qconv.placement.place import place
from qconv.placement.plan import Plan
from qconv.recipe.settings import Int8Settings
from qconv.rewrite.qdq import QuantizedLayer
from qconv.runtime.session import InferenceSession, open_session

_FLOAT_BYTES, _INT4_BYTES = 4.0, 0.5


class Form(Enum):
    """What a layer may be in the place of one whose weights are INT8."""

    FLOAT = "float"
    FOUR_BITS = "int4"


Forms = Mapping[str, Form]


class Workbench:
    """Makes models whose layers have other forms, judges and times them.

    Weights are rounded as the conversion would, once for INT8 and once for INT4, so that a model
    takes no more than to be put together.

    Args:
        work: a conversion of which no step is done.
        kind: which one; its steps up to the one that writes the model are done here.

    Raises:
        UsageError: the data show no sample that was kept, or no output can be compared.
    """

    def __init__(self, work: Work[Plan], kind: Kind) -> None:
        if not isinstance(kind, StaticInt8):
            raise TypeError("a search is one of static INT8")
        if work.judge is None or work.record is None:
            raise UsageError("a search needs samples to measure on, but the record keeps none")
        self._judge: Judge = work.judge.on(list(work.record.feeds.values()))
        self._work, self._kind = work, kind
        self._opened: tuple[Forms, InferenceSession | None] | None = None
        before, _ = _parted(kind.steps(work.plan))
        for step in before:
            step.apply(work)
        self._rounding = [step for step in before if isinstance(step, RoundWeights)]
        self._layers: dict[Form | None, Mapping[str, QuantizedLayer]] = {None: work.layers}
        work.judge = self._judge
        work.stored = {}
        if self._judge.compare(self._usual) is None:
            raise UsageError(
                "a search compares float outputs whose shape depends only on the inputs, but this "
                "model has none"
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of integers of the main graph, in its order."""
        return tuple(
            str(node.name) for node in self._work.model.graph if str(node.name) in self._work.layers
        )

    @property
    def work(self) -> Work[Plan]:
        """The conversion, its layers rounded; its settings tell what was chosen on the way."""
        return self._work

    @property
    def reference(self) -> Judge:
        """What compares models with the float model, on all samples that were kept."""
        return self._judge

    def more_bytes(self, layer: str, form: Form) -> float:
        """Return what the weight of a layer takes more than in INT8, in bytes."""
        layout = self._work.layers[layer].weight.layout
        size = layout.rows * layout.columns
        each = _FLOAT_BYTES if form is Form.FLOAT else _INT4_BYTES
        return size * (each - 1.0)

    def judge(self, forms: Forms) -> Judgement | None:
        """Return the errors of a model whose layers have other forms; None if it does not run."""
        session = self._session(forms)
        return None if session is None else self._judge.compare(session)

    def slowness(self, forms: Forms) -> float | None:
        """Return its processor time over that of the float model; None if it does not run."""
        session = self._session(forms)
        return None if session is None else self._timed(session)

    def slowness_of(self, model: ir.Model) -> float | None:
        """Return the same for any variant of the model."""
        try:
            return self._timed(_opened(model))
        except (ModelError, UnsupportedError):
            return None

    def _timed(self, session: InferenceSession) -> float | None:
        try:
            ratio = time_ratio(session, self._usual, self._judge.feeds[0])
        except ModelError:
            return None
        return ratio * self._usual_slowness

    def result(self, forms: Forms, *, in_sequence: bool = False) -> Work[Plan]:
        """Return the finished work whose layers, by name, have other forms than INT8.

        Args:
            forms: the others.
            in_sequence: whether layers are rounded again, each on what those before it give, as
                the effort ``best`` does.

        Raises:
            NothingQuantized: no layer of integers is left.
        """
        work = self._work
        kept = frozenset(name for name, form in forms.items() if form is Form.FLOAT)
        small = [name for name, form in forms.items() if form is Form.FOUR_BITS]
        schemes = {
            name: replace(work.plan.layers[name].weight_scheme, dtype=INT4)
            for name in small
            if name in work.plan.layers
        }
        demands = replace(work.plan.demands, layer_schemes=schemes, kept=work.kept)
        asked = place(work.model, work.plan.target, demands)
        plan, statistics = fit_plan(work.model, asked, work.statistics, work.kept | kept)
        self._kind.require(work.model, plan, work.label)
        made = replace(
            work,
            model=work.model.clone(),
            plan=plan,
            statistics=statistics,
            params=estimate_params(work.model, plan, statistics, work.ranges),
            layers={
                name: self._rounded(Form.FOUR_BITS if name in schemes else None)[name]
                for name in plan.layers
            },
            changed=work.changed or bool(forms),
            remarks=list(work.remarks),
        )
        before, after = _parted(self._kind.steps(plan))
        if in_sequence and isinstance(made.settings, Int8Settings):
            made.settings = replace(made.settings, effort="best")
            best = replace(self._kind, settings=replace(self._kind.settings, effort="best"))
            before, after = _parted(best.steps(plan))
        for step in (*(step for step in before if isinstance(step, RoundInSequence)), *after):
            step.apply(made)
        return made

    @cached_property
    def _usual(self) -> InferenceSession:
        """The model whose layers are all INT8."""
        return _opened(self.result({}).model)

    @cached_property
    def _usual_slowness(self) -> float:
        return time_ratio(self._usual, self._judge.open_exact(), self._judge.feeds[0])

    def _session(self, forms: Forms) -> InferenceSession | None:
        if not forms:
            return self._usual
        if self._opened is None or self._opened[0] != forms:
            try:
                self._opened = forms, _opened(self.result(forms).model)
            except NothingQuantized:
                self._opened = forms, self._judge.open_exact()
            except (ModelError, UnsupportedError):
                self._opened = forms, None
        return self._opened[1]

    def _rounded(self, form: Form | None) -> Mapping[str, QuantizedLayer]:
        if form not in self._layers:
            layers = {
                name: replace(layer, weight_scheme=replace(layer.weight_scheme, dtype=INT4))
                for name, layer in self._work.plan.layers.items()
            }
            small = replace(self._work, plan=replace(self._work.plan, layers=layers), remarks=[])
            for step in self._rounding:
                step.apply(small)
            self._layers[form] = small.layers
        return self._layers[form]


def _opened(model: ir.Model) -> InferenceSession:
    """Load a model without what nothing reads, which the runtime would compute all the same."""
    remove_unused(model)
    return open_session(model_to_bytes(model), threads=1)


def _parted(steps: Sequence[Step[Plan]]) -> tuple[Sequence[Step[Plan]], Sequence[Step[Plan]]]:
    """Return the steps before the one that writes the model, and the others."""
    place = next(index for index, step in enumerate(steps) if isinstance(step, WriteQdq))
    return steps[:place], steps[place:]
