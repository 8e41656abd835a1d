"""What a table of a target says: its operators, their schemes, and the policies of its runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from qconv.errors import UsageError
from qconv.graph.operators.table import RUNTIME_DOMAIN
from qconv.numerics.schemes import Scheme
from qconv.recipe.settings import Activations


class Kind(Enum):
    """How an operator takes part in integer arithmetic."""

    CONVOLUTION = "weights of any rank on input 1"
    PRODUCT = "a matrix of weights on input 1"
    ARITHMETIC = "combines integers of any scale into a new scale"
    MOVEMENT = "hands integers on: one scale and zero point before and after"
    CLAMP = "disappears into the quantization of its input's producer"


class Output(Enum):
    """When the result of an operator that reads integers is quantized behind it."""

    ALWAYS = "its integer kernel has no float output"
    READER = "where a reader wants integers, or a Relu or Clip follows"
    NEVER = "its integer kernel gives floats"


class Bias(Enum):
    """In which type a layer adds its bias."""

    INT32 = "int32, in steps of the input's scale times the weight's"
    FLOAT = "float32"


class Sums(Enum):
    """What an Add reads in integers that joins a layer's result with what skipped the layer."""

    BOTH = "both operands"
    SKIP = "what skipped the layer alone, since the layer's kernel adds it to its own float result"


@dataclass(frozen=True)
class OpRule:
    """One operator on one target.

    Attributes:
        kind: how it takes part.
        data_inputs: indices of the inputs that must be integers; None means all.
        output: when its result is quantized.
        needs_reader: quantize only if something reads the result in integers.
        activations: the target's types of activations that it takes; none named means all.
        weights: the types of weights that it takes; none named means all.
        per_channel: whether each output channel of its weight may have a scale of its own.
        attributes: the attribute values that the integer kernel takes, the default first; a list
            attribute must hold such values only.
        max_outputs: the integer kernel has at most this many outputs; None means as many as the
            operator has, and all of them must be in use.
    """

    kind: Kind
    data_inputs: tuple[int, ...] | None = (0,)
    output: Output = Output.ALWAYS
    needs_reader: bool = False
    activations: tuple[Activations, ...] = ()
    weights: tuple[str, ...] = ()
    per_channel: bool = True
    attributes: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    max_outputs: int | None = 1


@dataclass(frozen=True)
class Target:
    """A runtime on a kind of hardware.

    Attributes:
        name: as on the command line.
        runtime: its name in sentences.
        activations: the schemes that activations may have, by the type's name; the first is the
            one where nothing else is asked for.
        rules: what runs in integers, by operator.
        notes: what is worth knowing of a type of activations.
        reasons: why others run in float, where that deserves more than the general sentence.
        bias: the type of biases.
        sums: what residual sums read in integers.
        quantized_outputs: whether the model's outputs are quantized where operators that run in
            integers give them.
        domains: the domains of operators that it knows; the empty one is that of ONNX itself.
            None where it has those of ONNX Runtime, and can be taught others.
        newest_opset: the last opset of ONNX that it reads; None where it has no limit.
        run_time: whether it has kernels that quantize their inputs at run time.
        inline_constants: whether scales and weights must be constants themselves; else nodes may
            compute them from constants when the model is loaded.
        whole_blocks: whether each row of a weight must hold a whole number of blocks.
        fixed_shapes: whether every axis of the model's inputs must have a size.
        refused: operators that it cannot run at all, in float neither, each with the reason.
        portable: whether weights are kept from saturating on CPUs without VNNI, where nothing
            else is asked for.
        rounds_float_layers: whether its optimizer rounds the weights of float layers that stand
            among integers, unless they read values with a scale for each channel.
    """

    name: str
    runtime: str
    activations: Mapping[Activations, Scheme]
    rules: Mapping[str, OpRule]
    notes: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    bias: Bias = Bias.INT32
    sums: Sums = Sums.BOTH
    quantized_outputs: bool = False
    domains: frozenset[str] | None = frozenset({""})
    newest_opset: int | None = None
    run_time: bool = False
    inline_constants: bool = False
    whole_blocks: bool = False
    fixed_shapes: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    portable: bool = False
    rounds_float_layers: bool = False

    def __post_init__(self) -> None:
        if not self.activations:
            raise UsageError(f"the target {self.name} names no type of activations")

    def for_any_type(self) -> Target:
        """Return the same with operators that take every type: what calibration looks at."""
        rules = {
            name: replace(rule, activations=(), weights=()) for name, rule in self.rules.items()
        }
        return replace(self, rules=rules)

    @property
    def activation(self) -> Activations:
        """The type of activations where nothing else is asked for."""
        return next(iter(self.activations))

    @property
    def has_ort_operators(self) -> bool:
        """Whether it runs the operators that ONNX Runtime alone defines."""
        return self.domains is None or RUNTIME_DOMAIN in self.domains
