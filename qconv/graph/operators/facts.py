"""What can be said of an operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import onnx_ir as ir


class Family(Enum):
    """What an operator does, as far as some rule asks."""

    CONVOLUTION = "lays a kernel over maps: [N, C, ...], kernel [O, I / groups, ...]"
    SPREADING = "spreads each number of maps over a kernel [I, O / groups, ...]"
    PRODUCT = "multiplies matrices: its first two factors"
    RECURRENT = "goes along a sequence: [L, N, C], weights [directions, O, I]"
    CONTRACTION = "sums products of activations, as its attributes say"
    LOOKUP = "gives the rows of a table that indices name"
    QUANTIZE = "rounds floats to integers"
    QUANTIZE_SEEN = "rounds floats to integers, with a scale of their own"
    RESTORE = "makes floats of integers again"
    CAST = "gives the same numbers in the type that its attribute to says"
    CONSTANT = "gives what an attribute holds"


class Numbers(Enum):
    """What an operator computes with."""

    FLOAT = "floats, or whatever it is given"
    INTEGER = "integers of quantized models"
    PACKED = "floats, and a weight of few bits, several of which share a byte"
    FUSED = "integers, where the runtime or its own tools have merged operators"


class Movement(Enum):
    """Where results come from that are elements of the inputs, or zero, and nothing else."""

    SAME = "all of the first input, as it is"
    LAYOUT = "the first input in another shape or order, in parts or repeated"
    JOIN = "all inputs, one behind the other"
    LOOKUP = "the first input, where indices say"
    MAPS = "the first input, from channels to space or back"
    CHOICE = "what is largest or smallest, or what a condition chooses"


class Homogeneous(Enum):
    """How an operator works on each channel alone, with ``f(x / s) = f(x) / s`` for ``s > 0``."""

    ELEMENTS = "number by number, in any shape; a Clip only at bounds of zero"
    MAPS = "over the space of maps [N, C, ...]; a Pad only if it pads with zeros or copies"
    ROWS = "by dropping axes, as from [N, C, 1, 1] to [N, C]"


class Sizes(Enum):
    """How sizes and positions, which have to be exact, get into a value."""

    SOURCE = "it gives sizes or positions"
    FIRST = "its result is one if the first input is; the others say where or how"
    ALL = "its result is one if all inputs are"


class Extent(Enum):
    """What the size of a result depends on, where ONNX's inference from shapes is not enough."""

    TOLD = "on numbers in the inputs"
    COUNTED = "on how many steps lie between numbers in the inputs"
    CHOSEN = "on what it chooses of the inputs, so it is no larger"


class Like(Enum):
    """What the first result is like where ONNX has no inference, or none at older opsets."""

    DATA = "the first input, in type and shape"
    QUERY = "the queries in the first input, which may hold keys and values too"


class Overflow(Enum):
    """What an operator computes inside that may be larger than its input and its result."""

    SUM = "a sum over axes"
    SQUARES = "a sum of squares over axes"
    SQUARE = "the square of its largest input"
    EXPONENTIAL = "e to the power of its input"
    PRODUCT = "a product over axes"
    POWER = "its first input to the power of the second"


class Float32(Enum):
    """Why the runtime computes an operator in float32 alone, though ONNX knows other types."""

    NUMBERS = "it generates numbers"
    EYE = "it generates numbers if it reads no floats"
    TRAINING = "it drops numbers if its third input says that it trains"
    REDUCTION = "its attribute reduction says that numbers are added or compared"
    BITS = "it reads the bits of its data"


@dataclass(frozen=True)
class Control:
    """How an operator runs the graphs in its attributes.

    Attributes:
        bodies: the attributes.
        repeats: whether it runs a body more than once.
        kept: results of a body that it keeps to itself, the first ones.
        least: how many values it feeds to a body at least, else one for each input; 0 where it
            feeds none, None where that depends on its attributes.
        decides: the inputs, the first ones, that hold one number each, by which it decides.
    """

    bodies: tuple[str, ...]
    repeats: bool
    kept: int = 0
    least: int | None = None
    decides: int = 0


@dataclass(frozen=True)
class Operator:
    """What is known of an operator; by default nothing.

    Attributes:
        family: what it does.
        numbers: what it computes with.
        weights: indices of the inputs that hold weights.
        bias: index of the input that is added to each output channel.
        output_axis: axis of the output channels in the weight of a convolution or product, as
            it lies where nothing turns it.
        channels: axis of the channels in what a layer reads and gives.
        turns: attributes that say of the two factors of a product whether they lie transposed.
        factors: attributes that inputs are multiplied with, each with the index of the input.
        stacks: whether it multiplies stacks of matrices, and so two activations as well.
        scales: indices of the inputs that hold scales and zero points.
        moves: where its results come from, if it computes nothing.
        homogeneous: how it treats channels that are scaled.
        adds: whether it adds its two inputs.
        clamps: whether it gives its first input, limited by bounds.
        by_number: whether each number that it gives comes from one number of each input.
        bounds: numbers between which all results lie, whatever it reads.
        idle: whether it hands on its first input where it does not train.
        random: whether it gives other results at each run.
        typeless: whether the type of its first input has no bearing on any other type.
        sizes: how sizes and positions pass through it.
        extent: what the size of its result depends on.
        like: what its first result is like.
        wraps: the kind of value that its results are, if they are no tensors.
        overflow: what it computes inside.
        float32: why the runtime computes it in float32 alone.
        earlier: whether the runtime has it in ai.onnx at opsets, too, at which ONNX has not.
        stashes: whether all results but the first have the type that ``stash_type`` says.
        control: how it runs the graphs in its attributes.
    """

    family: Family | None = None
    numbers: Numbers = Numbers.FLOAT
    weights: tuple[int, ...] = ()
    bias: int | None = None
    output_axis: int = 0
    channels: int = -1
    turns: tuple[str, ...] = ()
    factors: tuple[tuple[str, int], ...] = ()
    stacks: bool = False
    scales: tuple[int, ...] = ()
    moves: Movement | None = None
    homogeneous: Homogeneous | None = None
    adds: bool = False
    clamps: bool = False
    by_number: bool = False
    bounds: tuple[float, float] | None = None
    idle: bool = False
    random: bool = False
    typeless: bool = False
    sizes: Sizes | None = None
    extent: Extent | None = None
    like: Like | None = None
    wraps: type[ir.SequenceType] | type[ir.OptionalType] | None = None
    overflow: Overflow | None = None
    float32: Float32 | None = None
    earlier: bool = False
    stashes: bool = False
    control: Control | None = None

    @property
    def multiplies(self) -> bool:
        """Whether it is a convolution or a product, of numbers of any kind."""
        return self.family in (Family.CONVOLUTION, Family.SPREADING, Family.PRODUCT)

    @property
    def layer(self) -> Family | None:
        """Its family, if it sums products of floats."""
        sums = self.multiplies or self.family in (Family.RECURRENT, Family.CONTRACTION)
        return self.family if sums and self.numbers is Numbers.FLOAT else None

    @property
    def is_layer(self) -> bool:
        """Whether it is a convolution or a product of floats."""
        return self.multiplies and self.numbers is Numbers.FLOAT

    @property
    def chooses(self) -> bool:
        """Whether it runs one of its bodies, once."""
        return self.control is not None and not self.control.repeats

    @property
    def is_quantized(self) -> bool:
        """Whether only models that are already quantized have it."""
        rounds = self.family in (Family.QUANTIZE, Family.QUANTIZE_SEEN, Family.RESTORE)
        return rounds or self.numbers in (Numbers.INTEGER, Numbers.PACKED)

    @property
    def computes(self) -> bool:
        """Whether it does more than quantize, restore, hold, choose or repeat."""
        return self.control is None and self.family not in (
            *(Family.QUANTIZE, Family.QUANTIZE_SEEN, Family.RESTORE),
            Family.CONSTANT,
        )
