"""The table of operators: each as a row of facts, by the domain that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import onnx_ir as ir

from qconv.graph.operators.facts import (
    Control,
    Extent,
    Family,
    Float32,
    Homogeneous,
    Like,
    Movement,
    Numbers,
    Operator,
    Overflow,
    Sizes,
)

STANDARD_DOMAINS = ("", "ai.onnx")
RUNTIME_DOMAIN = "com.microsoft"

_UNKNOWN = Operator()
_QUANTIZE = Operator(Family.QUANTIZE, scales=(1, 2))
_RESTORE = Operator(Family.RESTORE, scales=(1, 2))
_GATHER_ND = Operator(moves=Movement.LOOKUP)
_COUNTS = Operator(sizes=Sizes.ALL, by_number=True)
_ACTIVATION = Operator(by_number=True)
_LAYOUT = Operator(moves=Movement.LAYOUT, sizes=Sizes.FIRST)
_ROWS = Operator(moves=Movement.LAYOUT, sizes=Sizes.FIRST, homogeneous=Homogeneous.ROWS)
_POOL = Operator(homogeneous=Homogeneous.MAPS)
_SEQUENCE = Operator(wraps=ir.SequenceType)
_GENERATOR = Operator(float32=Float32.NUMBERS)
_RANDOM = Operator(random=True, float32=Float32.NUMBERS)
_RECURRENT = Operator(Family.RECURRENT, weights=(1, 2))
_FUSED = Operator(numbers=Numbers.FUSED)
_LIKE_DATA = Operator(like=Like.DATA)
_GELU = Operator(like=Like.DATA, by_number=True)
_QLINEAR_CONV = Operator(
    Family.CONVOLUTION, Numbers.INTEGER, (3,), bias=8, channels=1, scales=(1, 2, 4, 5, 6, 7)
)

STANDARD: Mapping[str, Operator] = {
    # layers
    "Conv": Operator(Family.CONVOLUTION, weights=(1,), bias=2, channels=1),
    "ConvTranspose": Operator(Family.SPREADING, weights=(1,), bias=2, output_axis=1, channels=1),
    "Gemm": Operator(
        *(Family.PRODUCT, Numbers.FLOAT, (1,)),
        bias=2,
        output_axis=1,
        turns=("transA", "transB"),
        factors=(("alpha", 1), ("beta", 2)),
    ),
    "MatMul": Operator(Family.PRODUCT, weights=(1,), output_axis=1, stacks=True, sizes=Sizes.ALL),
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "RNN": _RECURRENT,
    "Attention": Operator(Family.CONTRACTION),
    "Einsum": Operator(Family.CONTRACTION, sizes=Sizes.ALL),
    # layers of quantized models
    "QuantizeLinear": _QUANTIZE,
    "DequantizeLinear": _RESTORE,
    "DynamicQuantizeLinear": Operator(Family.QUANTIZE_SEEN),
    "QLinearConv": _QLINEAR_CONV,
    "QLinearMatMul": Operator(
        *(Family.PRODUCT, Numbers.INTEGER, (3,)), output_axis=1, scales=(1, 2, 4, 5, 6, 7)
    ),
    "ConvInteger": Operator(Family.CONVOLUTION, Numbers.INTEGER, (1,), channels=1, scales=(2, 3)),
    "MatMulInteger": Operator(Family.PRODUCT, Numbers.INTEGER, (1,), output_axis=1, scales=(2, 3)),
    # data that move
    "Identity": Operator(
        moves=Movement.SAME,
        homogeneous=Homogeneous.ELEMENTS,
        by_number=True,
        idle=True,
        sizes=Sizes.FIRST,
    ),
    "Expand": Operator(moves=Movement.LAYOUT, sizes=Sizes.FIRST, extent=Extent.TOLD),
    "Flatten": _ROWS,
    "Reshape": _ROWS,
    "Slice": _LAYOUT,
    "Split": _LAYOUT,
    "Squeeze": _ROWS,
    "Tile": Operator(moves=Movement.LAYOUT, sizes=Sizes.FIRST, extent=Extent.TOLD),
    "Transpose": _LAYOUT,
    "Unsqueeze": _LAYOUT,
    "Concat": Operator(moves=Movement.JOIN, sizes=Sizes.ALL),
    "Gather": Operator(Family.LOOKUP, weights=(0,), moves=Movement.LOOKUP, sizes=Sizes.FIRST),
    "GatherElements": Operator(moves=Movement.LOOKUP),
    "GatherND": _GATHER_ND,
    "DepthToSpace": Operator(moves=Movement.MAPS),
    "SpaceToDepth": Operator(moves=Movement.MAPS),
    "MaxPool": Operator(moves=Movement.CHOICE, homogeneous=Homogeneous.MAPS),
    "ReduceMax": Operator(moves=Movement.CHOICE, sizes=Sizes.FIRST),
    "ReduceMin": Operator(moves=Movement.CHOICE, sizes=Sizes.FIRST),
    "TopK": Operator(moves=Movement.CHOICE),
    "Where": Operator(moves=Movement.CHOICE),
    "Cast": Operator(Family.CAST, typeless=True, sizes=Sizes.ALL),
    # activations and pools
    "Relu": Operator(
        moves=Movement.CHOICE,
        homogeneous=Homogeneous.ELEMENTS,
        clamps=True,
        by_number=True,
        bounds=(0.0, inf),
    ),
    "Celu": _ACTIVATION,
    "Clip": Operator(homogeneous=Homogeneous.ELEMENTS, clamps=True, by_number=True),
    "Elu": _ACTIVATION,
    "Erf": _ACTIVATION,
    "Gelu": _ACTIVATION,
    "HardSigmoid": Operator(by_number=True, bounds=(0.0, 1.0)),
    "HardSwish": _ACTIVATION,
    "LeakyRelu": Operator(homogeneous=Homogeneous.ELEMENTS, by_number=True),
    "Mish": _ACTIVATION,
    "PRelu": Operator(homogeneous=Homogeneous.ELEMENTS, by_number=True),
    "Selu": _ACTIVATION,
    "Sigmoid": Operator(by_number=True, bounds=(0.0, 1.0)),
    "Softmax": Operator(bounds=(0.0, 1.0)),
    "Softplus": _ACTIVATION,
    "Softsign": _ACTIVATION,
    "Swish": _ACTIVATION,
    "Tanh": Operator(by_number=True, bounds=(-1.0, 1.0)),
    "ThresholdedRelu": Operator(by_number=True, earlier=True),
    "AveragePool": _POOL,
    "GlobalAveragePool": _POOL,
    "GlobalMaxPool": _POOL,
    "Pad": Operator(homogeneous=Homogeneous.MAPS, extent=Extent.TOLD),
    # sums and norms
    "CumSum": Operator(overflow=Overflow.SUM),
    "ReduceL1": Operator(overflow=Overflow.SUM),
    "ReduceL2": Operator(overflow=Overflow.SQUARES),
    "ReduceLogSumExp": Operator(overflow=Overflow.EXPONENTIAL),
    "ReduceMean": Operator(overflow=Overflow.SUM),
    "ReduceProd": Operator(sizes=Sizes.FIRST, overflow=Overflow.PRODUCT),
    "ReduceSum": Operator(sizes=Sizes.FIRST, overflow=Overflow.SUM),
    "ReduceSumSquare": Operator(overflow=Overflow.SQUARES),
    "GroupNormalization": Operator(overflow=Overflow.SQUARE),
    "InstanceNormalization": Operator(overflow=Overflow.SQUARE),
    "LayerNormalization": Operator(
        like=Like.DATA, overflow=Overflow.SQUARE, earlier=True, stashes=True
    ),
    "LpNormalization": Operator(overflow=Overflow.SQUARE),
    "MeanVarianceNormalization": Operator(overflow=Overflow.SQUARE, earlier=True),
    "RMSNormalization": Operator(overflow=Overflow.SQUARE),
    "SimplifiedLayerNormalization": Operator(like=Like.DATA, earlier=True),
    # arithmetic, as it is done on sizes and positions too
    "Abs": _COUNTS,
    "Add": Operator(adds=True, by_number=True, sizes=Sizes.ALL),
    "Ceil": _COUNTS,
    "Cos": _COUNTS,
    "Div": _COUNTS,
    "Exp": Operator(by_number=True, sizes=Sizes.ALL, overflow=Overflow.EXPONENTIAL),
    "Floor": _COUNTS,
    "Log": _COUNTS,
    "Max": _COUNTS,
    "Min": _COUNTS,
    "Mod": _COUNTS,
    "Mul": _COUNTS,
    "Neg": _COUNTS,
    "Pow": Operator(by_number=True, sizes=Sizes.ALL, overflow=Overflow.POWER),
    "Reciprocal": _COUNTS,
    "Round": _COUNTS,
    "Sin": _COUNTS,
    "Sqrt": _COUNTS,
    "Sub": _COUNTS,
    # sizes, positions and types
    "NonZero": Operator(typeless=True, sizes=Sizes.SOURCE, extent=Extent.CHOSEN),
    "Range": Operator(sizes=Sizes.SOURCE, extent=Extent.COUNTED),
    "Shape": Operator(typeless=True, sizes=Sizes.SOURCE),
    "Size": Operator(typeless=True, sizes=Sizes.SOURCE),
    "CastLike": Operator(typeless=True),
    "IsNaN": Operator(typeless=True),
    "BitCast": Operator(float32=Float32.BITS),
    "Compress": Operator(extent=Extent.CHOSEN),
    "Unique": Operator(extent=Extent.CHOSEN),
    "OneHot": Operator(extent=Extent.TOLD),
    "ScatterElements": Operator(float32=Float32.REDUCTION),
    "ScatterND": Operator(float32=Float32.REDUCTION),
    # numbers from nothing
    "Constant": Operator(Family.CONSTANT),
    "ConstantOfShape": Operator(extent=Extent.TOLD),
    "EyeLike": Operator(float32=Float32.EYE),
    "BlackmanWindow": _GENERATOR,
    "HammingWindow": _GENERATOR,
    "HannWindow": _GENERATOR,
    "MelWeightMatrix": _GENERATOR,
    "RandomNormal": _RANDOM,
    "RandomNormalLike": _RANDOM,
    "RandomUniform": _RANDOM,
    "RandomUniformLike": _RANDOM,
    "Bernoulli": Operator(random=True),
    "Multinomial": Operator(random=True),
    "Dropout": Operator(idle=True, random=True, float32=Float32.TRAINING),
    # control flow, sequences
    "If": Operator(
        control=Control(("then_branch", "else_branch"), repeats=False, least=0, decides=1)
    ),
    "Loop": Operator(control=Control(("body",), repeats=True, kept=1, least=2, decides=2)),
    "Scan": Operator(control=Control(("body",), repeats=True)),
    "Optional": Operator(wraps=ir.OptionalType),
    "SequenceConstruct": _SEQUENCE,
    "SequenceEmpty": _SEQUENCE,
    "SequenceErase": _SEQUENCE,
    "SequenceInsert": _SEQUENCE,
    "SequenceMap": _SEQUENCE,
    "SplitToSequence": _SEQUENCE,
}
"""The operators of ai.onnx, and those that the runtime has in that domain besides."""

RUNTIME: Mapping[str, Operator] = {
    "QuantizeLinear": _QUANTIZE,
    "DequantizeLinear": _RESTORE,
    "QLinearConv": _QLINEAR_CONV,
    "QGemm": Operator(
        *(Family.PRODUCT, Numbers.INTEGER, (3,)),
        bias=6,
        output_axis=1,
        turns=("transA", "transB"),
        scales=(1, 2, 4, 5, 7, 8),
    ),
    "MatMulIntegerToFloat": Operator(
        *(Family.PRODUCT, Numbers.INTEGER, (1,)), bias=6, output_axis=1, scales=(2, 3, 4, 5)
    ),
    "DynamicQuantizeMatMul": Operator(
        *(Family.PRODUCT, Numbers.INTEGER, (1,)), bias=4, output_axis=1, scales=(2, 3)
    ),
    "DynamicQuantizeLSTM": Operator(Family.RECURRENT, Numbers.INTEGER, (1, 2)),
    "MatMulNBits": Operator(Family.PRODUCT, Numbers.PACKED, (1,), scales=(2, 3)),
    "GatherBlockQuantized": Operator(Family.LOOKUP, Numbers.PACKED, (0,), scales=(2, 3)),
    "QAttention": Operator(Family.CONTRACTION, Numbers.FUSED),
    "QLinearAdd": _FUSED,
    "QLinearAveragePool": _FUSED,
    "QLinearConcat": _FUSED,
    "QLinearGlobalAveragePool": _FUSED,
    "QLinearLeakyRelu": _FUSED,
    "QLinearMul": _FUSED,
    "QLinearReduceMean": _FUSED,
    "QLinearSigmoid": _FUSED,
    "QLinearSoftmax": _FUSED,
    "QLinearWhere": _FUSED,
    "QMoE": Operator(Family.CONTRACTION, Numbers.FUSED),
    "GatherND": _GATHER_ND,
    "BiasGelu": _LIKE_DATA,
    "FastGelu": _GELU,
    "Gelu": _GELU,
    "QuickGelu": _GELU,
    "RotaryEmbedding": _LIKE_DATA,
    "SkipLayerNormalization": _LIKE_DATA,
    "SkipSimplifiedLayerNormalization": _LIKE_DATA,
    "GroupQueryAttention": Operator(like=Like.QUERY),
}
"""The operators of com.microsoft, see ONNX Runtime's ContribOperators.md."""

_TABLES = {**dict.fromkeys(STANDARD_DOMAINS, STANDARD), RUNTIME_DOMAIN: RUNTIME}


def operator_of(node: ir.Node) -> Operator:
    """Return what is known of the operator of a node; of unknown ones nothing."""
    return _TABLES.get(node.domain, {}).get(node.op_type, _UNKNOWN)


def standard_operator(op_type: str) -> Operator:
    """Return what is known of an operator of ai.onnx by its name."""
    return STANDARD.get(op_type, _UNKNOWN)


def quantizes(node: ir.Node) -> bool:
    """Whether a node rounds floats to integers, with a scale that it is given."""
    return operator_of(node).family is Family.QUANTIZE


def restores(node: ir.Node | None) -> bool:
    """Whether a node makes floats of integers again."""
    return node is not None and operator_of(node).family is Family.RESTORE


def clamps(node: ir.Node | None) -> bool:
    """Whether a node gives its first input, limited by bounds."""
    return node is not None and operator_of(node).clamps


def casts(node: ir.Node | None) -> bool:
    """Whether a node gives its input in the type that an attribute says."""
    return node is not None and operator_of(node).family is Family.CAST
