"""What each target runs in integers, as tables. A new target is a new table, not new code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from qconv.errors import UsageError
from qconv.numerics.number_types import INT8, UINT8, NumberType
from qconv.numerics.schemes import PerTensor, Scheme


class Kind(Enum):
    """How an operator takes part in integer arithmetic."""

    CONVOLUTION = "weights on input 1; its output must be quantized"
    PRODUCT = "weights on input 1; its output may stay float"
    ARITHMETIC = "combines integers of any scale into a new scale"
    MOVEMENT = "hands integers on: one scale and zero point before and after"
    CLAMP = "disappears into the quantization of its input's producer"


@dataclass(frozen=True)
class OpRule:
    """One operator on one target.

    Attributes:
        kind: how it takes part.
        data_inputs: indices of the inputs that must be integers; None means all.
        needs_reader: quantize only if something reads the result in integers.
        attributes: the attribute values that the integer kernel takes, the default first; a list
            attribute must hold such values only.
        max_outputs: the integer kernel has at most this many outputs; None means as many as the
            operator has, and all of them must be in use.
    """

    kind: Kind
    data_inputs: tuple[int, ...] | None = (0,)
    needs_reader: bool = False
    attributes: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    max_outputs: int | None = 1


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of hardware.

    ``reasons`` explains operators that have no integer kernel and deserve more than the
    general sentence.
    """

    name: str
    runtime: str
    activation: Scheme
    weight_dtype: NumberType
    rules: Mapping[str, OpRule]
    reasons: Mapping[str, str]


_MOVEMENT = OpRule(Kind.MOVEMENT)

ORT_CPU = Target(
    name="ort-cpu",
    runtime="ONNX Runtime's CPU provider",
    activation=Scheme(UINT8, symmetric=False, granularity=PerTensor()),
    weight_dtype=INT8,
    rules={
        "Conv": OpRule(Kind.CONVOLUTION),
        "Gemm": OpRule(Kind.PRODUCT, attributes={"transA": (0,)}),
        "MatMul": OpRule(Kind.PRODUCT),
        "Add": OpRule(Kind.ARITHMETIC, data_inputs=None),
        "Mul": OpRule(Kind.ARITHMETIC, data_inputs=None),
        "Concat": OpRule(Kind.ARITHMETIC, data_inputs=None),
        "Where": OpRule(Kind.ARITHMETIC, data_inputs=(1, 2)),
        "AveragePool": OpRule(Kind.ARITHMETIC, attributes={"dilations": (1,)}),
        "GlobalAveragePool": OpRule(Kind.ARITHMETIC),
        "LeakyRelu": OpRule(Kind.ARITHMETIC, needs_reader=True),
        "Sigmoid": OpRule(Kind.ARITHMETIC, needs_reader=True),
        "DepthToSpace": _MOVEMENT,
        "Expand": _MOVEMENT,
        "Flatten": _MOVEMENT,
        "Gather": _MOVEMENT,
        "GatherElements": _MOVEMENT,
        "MaxPool": _MOVEMENT,
        "ReduceMax": _MOVEMENT,
        "ReduceMin": _MOVEMENT,
        "Reshape": _MOVEMENT,
        "Resize": OpRule(
            Kind.MOVEMENT,
            attributes={
                "mode": ("nearest",),
                "coordinate_transformation_mode": (
                    "half_pixel",
                    "half_pixel_symmetric",
                    "pytorch_half_pixel",
                    "align_corners",
                    "asymmetric",
                ),
            },
        ),
        "Slice": _MOVEMENT,
        "Split": OpRule(Kind.MOVEMENT, max_outputs=None),
        "Squeeze": _MOVEMENT,
        "Tile": _MOVEMENT,
        "Transpose": _MOVEMENT,
        "Unsqueeze": _MOVEMENT,
        "Relu": OpRule(Kind.CLAMP),
        "Clip": OpRule(Kind.CLAMP),
    },
    reasons={
        "Softmax": "probabilities need more than 8 bits, so it is left in float",
        "LayerNormalization": "it is faster and more exact as one float kernel",
        "If": "it only chooses; its branches are looked at on their own",
        "Loop": "it only repeats; its body is looked at on its own",
        "Scan": "it only repeats; its body is looked at on its own",
    },
)

TARGETS: Mapping[str, Target] = {target.name: target for target in (ORT_CPU,)}


def find_target(name: str) -> Target:
    """Return the table of a target.

    Raises:
        UsageError: there is no such target.
    """
    if name not in TARGETS:
        raise UsageError(f"unknown target '{name}'", hint=f"known targets: {', '.join(TARGETS)}")
    return TARGETS[name]
