"""A report as large as that of a real network: 60 layers, everything measured."""

from __future__ import annotations

from dataclasses import replace

from qconv.reporting.contents import (
    FloatOperator,
    LayerError,
    LayerRisk,
    LayerStorage,
    TensorHistogram,
    WeightRange,
)
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_data import Report, VariantReport
from tests.report_cases import DETAILED, FULL

GATES = ("top1_drop > 1", "size_ratio > 0.3", "speedup < 1.5")


def large_report(variants: int) -> Report:
    """A report of so many variants, each with three gates of which one fails."""
    made = tuple(_variant(f"model.int8.{index}.onnx") for index in range(variants))
    command = "qconv report model.onnx " + " ".join(variant.name for variant in made)
    versions = dict.fromkeys(("python", "onnxruntime", "numpy", "onnx", "onnx-ir", "system"), "1.2")
    report = replace(FULL, variants=made, command=command, versions=versions)
    return judged(report, read_gates(GATES))


def _variant(name: str) -> VariantReport:
    names = [f"/_blocks.{index // 4}/_project_conv.{index % 4}/Conv" for index in range(60)]
    return replace(
        DETAILED,
        name=name,
        path=f"models/{name}",
        layers=tuple(
            LayerError(name, "Conv", 30.0 + index % 13, 40.0 - index / 3 + index % 5)
            for index, name in enumerate(names)
        ),
        storage=tuple(
            LayerStorage(f"{name}{part}", "Conv", {"int8": 997 * index, "int32": 4 * index})
            for index, name in enumerate(names, 1)
            for part in ("", "/bias")
        ),
        ranges=tuple(
            WeightRange(name, "Conv", 96, 1e-6 * (index + 1), 0.5, 1.0 + index)
            for index, name in enumerate(names)
        ),
        kept_float=tuple(
            FloatOperator(name, "Softmax", f"reason {index % 7} that a reader understands")
            for index, name in enumerate(names)
        ),
        portability=tuple(
            LayerRisk(name, "Conv", 9_000, index) for index, name in enumerate(names)
        ),
        histograms=tuple(_histogram(name, index) for index, name in enumerate(names[:8])),
        sha256="0123456789abcdef" * 4,
        origin={f"qconv.key{index}": "value" for index in range(8)},
    )


def _histogram(name: str, index: int) -> TensorHistogram:
    counts = tuple((place * 7919 * (64 - place)) % 90_001 for place in range(64))
    grid = tuple(place / 64 for place in range(-128, 128))
    kind = "activation" if index < 4 else "weight"
    return TensorHistogram(f"{name}_output_0", kind, 30.0 + index, 0.02, -2.1, 2.1, counts, grid)
