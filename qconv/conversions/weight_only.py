"""Weights of eight bits and fewer, activations in float."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import onnx_ir as ir

from qconv.algorithms.rounding import Rounding, storing
from qconv.algorithms.rows import BY_MOMENTS, Method
from qconv.calibration.moments import moments_by_node
from qconv.calibration.record import Record
from qconv.conversions.embeddings import TABLE_BLOCK, table_type
from qconv.conversions.scaled_inputs import ScaledInputs, scale_by_activations
from qconv.conversions.weight_rounder import WeightRounder
from qconv.errors import NothingQuantized, UsageError
from qconv.graph.operators.facts import Family
from qconv.graph.operators.table import standard_operator
from qconv.graph.prepare import normalize
from qconv.graph.prepare.opset import raise_opset
from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import Granularity, PerAxis, PerBlock, PerTensor
from qconv.numerics.stored import STORED_TYPES
from qconv.observers.gram import Gram
from qconv.placement.inputs import LayerInput, layer_inputs
from qconv.placement.stored_weights import Role, WeightOnlyPlan, WeightPlan, place_weights
from qconv.progress import Progress
from qconv.recipe.settings import WeightOnlySettings
from qconv.rewrite.weights.rewriter import Written, rewrite_weights

Measure = Callable[[ir.Model, LayerInput], Gram]

_BLOCK, _SMALL_BLOCK = 128, 64
"""Inputs that share a scale where nothing else is asked for: from four bits on, and of fewer."""

_BLOCK_OPSET = 21


def weight_only_model(
    model: ir.Model,
    record: Record | None,
    settings: WeightOnlySettings,
    label: str,
    measure: Measure | None,
    progress: Progress,
) -> tuple[ir.Model, WeightOnlyPlan, tuple[str, ...]]:
    """Convert a prepared model; return it with its plan and remarks on what was done.

    ``measure`` gives the second moment of what layers read in a model as it is now; rounding in
    sequence needs it.

    Raises:
        UsageError: settings contradict each other, or need statistics that are not there.
        NothingQuantized: no weight can be stored in fewer bits.
    """
    dtype = STORED_TYPES[settings.dtype]
    table = table_type(settings.embeddings, dtype.bits)
    grams: Mapping[str, Gram] = {} if record is None else moments_by_node(model, record.grams)
    _check(settings, grams)
    rounding = _roundings(settings, dtype, table, has_grams=bool(grams))
    if settings.format == "qdq":
        model = _raise(model, rounding.values())
    plan = place_weights(model, dtype.bits, None if table is None else table.bits)
    if not plan.weights:
        reasons = {f"{node.op_type}: {node.reason}" for node in plan.kept_float}
        raise NothingQuantized(
            f"{label}: it has no weights to store in {settings.dtype}"
            + "".join(f"; {reason}" for reason in sorted(reasons)[:3])
        )
    scaled = None
    if settings.algorithm == "awq":
        inputs, how = layer_inputs(model), rounding[Role.PRODUCT]
        scaled = scale_by_activations(model, inputs, plan.weights, grams, how)
        grams = scaled.grams
    rounder = WeightRounder(model, rounding, bias_correction=settings.bias_correction)
    if settings.sequential:
        if measure is None:
            raise UsageError("`sequential` needs `data`, to measure again after each layer")
        _round_in_sequence(model, rounder, plan, grams, measure, progress)
    else:
        _round_all(rounder, plan, grams, progress)
    for weight in plan.weights:
        if weight.tied_to is not None:
            rounder.tie(weight)
    written = rewrite_weights(model, plan, rounder.weights, settings.format)
    return model, plan, tuple(_remarks(rounder.methods, scaled, written))


def _check(settings: WeightOnlySettings, grams: Mapping[str, Gram]) -> None:
    if settings.algorithm in (*BY_MOMENTS, "awq") and not grams:
        raise UsageError(
            f"{settings.algorithm} needs second moments of what the layers read",
            hint="calibrate with `statistics=full`, or give `data`",
        )


def _roundings(
    settings: WeightOnlySettings, dtype: NumberType, table: NumberType | None, *, has_grams: bool
) -> dict[Role, Rounding]:
    """Return how the weights of each role are rounded."""
    methods: dict[str, Method] = {
        "auto": "rtn" if dtype.bits == 1 else "gptq" if has_grams else "mse",
        "rtn": "rtn",
        "mse": "mse",
        "hqq": "hqq",
        "gptq": "gptq",
        "awq": "mse",
        "adaround": "adaround",
    }
    method = methods[settings.algorithm]

    def granularity(dtype: NumberType) -> Granularity:
        small = "block" if dtype.bits < 8 else "channel"
        chosen = small if settings.granularity == "auto" else settings.granularity
        usual = _BLOCK if dtype.bits >= 4 else _SMALL_BLOCK
        if chosen == "block":
            return PerBlock(usual if settings.block_size == "auto" else settings.block_size)
        return PerTensor() if chosen == "tensor" else PerAxis(0)

    rounding = {role: storing(dtype, granularity(dtype), method) for role in Role}
    if table is not None:
        shares = granularity(table)
        if isinstance(shares, PerBlock):
            shares = PerBlock(min(shares.size, TABLE_BLOCK.size))
        rounding[Role.TABLE] = storing(table, shares, "mse" if method in BY_MOMENTS else method)
    return rounding


def _raise(model: ir.Model, rounding: Iterable[Rounding]) -> ir.Model:
    """Convert the model to the first opset whose DequantizeLinear takes every type and block."""
    opset = max(max(how.dtype.opset, _BLOCK_OPSET if _in_blocks(how) else 0) for how in rounding)
    if not opset:
        return model
    older = opset > model.graph.opset_imports.get("", 1)
    model = raise_opset(model, opset)
    return normalize(model) if older else model


def _in_blocks(how: Rounding) -> bool:
    """Whether DequantizeLinear has to take blocks for it."""
    return isinstance(how.granularity, PerBlock) and bool(how.dtype.container)


def _round_all(
    rounder: WeightRounder,
    plan: WeightOnlyPlan,
    grams: Mapping[str, Gram],
    progress: Progress,
) -> None:
    own = [weight for weight in plan.weights if weight.tied_to is None]
    for weight in progress(own, len(own), "rounding weights"):
        rounder.round(weight, grams, grams)


def _round_in_sequence(
    model: ir.Model,
    rounder: WeightRounder,
    plan: WeightOnlyPlan,
    grams: Mapping[str, Gram],
    measure: Measure,
    progress: Progress,
) -> None:
    """Round layer by layer, each on what the quantized layers before it give.

    Weights without second moments come first, so that the layers learn of their error.
    """
    own = [weight for weight in plan.weights if weight.tied_to is None]
    layered: dict[str, list[WeightPlan]] = {}
    for weight in own:
        first = weight.readers[0].node
        if first in grams and not weight.graph:
            layered.setdefault(first, []).append(weight)
        else:
            rounder.round(weight, {}, {})
            rounder.substitute(weight)
    stages = [stage for stage in layer_inputs(model) if layered.keys() & set(stage.nodes)]
    for stage in progress(stages, len(stages), "rounding in sequence"):
        gram = measure(model, stage)
        for weight in (weight for node in stage.nodes for weight in layered.get(node, ())):
            rounder.round(weight, {**grams, **dict.fromkeys(stage.nodes, gram)}, grams)
            rounder.substitute(weight)


def _remarks(
    methods: Mapping[Method, int], scaled: ScaledInputs | None, written: Written
) -> Iterator[str]:
    """Say how weights were rounded and written, and what that means for speed."""
    counts = ", ".join(f"{count} by {method}" for method, count in methods.items())
    yield f"weights rounded: {counts}"
    if scaled is not None:
        yield (
            f"inputs scaled by their strength: {scaled.folded} at no cost, "
            f"{scaled.multiplied} by a Mul of their own"
        )
    if written.operators:
        yield "in the runtime's own operators: " + _listed(written.operators)
    if written.unpacked:
        yield (
            f"unpacked when the model is loaded, so only the file is smaller, and the speed that "
            f"of float: weights of {_listed(written.unpacked)}"
        )
    fused = {
        op: n
        for op, n in written.dequantized.items()
        if standard_operator(op).layer is Family.PRODUCT
    }
    slow = {op: n for op, n in written.dequantized.items() if op not in fused}
    if fused:
        yield f"behind DequantizeLinear, which the runtime fuses: {_listed(fused)}"
    if slow:
        yield (
            f"dequantized at every inference, which is slower than float: weights of "
            f"{_listed(slow)}; `format=operator` avoids that"
        )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {op}" for op, count in counts.items())
