"""Reports as they come out of a measurement, without measuring."""

from dataclasses import replace
from datetime import UTC, datetime

from qconv.reporting.contents import (
    Coverage,
    FloatOperator,
    FoundLayer,
    FoundPlan,
    FusionAudit,
    LayerError,
    LayerRisk,
    LayerStorage,
    SearchReport,
    TensorHistogram,
    WeightRange,
)
from qconv.reporting.energy_data import Energy
from qconv.reporting.made import Made
from qconv.reporting.pairing import Pairing
from qconv.reporting.profile_data import OperatorTime, Profile, TypeTime
from qconv.reporting.report_data import (
    Accuracy,
    DataSummary,
    InputSummary,
    OutputMetrics,
    Report,
    VariantReport,
)
from qconv.reporting.runs import Latency, Timing

FLOAT_TIMES = Profile(
    types=(TypeTime("Conv", 49, 14.2, 97.6), TypeTime("Gemm", 1, 0.2, 1.4)),
    slowest=(OperatorTime("stem", "Conv", 1.1), OperatorTime("fc", "Gemm", 0.2)),
    outside_ms=0.144,
    runs=30,
    plain_ms=14.6,
    profiled_ms=14.9,
)
"""Where the time of the float model goes."""

TIMES = Profile(
    types=(TypeTime("QLinearConv", 49, 4.0, 55.0), TypeTime("QuantizeLinear", 3, 3.1, 42.6)),
    slowest=(
        OperatorTime("to_int8", "QuantizeLinear", 2.9),
        OperatorTime("stem", "QLinearConv", 1),
    ),
    outside_ms=0.172,
    runs=30,
    plain_ms=7.3,
    profiled_ms=7.5,
)
"""Where that of the variant goes."""

FLOAT_ENERGY = Energy({"float32": 100}, 4_000, 400, 460.0, 640_000.0, 640_960.0, 704_460.0)
ENERGY = Energy({"float32": 10, "int8": 90}, 1_000, 100, 73.0, 160_000.0, 160_198.0, 176_073.0)

REFERENCE = VariantReport(
    name="model.onnx",
    path="models/model.onnx",
    size_bytes=18_610_000,
    accuracy=Accuracy(87.75, 97.25),
    outputs=(),
    latency=Latency(14.544, 15.757),
    fusion=None,
    custom={"confidence": 0.75},
    energy=FLOAT_ENERGY,
)

INT8 = VariantReport(
    name="model.int8.onnx",
    path="models/model.int8.onnx",
    size_bytes=5_100_000,
    accuracy=Accuracy(86.4, 97.5),
    outputs=(OutputMetrics("logits", 24.13, 0.998, 0.00912, 98.25, 0),),
    latency=Latency(7.272, 8.0, 1.9, 2.1),
    fusion=FusionAudit(
        quantized=60,
        integer=57,
        by_op={"Conv": (50, 49), "Add": (10, 8)},
        misses=(
            FloatOperator("stem", "Conv", "its output is also a graph output"),
            FloatOperator("add_1", "Add", "one input is float"),
            FloatOperator("add_2", "Add", "one input is float"),
        ),
    ),
    custom={"confidence": 0.5},
    paired=Pairing(400, 9, 4, -0.25, 3.1, 0.27),
    coverage=Coverage(ops=80.0, macs=99.5, bytes=98.0),
    portability=(LayerRisk("stem", "Conv", 200, 3), LayerRisk("fc", "Gemm", 100, 0)),
    energy=ENERGY,
)

DETAILED = replace(
    INT8,
    storage=(
        LayerStorage("stem", "Conv", {"int8": 864, "int32": 128, "float": 128}),
        LayerStorage("fc", "Gemm", {"int8": 1_280_000, "float": 4000}),
    ),
    kept_float=(FloatOperator("soft", "Softmax", "it has no integer kernel"),),
    layers=(LayerError("stem", "Conv", 35.5, 35.5), LayerError("fc", "Gemm", None, 24.25)),
    ranges=(WeightRange("stem", "Conv", 32, 0.01, 0.2, 1.5),),
    histograms=(
        TensorHistogram("x", "activation", 30.5, 0.01, -1.0, 2.0, (1, 20, 300, 4), (-1, 0, 1, 2)),
    ),
    sha256="ab" * 32,
    origin={"qconv.dtype": "int8"},
)
"""The same with everything that plots show."""

SEARCH = SearchReport(
    "speed",
    "float",
    (FoundPlan(2.5, None, 20.0, 0, False), FoundPlan(1.9, None, 28.5, 3, True)),
    (FoundLayer("stem", 22.5, 0.02), FoundLayer("fc, soft", 40.0, -0.001)),
)
"""What a search for speed has found."""

FULL = Report(
    qconv="0.1.0",
    runtime="onnxruntime 1.31.1",
    cpu="Some CPU",
    data=DataSummary(400, True, 1, (InputSummary("images", "float32", ("N", 3, None, 224)),)),
    class_output="logits",
    timing=Timing(1, 1, 50, 5),
    reference=REFERENCE,
    variants=(INT8,),
)
"""A report in which everything was measured."""

MADE = Made(datetime(2026, 11, 30, 21, 5, tzinfo=UTC), "0123456789ab")
"""When a page of it was written."""
