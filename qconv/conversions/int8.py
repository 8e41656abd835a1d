"""INT8: statistics and a Plan become integers, scales and Q/DQ nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

import onnx_ir as ir

from qconv.calibration.estimate import RangeSettings, estimate_params
from qconv.calibration.fit import fit_plan
from qconv.calibration.layer_ranges import layer_ranges
from qconv.calibration.moments import moments_by_node
from qconv.calibration.record import Record
from qconv.conversions.activations import suited, target_of, warnings, with_activations
from qconv.conversions.dynamic import store_weights, write_dynamic
from qconv.conversions.embeddings import store_tables
from qconv.conversions.equalize import equalize
from qconv.conversions.kept import float_layers
from qconv.conversions.rounded_layers import quantize_layers
from qconv.conversions.sequential import round_in_sequence, sequential_inputs
from qconv.conversions.shared_weights import WeightSettings
from qconv.conversions.smooth import smooth
from qconv.data import Source
from qconv.errors import UsageError
from qconv.graph.edit import rename_values
from qconv.graph.view import EQUALIZED
from qconv.numerics.schemes import PerTensor, Scheme
from qconv.observers.estimators import Method
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.inputs import affordable, layer_inputs
from qconv.placement.plan import LayerPlan, Plan
from qconv.progress import Progress, no_progress
from qconv.recipe.settings import Int8Settings, RangeMethod
from qconv.rewrite.float_products import part_sums_from_norms, use_float_products
from qconv.rewrite.qdq import rewrite_qdq

SAMPLES_NEEDED = "`effort=best` and `method=layers` run the model again, and need `data` for it"


@dataclass(frozen=True)
class Fitted:
    """What a float model that is ready to be rounded is rounded by.

    ``scaled`` names the values that equalization and smoothing made others than those of the float
    model.
    """

    plan: Plan
    ranges: RangeSettings
    statistics: Mapping[str, ValueStatistics]
    grams: Mapping[str, Gram]
    scaled: tuple[str, ...]
    remarks: tuple[str, ...]


def fit_model(model: ir.Model, plan: Plan, record: Record | None, settings: Int8Settings) -> Fitted:
    """Bring a prepared model into the form that is rounded, in place; it still computes the same.

    Raises:
        RecordError: the record lacks a value, or the histograms that the method needs.
    """
    method: Method = "auto" if settings.method == "layers" else settings.method
    if method == "auto" and record is not None and record.depth == "ranges":
        method = "minmax"
    ranges = RangeSettings(method, settings.percentile)
    kept = float_layers(plan, settings.float_patterns)
    statistics = {} if record is None else record.statistics
    plan = with_activations(plan, settings.activations)
    moments = {} if record is None else record.grams
    shapes = {} if record is None else record.feed_shapes
    equalized = equalize(model, plan, statistics, moments, shapes, settings)
    target = target_of(plan, settings.activations)
    plan, statistics = fit_plan(model, plan, target, equalized.statistics, ranges, kept)
    smoothed = smooth(model, plan, statistics, equalized.grams, settings)
    plan = smoothed.plan
    if settings.granularity == "tensor":
        plan = replace(plan, layers={n: _per_tensor(layer) for n, layer in plan.layers.items()})
    remarks = (*warnings(settings.activations), *_remarks(plan), *_zeros(plan, statistics))
    remarks = (*remarks, *equalized.remarks, *smoothed.remarks)
    scaled = (*equalized.values, *smoothed.values)
    return Fitted(plan, ranges, smoothed.statistics, smoothed.grams, scaled, remarks)


def to_int8(
    model: ir.Model,
    plan: Plan,
    record: Record | None,
    settings: Int8Settings,
    progress: Progress = no_progress,
    source: Source | None = None,
) -> tuple[Plan, RangeMethod, tuple[str, ...]]:
    """Quantize a prepared model in place; without a record, if the plan needs no ranges.

    ``source`` are samples to run, where ``settings.needs_samples``.

    Returns:
        The plan with what became of embeddings, the range method that was used, and remarks.

    Raises:
        RecordError: the record lacks a value, or the histograms that the method needs.
        UsageError: an algorithm was asked for that needs second moments, and the record holds none.
    """
    settings = suited(settings)
    fitted = fit_model(model, plan, record, settings)
    plan, ranges, statistics = fitted.plan, fitted.ranges, fitted.statistics
    known = {}
    untried: tuple[str, ...] = ()
    if settings.method == "layers":
        if source is None:
            raise UsageError(SAMPLES_NEEDED)
        known = layer_ranges(model, plan, statistics, source, progress)
        untried = tuple(_untried(plan, known))
    params = estimate_params(model, plan, statistics, ranges, known)
    grams = moments_by_node(model, fitted.grams)
    measured = sequential_inputs(model, plan) if settings.sequential else {}
    rounded = tuple(_rounding_remarks(model, settings, plan, grams, measured))
    weights = weight_settings(settings)
    shown = progress if grams and settings.wants_moments else no_progress
    layers = quantize_layers(model, plan, params, statistics, weights, grams=grams, progress=shown)
    if settings.sequential:
        if source is None:
            raise UsageError(SAMPLES_NEEDED)
        layers = round_in_sequence(
            model, plan, params, layers, settings=weights, source=source, progress=progress
        )
    rewrite_qdq(model, plan, params, layers)
    if settings.format == "operator":
        use_float_products(model, plan)
        part_sums_from_norms(model)
    write_dynamic(model, plan.dynamic, portable=settings.portable)
    plan, stored = store_weights(model, plan, everywhere=False)
    plan, tables = store_tables(model, plan, settings.embeddings)
    rename_values(model, fitted.scaled, EQUALIZED)
    used: RangeMethod = "layers" if settings.method == "layers" else ranges.method
    return plan, used, (*fitted.remarks, *untried, *stored, *tables, *rounded)


def weight_settings(settings: Int8Settings) -> WeightSettings:
    """Return how the weights of layers are rounded."""
    return WeightSettings(
        settings.bias_correction, settings.portable, settings.bits, settings.solver
    )


def _remarks(plan: Plan) -> Iterator[str]:
    if plan.dynamic:
        counts = Counter(plan.nodes[name].op_type for name in plan.dynamic)
        listed = ", ".join(f"{count} {op}" for op, count in counts.items())
        yield f"inputs quantized at run time: {listed}"
    if plan.unseen:
        branches = "1 branch" if plan.unseen == 1 else f"{plan.unseen} branches"
        yield f"{branches} of If nodes never taken by the calibration data"


def _untried(plan: Plan, known: Container[str]) -> Iterator[str]:
    """Say how many ranges the method ``layers`` left as they are: of values scaled before."""
    own = [n for n, value in plan.values.items() if value.params_from == n and not value.constant]
    count = sum(name not in known for name in own)
    if count:
        ranges = "1 range" if count == 1 else f"{count} ranges"
        yield f"{ranges} not tried but left to minmax, of values that were equalized or smoothed"


def _zeros(plan: Plan, statistics: Mapping[str, ValueStatistics]) -> Iterator[str]:
    """Name the values that hold nothing but zeros, for which any range is as good."""
    ranges = {name: statistics[name].range for name in plan.values if name in statistics}
    found = [
        name
        for name, seen in ranges.items()
        if plan.values[name].params_from == name and seen.low == seen.high == 0
    ]
    if found:
        count = "1 value is" if len(found) == 1 else f"{len(found)} values are"
        yield f"{count} zero in all samples, and anything else may be lost there: '{found[0]}'"


def _per_tensor(layer: LayerPlan) -> LayerPlan:
    scheme = layer.weight_scheme
    shared = Scheme(scheme.dtype, symmetric=scheme.symmetric, granularity=PerTensor())
    return replace(layer, weight_scheme=shared)


def _rounding_remarks(
    model: ir.Model,
    settings: Int8Settings,
    plan: Plan,
    grams: Mapping[str, Gram],
    measured: Container[str],
) -> Iterator[str]:
    """Say how weights are rounded; layers that are ``measured`` need no second moments.

    Raises:
        UsageError: an algorithm was asked for that needs second moments, and no layer has them.
    """
    sequential = [name for name in plan.layers if name in measured]
    others = [name for name in plan.layers if name not in measured]
    unknown = {layer.weight for name, layer in plan.layers.items() if name not in grams}
    known = [name for name in others if plan.layers[name].weight not in unknown]
    if sequential:
        yield f"{_layers(len(sequential))} rounded in sequence, on what those before them give"
    if not settings.wants_moments or not others:
        return
    if settings.algorithm != "auto" and not known:
        raise UsageError(
            f"{settings.algorithm} needs second moments of what the layers read",
            hint="calibrate with `statistics=full`, or give `data`",
        )
    if not known and not sequential:
        yield (
            "weights rounded to nearest: the record has no second moments, which "
            f"`effort={settings.effort}` would use; calibrate with `statistics=full`, or give "
            "`data`"
        )
        return
    if known:
        name = "AdaRound" if settings.solver == "adaround" else "GPTQ"
        yield f"weights rounded by {name} in {_layers(len(known))}"
    missing = set(others).difference(known)
    if missing:
        yield f"weights rounded to nearest in {_layers(len(missing))} without second moments"
    inputs = [each for each in layer_inputs(model) if missing.intersection(each.nodes)]
    if len(affordable(inputs)) < len(inputs):
        size = sum(each.bytes for each in inputs) / 1e9
        yield f"second moments that would take {size:.1f} GB were left out"


def _layers(count: int) -> str:
    return f"{count} layer{'s' * (count > 1)}"
