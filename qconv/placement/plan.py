"""The Plan: what is quantized, how, and why the rest is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import Enum
from typing import Self

import onnx_ir as ir

from qconv.errors import UsageError
from qconv.numerics.number_types import NumberType
from qconv.numerics.schemes import PerAxis, Scheme
from qconv.placement.demands import Demands
from qconv.placement.targets.table import Kind, Target

KEPT = "it is kept in float, as requested"
"""The reason of operators that the user wants in float."""


class DynamicKind(Enum):
    """What an operator becomes whose inputs are quantized at run time."""

    PRODUCT = "DynamicQuantizeLinear and MatMulInteger"
    LSTM = "DynamicQuantizeLSTM"


@dataclass(frozen=True)
class ValuePlan:
    """How one activation, or one constant operand, is quantized.

    Attributes:
        name: the value's name in the prepared model.
        scheme: type, symmetry and granularity.
        params_from: the value whose range gives scale and zero point. It is another value where
            the runtime demands equal parameters (before and after a Reshape, MaxPool, ...).
        bounds: limits that the range must keep for a fused Relu or Clip to be redundant.
        channel_axis: the axis over which a linear layer that reads the value sums; None where no
            such layer reads it.
        maps: whether the value is a feature map ``[N, C, D1, ...]``.
        emitted: whether its producer runs in integers, so that all readers see the rounded value.
        constant: whether it is an initializer.
        ranges_axis: the axis of the channels whose own ranges are of use: products read it, or
            its channels may be scaled; None where they are not.
    """

    name: str
    scheme: Scheme
    params_from: str
    bounds: tuple[float, float]
    channel_axis: int | None
    maps: bool
    emitted: bool
    constant: bool
    ranges_axis: int | None = None


@dataclass(frozen=True)
class LayerPlan:
    """How the weight and bias of one Conv, Gemm or MatMul are quantized.

    ``weight`` and ``bias`` name initializers; ``bias_node`` is the node that adds the bias: the
    layer itself, or for a MatMul the Add behind it, or None where there is none to hold a bias.
    A bias of the layer itself is of the type that the target says, that of an Add stays float.
    ``per_channel`` is the granularity by which each output channel has a scale. ``output`` names
    the value that the layer emits in integers, or is None where its output stays float.
    """

    node: str
    op_type: str
    input: str
    weight: str
    bias: str | None
    bias_node: str | None
    weight_scheme: Scheme
    per_channel: PerAxis
    output: str | None


@dataclass(frozen=True)
class GroupReader:
    """A layer that reads a group; ``upstream`` names the group's values that what it reads is
    computed from, itself among them.
    """

    node: str
    upstream: frozenset[str]


@dataclass(frozen=True)
class ScaleGroup:
    """Values of which one channel may be divided by one number without changing the outputs.

    The layers ``writers`` give them, the Adds ``sums`` add a constant to them, and the weights of
    ``readers`` take the number in. ``values`` holds the axis of the C ``channels`` of each value,
    in graph order.
    """

    channels: int
    values: Mapping[str, int]
    writers: tuple[str, ...]
    sums: tuple[str, ...]
    readers: tuple[GroupReader, ...]


@dataclass(frozen=True)
class NodePlan:
    """Whether one operator computes in the new type; ``reason`` says why where it does not.

    ``behind`` names the operator that the reason begins at, where that is not this one: it stays
    in float, and so do those that read what it gives.
    """

    node: str
    op_type: str
    quantized: bool
    reason: str
    behind: str = ""


@dataclass(frozen=True)
class Decisions:
    """For each operator of a model, in graph order, whether it is converted, and if not, why.

    ``target`` is the runtime that this was decided for.
    """

    nodes: Mapping[str, NodePlan]
    target: Target

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.target.name}: {self.count} operators converted>"

    @property
    def merged(self) -> frozenset[str]:
        """The operators that become part of the one before them."""
        return frozenset()

    @property
    def count(self) -> str:
        """How many operators are converted, ``11 of 12``; those that are merged count for none."""
        total = len(self.nodes) - len(self.merged)
        return f"{len(self.quantized) - len(self.merged)} of {total}"

    def in_float(self, *names: str) -> Self:
        """Return the same with operators, by name, that stay in float."""
        for name in names:
            if name not in self.nodes:
                raise UsageError(f"the plan has no operator '{name}'", hint=_near(name, self.nodes))
        nodes = {
            name: replace(node, quantized=False, reason=KEPT) if name in names else node
            for name, node in self.nodes.items()
        }
        return replace(self, nodes=nodes)

    @property
    def quantized(self) -> tuple[NodePlan, ...]:
        """The operators that compute in the new type."""
        return tuple(node for node in self.nodes.values() if node.quantized)

    @property
    def kept_float(self) -> tuple[NodePlan, ...]:
        """The operators that stay in float32, each with its reason."""
        return tuple(node for node in self.nodes.values() if not node.quantized)


@dataclass(frozen=True, repr=False)
class Plan(Decisions):
    """The contract between placement, algorithms and rewriters, for one model and target.

    ``inputs`` lists, for each quantized node, the indices of the inputs that it reads in
    integers; ``nodes`` holds every node of the main graph and of branches. ``dynamic`` names the
    operators whose inputs are quantized at run time, ``too_fine`` those left out since their data
    need more than 8 bits. ``groups`` holds the values whose channels may be scaled together,
    ``demands`` what the Plan was asked for.
    """

    values: Mapping[str, ValuePlan]
    layers: Mapping[str, LayerPlan]
    inputs: Mapping[str, tuple[int, ...]]
    dynamic: Mapping[str, DynamicKind] = field(default_factory=dict)
    too_fine: frozenset[str] = frozenset()
    groups: tuple[ScaleGroup, ...] = ()
    demands: Demands = field(default_factory=Demands)

    @property
    def merged(self) -> frozenset[str]:
        """Each Relu and Clip that the range of what it reads takes in."""
        own = self.inputs.keys() | self.dynamic.keys()
        return frozenset(
            node.node
            for node in self.quantized
            if node.node not in own and self.target.rules[node.op_type].kind is Kind.CLAMP
        )

    def with_weights(self, dtype: NumberType, *names: str) -> Plan:
        """Return the same with weights of layers, by name, rounded to INT8, INT7 or INT4."""
        for name in names:
            if name not in self.layers:
                raise UsageError(f"the plan has no layer '{name}'", hint=_near(name, self.layers))
        changed = {
            name: replace(layer, weight_scheme=replace(layer.weight_scheme, dtype=dtype))
            for name, layer in self.layers.items()
            if name in names
        }
        return replace(self, layers={**self.layers, **changed})


@dataclass(frozen=True, repr=False)
class PrecisionPlan(Decisions):
    """Which operators compute in ``dtype``, float16 or bfloat16.

    ``nodes`` holds every node, those of subgraphs included, that works on float32; ``kept``
    names those that stay so because the user wants it, ``seen`` tells whether it was known which
    numbers the values reach.
    """

    dtype: ir.DataType
    kept: frozenset[str] = frozenset()
    seen: bool = False


@dataclass(frozen=True, repr=False)
class DynamicPlan(Decisions):
    """Which operators become what, by name; ``nodes`` holds the operators with weights."""

    dynamic: Mapping[str, DynamicKind]


def at_run_time(plan: Decisions) -> Mapping[str, DynamicKind]:
    """Return the operators whose inputs are quantized at run time, and what they become."""
    return plan.dynamic if isinstance(plan, Plan | DynamicPlan) else {}


@dataclass(frozen=True)
class Cause:
    """Why ``count`` operators of a type stay in float, and so many more ``behind`` them."""

    op_type: str
    reason: str
    count: int
    behind: int
    example: str


def causes(kept: Iterable[NodePlan]) -> tuple[Cause, ...]:
    """Group operators in float by what they stay so for, that which keeps the most first."""
    nodes = {node.node: node for node in kept}
    own = [node for node in nodes.values() if node.behind not in nodes]
    behind = Counter(
        (root.op_type, root.reason)
        for node in nodes.values()
        if (root := nodes.get(node.behind)) is not None
    )
    found = [
        Cause(op, reason, count, behind[op, reason], example)
        for (op, reason), (count, example) in count_nodes(own).items()
    ]
    return tuple(sorted(found, key=lambda cause: -cause.count - cause.behind))


def count_nodes(nodes: Iterable[NodePlan]) -> dict[tuple[str, str], tuple[int, str]]:
    """Group nodes by operator and reason: ``(op, reason) -> (count, name of the first)``.

    The most frequent come first.
    """
    groups: dict[tuple[str, str], tuple[int, str]] = {}
    for node in nodes:
        count, example = groups.get((node.op_type, node.reason), (0, node.node))
        groups[node.op_type, node.reason] = (count + 1, example)
    return dict(sorted(groups.items(), key=lambda item: -item[1][0]))


def _near(name: str, known: Iterable[str]) -> str | None:
    found = get_close_matches(name, list(known), n=1)
    return f"did you mean '{found[0]}'?" if found else None
