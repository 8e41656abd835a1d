"""ONNX Runtime on CPUs: its integer kernels, and the operators of its own."""

from __future__ import annotations

from qconv.numerics.number_types import INT8, INT16, UINT8
from qconv.numerics.schemes import PerTensor, Scheme
from qconv.placement.targets.table import Kind, OpRule, Output, Target

_MOVEMENT = OpRule(Kind.MOVEMENT)

ORT_CPU = Target(
    name="ort-cpu",
    runtime="ONNX Runtime's CPU provider",
    activations={
        "uint8": Scheme(UINT8, symmetric=False, granularity=PerTensor()),
        "int8": Scheme(INT8, symmetric=False, granularity=PerTensor()),
        "int16": Scheme(INT16, symmetric=True, granularity=PerTensor()),
    },
    notes={
        "int8": "signed activations: on x64 CPUs ONNX Runtime is fast only with uint8; it "
        "converts int8 at run time, and computes in float where a value is read more than once",
        "int16": "16-bit activations: ONNX Runtime has no int16 kernels for CPUs and computes in "
        "float, slower than the float model; the file is for hardware with int16",
    },
    domains=None,
    run_time=True,
    portable=True,
    rounds_float_layers=True,
    rules={
        "Conv": OpRule(Kind.CONVOLUTION),
        "Gemm": OpRule(Kind.PRODUCT, output=Output.READER, attributes={"transA": (0,)}),
        "MatMul": OpRule(Kind.PRODUCT, output=Output.READER),
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
        "If": "it only selects a branch; its branches are quantized on their own",
        "Loop": "it only repeats its body, which is quantized on its own",
        "Scan": "it only repeats its body, which is quantized on its own",
    },
)
