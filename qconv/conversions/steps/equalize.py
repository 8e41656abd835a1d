"""Equalization as a step: which groups of values are scaled, in model and statistics alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from qconv.algorithms.channel_noise import WeightSummary
from qconv.algorithms.equalization import Activation, Layer, Net, equalize_groups
from qconv.conversions.work import Knowing, Topic, Work
from qconv.graph.layers import groups_of, output_axis
from qconv.graph.view import constant
from qconv.observers.estimators import mean_square
from qconv.observers.gram import Gram
from qconv.observers.value import ValueStatistics
from qconv.placement.inputs import layer_inputs
from qconv.placement.plan import Plan, ScaleGroup
from qconv.recipe.settings import Equalize as Wanted
from qconv.rewrite.channels import divide_group, group_constants
from qconv.runtime.unchanged import compute_the_same

Factors = NDArray[np.float32]

_LEAST_GAIN_DB = 3.0
_TAKEN_BACK = (
    "channels not equalized: a run on random numbers did not show that the float model's outputs "
    "stay the same"
)


@dataclass(frozen=True)
class Equalize(Knowing):
    """Scale channels across layers, where that lowers the error of rounding."""

    wanted: Wanted

    def apply(self, work: Work[Plan]) -> None:
        """Change the model, its statistics and its second moments alike."""
        shapes = {} if work.record is None else work.record.feed_shapes
        found = equalize(
            *(work.model, work.plan, work.statistics, work.grams),
            feed_shapes=shapes,
            wanted=self.wanted,
        )
        work.statistics, work.grams = found.statistics, found.grams
        work.scaled += found.values
        work.say(Topic.SCALING, *found.remarks)


@dataclass(frozen=True)
class Equalized:
    """Statistics and second moments of an equalized model, and the values that were scaled."""

    statistics: Mapping[str, ValueStatistics]
    grams: Mapping[str, Gram]
    values: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def equalize(
    model: ir.Model,
    plan: Plan,
    statistics: Mapping[str, ValueStatistics],
    grams: Mapping[str, Gram],
    *,
    feed_shapes: Mapping[str, tuple[int, ...]],
    wanted: Wanted,
) -> Equalized:
    """Scale the channels of a model's groups of values, in place.

    Nothing is scaled if the float model's outputs do not stay the same on a feed of random numbers.

    Args:
        model: the prepared model.
        plan: what is quantized in it, and its groups.
        statistics: of its values, by name.
        grams: second moments of what its layers read, by key.
        feed_shapes: the shape of each input.
        wanted: ``on`` wherever that holds, ``auto`` where it gains enough, or ``off``.
    """
    untouched = Equalized(statistics, grams)
    chosen = [] if wanted == "off" else _choose(model, plan, statistics, wanted)
    if not chosen:
        return untouched
    nodes = {str(node.name): node for node in model.graph}
    before = {
        value: value.const_value for group, _ in chosen for value in group_constants(group, nodes)
    }

    def divide() -> None:
        for group, factors in chosen:
            divide_group(group, nodes, factors)

    if not compute_the_same(model, divide, feed_shapes):
        for value, tensor in before.items():
            value.const_value = tensor
        return replace(untouched, remarks=(_TAKEN_BACK,))
    by_value = {name: factors for group, factors in chosen for name in group.values}
    scaled = tuple(name for name in plan.values if name in by_value and name in statistics)
    count = "1 value" if len(scaled) == 1 else f"{len(scaled)} values"
    return Equalized(
        {n: s.divided(by_value[n]) if n in by_value else s for n, s in statistics.items()},
        _divided_grams(model, grams, by_value),
        tuple(by_value),
        (f"channels of {count} equalized across layers",),
    )


def _choose(
    model: ir.Model,
    plan: Plan,
    statistics: Mapping[str, ValueStatistics],
    wanted: Wanted,
) -> list[tuple[ScaleGroup, Factors]]:
    """Return the groups that are to be scaled, and their factors."""
    nodes = {str(node.name): node for node in model.graph}
    known = (group for group in plan.groups if _known(group, plan, statistics))
    groups = dict(enumerate(group for group in known if _is_finite(group, nodes)))
    if not groups:
        return []
    net = _net(nodes, plan, groups, statistics)
    found = equalize_groups(net, {number: group.channels for number, group in groups.items()})
    return [
        (groups[number], own.factors)
        for number, own in found.items()
        if wanted == "on" or own.gain_db >= _LEAST_GAIN_DB
    ]


def _known(group: ScaleGroup, plan: Plan, statistics: Mapping[str, ValueStatistics]) -> bool:
    """Whether rounding a group costs something, and the ranges of its channels are known."""
    rounded = [name for name in group.values if _is_rounded(name, plan)]
    return (
        bool(rounded)
        and any(reader.node in plan.layers for reader in group.readers)
        and all(
            name in statistics and statistics[name].channels.low.size == group.channels
            for name in rounded
        )
    )


def _is_rounded(name: str, plan: Plan) -> bool:
    return name in plan.values and plan.values[name].params_from == name


def _is_finite(group: ScaleGroup, nodes: Mapping[str, ir.Node]) -> bool:
    """Whether no weight that would be scaled holds NaN or Inf, which the next step tells."""
    layers = (*group.writers, *(reader.node for reader in group.readers))
    weights = (constant(nodes[name].inputs[1]) for name in layers)
    return all(weight is not None and bool(np.isfinite(weight).all()) for weight in weights)


def _net(
    nodes: Mapping[str, ir.Node],
    plan: Plan,
    groups: Mapping[int, ScaleGroup],
    statistics: Mapping[str, ValueStatistics],
) -> Net:
    activations, layers = {}, {}
    for number, group in groups.items():
        for name in group.values:
            if _is_rounded(name, plan):
                seen, dtype = statistics[name].channels, plan.values[name].scheme.dtype
                low, high = seen.low.astype(np.float64), seen.high.astype(np.float64)
                levels = dtype.qmax - dtype.qmin
                activations[name] = Activation(low, high, seen.mean_squares(), levels, number)
    given = {name: number for number, group in groups.items() for name in group.writers}
    read = {r.node: (number, r.upstream) for number, g in groups.items() for r in g.readers}
    for name in {**given, **read}:
        node, layer = nodes[name], plan.layers.get(name)
        source = "" if layer is None else plan.values[layer.input].params_from
        group_read, upstream = read.get(name, (None, frozenset()))
        layers[name] = Layer(
            weight=_weight(node),
            rounded=layer is not None,
            source=source,
            squares=mean_square(statistics[source]) if source in statistics else 1.0,
            read=group_read,
            upstream=upstream,
            given=given.get(name),
            output=str(node.outputs[0].name),
        )
    return Net(layers, activations, plan.demands.weights.qmax, not plan.demands.per_channel)


def _weight(node: ir.Node) -> WeightSummary:
    array = constant(node.inputs[1])
    if array is None:
        raise ValueError(f"{node.name}: its weight is not a constant")
    rows = np.moveaxis(array.astype(np.float32), output_axis(node), 0)
    groups = groups_of(node)
    return WeightSummary.of(rows.reshape(groups, len(rows) // groups, rows.shape[1], -1))


def _divided_grams(
    model: ir.Model, grams: Mapping[str, Gram], factors: Mapping[str, Factors]
) -> dict[str, Gram]:
    """Return second moments of what layers read; a convolution's vectors hold taps by channel."""
    divided = dict(grams)
    for layer_input in layer_inputs(model):
        own = factors.get(layer_input.value)
        if own is not None and layer_input.key in grams:
            taps = layer_input.groups * layer_input.size // len(own)
            vectors = np.repeat(own, taps).reshape(layer_input.groups, layer_input.size)
            divided[layer_input.key] = grams[layer_input.key].divided(vectors)
    return divided
