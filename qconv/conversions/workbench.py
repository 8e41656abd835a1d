"""The layers of a static INT8 model, each rounded once in every form, put together in any way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum

import onnx_ir as ir

from qconv.calibration.estimate import estimate_params
from qconv.calibration.fit import fit_plan
from qconv.conversions.steps.quantize_at_run_time import quantize_dynamic
from qconv.conversions.steps.round_weights import RoundWeights
from qconv.conversions.steps.write import WriteQdq
from qconv.conversions.work import Step, Work
from qconv.errors import ModelError, UnsupportedError, UsageError
from qconv.evaluation.judge import Judge, Judgement
from qconv.numerics.number_types import INT4
from qconv.placement.place import place
from qconv.placement.plan import Plan
from qconv.rewrite.dynamic_operators import rewrite_dynamic
from qconv.rewrite.qdq import QuantizedLayer, rewrite_qdq

_FLOAT_BYTES, _INT4_BYTES = 4.0, 0.5


class Form(Enum):
    """What a layer may be in the place of one whose weights are INT8."""

    FLOAT = "float"
    FOUR_BITS = "int4"


Forms = Mapping[str, Form]


class Workbench:
    """Makes models whose layers have other forms, and judges them.

    Weights are rounded as the conversion would, once for INT8 and once for INT4, so that a model
    takes no more than to be put together.

    Args:
        work: a conversion of which no step is done.
        steps: its steps; those before the model is written are done here.

    Raises:
        UsageError: the data show no sample that was kept, or no output can be compared.
    """

    def __init__(self, work: Work[Plan], steps: Sequence[Step[Plan]]) -> None:
        if work.judge is None:
            raise UsageError("a search needs samples to measure on, and the record keeps none")
        self._judge: Judge = work.judge
        self._rounding: list[RoundWeights] = []
        for step in steps:
            if isinstance(step, WriteQdq):
                break
            step.apply(work)
            if isinstance(step, RoundWeights):
                self._rounding.append(step)
        self._work = work
        self._layers: dict[Form | None, Mapping[str, QuantizedLayer]] = {None: work.layers}
        usual = self._judge.judge(self.model({}))
        if usual is None:
            raise UsageError(
                "a search compares the outputs of models, and this one has none that holds floats "
                "and whose shape the inputs alone decide"
            )
        self._usual: Judgement = usual

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

    def more_bytes(self, layer: str, form: Form) -> float:
        """Return what the weight of a layer takes more than in INT8, in bytes."""
        layout = self._work.layers[layer].weight.layout
        size = layout.rows * layout.columns
        each = _FLOAT_BYTES if form is Form.FLOAT else _INT4_BYTES
        return size * (each - 1.0)

    def judge(self, forms: Forms) -> Judgement | None:
        """Return the errors of a model whose layers have other forms; None if it does not load."""
        if not forms:
            return self._usual
        try:
            return self._judge.judge(self.model(forms))
        except (ModelError, UnsupportedError):
            return None

    def model(self, forms: Forms) -> ir.Model:
        """Return a model in which layers, by name, have other forms than INT8."""
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
        params = estimate_params(work.model, plan, statistics, work.ranges)
        layers = {
            name: self._rounded(Form.FOUR_BITS if name in schemes else None)[name]
            for name in plan.layers
        }
        variant = work.model.clone()
        rewrite_qdq(variant, plan, params, layers)
        rewrite_dynamic(
            variant, plan.dynamic, quantize_dynamic(variant, plan.dynamic, portable=True)
        )
        return variant

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
