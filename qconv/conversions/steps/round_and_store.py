"""Round weights that are only stored, one after the other, and put them in the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import onnx_ir as ir

from qconv.algorithms.rows import BY_MOMENTS, Method
from qconv.calibration.collect import collect
from qconv.calibration.kept_samples import KeptSamples
from qconv.calibration.moments import moments_by_node
from qconv.conversions.weights.weight_rounder import WeightRounder
from qconv.conversions.work import Needs, Topic, Work
from qconv.errors import UsageError
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import standard_operator
from qconv.numerics.number_types import NumberType
from qconv.observers.gram import Gram
from qconv.placement.inputs import LayerInput, affordable, layer_inputs
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan
from qconv.placement.targets.table import Target
from qconv.progress import no_progress
from qconv.rewrite.weights.rewriter import Format, Written, rewrite_weights

Grams = Mapping[str, Gram]

_METHODS: Mapping[str, Method] = {
    "rtn": "rtn",
    "mse": "mse",
    "hqq": "hqq",
    "gptq": "gptq",
    "awq": "mse",
    "adaround": "adaround",
}


def method_for(algorithm: str, dtype: NumberType, *, has_grams: bool) -> Method:
    """Return the way of rounding that an algorithm stands for, with a type."""
    if algorithm == "auto":
        return "rtn" if dtype.bits == 1 else "gptq" if has_grams else "mse"
    return _METHODS[algorithm]


def require_moments_for(algorithm: str, *, has_grams: bool) -> None:
    """Refuse an algorithm that learns from what layers read, where that is not known.

    Raises:
        UsageError: there are no second moments.
    """
    if algorithm in (*BY_MOMENTS, "awq") and not has_grams:
        raise UsageError(
            f"{algorithm} needs second moments of the layers' inputs",
            hint="calibrate with `statistics=full`, or give `data`",
        )


@dataclass(frozen=True)
class RoundAndStore:
    """Round each weight as the plan says, and store it.

    Attributes:
        algorithm: how weights are rounded.
        operators: whether the runtime's own operators read them, where it has some.
        bias_correction: whether the mean error of the weights is taken out of the biases.
        in_sequence: whether what layers read is measured again with those before them rounded.
    """

    algorithm: str
    operators: bool
    bias_correction: bool
    in_sequence: bool

    def needs(self, model: ir.Model, plan: WeightOnlyPlan) -> Needs:  # noqa: ARG002
        """Return the inputs of all layers, of which second moments are of use."""
        inputs = affordable(layer_inputs(model))
        again = "`sequential` needs `data`, to measure again after each layer"
        return Needs(depth="full", inputs=inputs, samples=again if self.in_sequence else "")

    def apply(self, work: Work[WeightOnlyPlan]) -> None:
        """Change the model.

        Raises:
            ModelError: a weight holds NaN or Inf.
            UsageError: the algorithm needs second moments, and there are none.
        """
        model, plan = work.model, work.plan
        grams = moments_by_node(model, work.grams)
        require_moments_for(self.algorithm, has_grams=bool(grams))

        def method(weight: WeightPlan) -> Method:
            found = method_for(self.algorithm, weight.scheme.dtype, has_grams=bool(grams))
            return "mse" if weight.role is Role.TABLE and found in BY_MOMENTS else found

        rounder = WeightRounder(model, method, bias_correction=self.bias_correction)
        if self.in_sequence:
            _round_in_sequence(work, rounder, grams)
        else:
            own = [weight for weight in plan.weights if weight.tied_to is None]
            for weight in work.progress(own, len(own), "rounding weights"):
                rounder.round(weight, grams, grams)
        for weight in plan.weights:
            if weight.tied_to is not None:
                rounder.tie(weight)
        output: Format = "operator" if self.operators else "qdq"
        written = rewrite_weights(model, plan, rounder.weights, output)
        counts = ", ".join(f"{count} by {method}" for method, count in rounder.methods.items())
        work.say(Topic.ROUNDING, f"weights rounded: {counts}")
        work.say(Topic.SPEED, *_remarks(written, plan.target))


def _round_in_sequence(work: Work[WeightOnlyPlan], rounder: WeightRounder, grams: Grams) -> None:
    """Round layer by layer, each on what the quantized layers before it give.

    Weights without second moments come first, so that the layers learn of their error.
    """
    own = [weight for weight in work.plan.weights if weight.tied_to is None]
    layered: dict[str, list[WeightPlan]] = {}
    for weight in own:
        first = weight.readers[0].node
        if first in grams and not weight.graph:
            layered.setdefault(first, []).append(weight)
        else:
            rounder.round(weight, {}, {})
            rounder.substitute(weight)
    stages = [stage for stage in layer_inputs(work.model) if layered.keys() & set(stage.nodes)]
    for stage in work.progress(stages, len(stages), "rounding in sequence"):
        gram = _measured(work, stage)
        for weight in (weight for node in stage.nodes for weight in layered.get(node, ())):
            rounder.round(weight, {**grams, **dict.fromkeys(stage.nodes, gram)}, grams)
            rounder.substitute(weight)


def _measured(work: Work[WeightOnlyPlan], stage: LayerInput) -> Gram:
    """Return the second moment of what some layers read in the model as it is now."""
    collected = collect(
        work.model,
        (),
        KeptSamples(work.samples, 0),
        depth="ranges",
        batch_size=work.batch_size,
        progress=no_progress,
        inputs=(stage,),
        label=work.label,
    )
    return collected.grams[stage.key]


def _remarks(written: Written, target: Target) -> Iterator[str]:
    """Say how weights were written, and what that means for speed."""
    if written.operators:
        yield "in the runtime's own operators: " + _listed(written.operators)
    if written.unpacked:
        yield (
            "unpacked when the model is loaded, so the file is smaller, but not faster than "
            f"float: weights of {_listed(written.unpacked)}"
        )
    fused = {
        op: n
        for op, n in written.dequantized.items()
        if standard_operator(op).layer is Family.PRODUCT
    }
    slow = {op: n for op, n in written.dequantized.items() if op not in fused}
    if fused:
        yield f"after DequantizeLinear, which the runtime fuses: {_listed(fused)}"
    if slow:
        yield (
            f"dequantized at every inference, which is slower than float: weights of "
            f"{_listed(slow)}"
            + ("; `format=operator` avoids that" if target.has_ort_operators else "")
        )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {op}" for op, count in counts.items())
