"""Models whose inputs are quantized at run time: written, compared, and seen by the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnxruntime as ort

from qconv.pipeline import Conversion, convert
from qconv.recipe.settings import DynamicSettings
from tests.model_helpers import ports, random_feeds, save, sqnr

AXES = {"N": (3,), "T": (5, 2), "S": (4,)}


def converted(
    model: onnx.ModelProto, folder: Path, settings: DynamicSettings | None = None
) -> Conversion:
    path = save(model, folder)
    conversion = convert(
        path, folder / "d.onnx", settings=settings or DynamicSettings(), force=True
    )
    onnx.checker.check_model(str(conversion.path), full_check=True)
    assert ports(onnx.load(conversion.path)) == ports(model)
    return conversion


def close(model: onnx.ModelProto, conversion: Conversion, least: float = 28.0) -> None:
    feeds = random_feeds(model, AXES, count=3)
    for name, ratio in sqnr(model, conversion.path, feeds).items():
        assert ratio > least, (name, ratio)


def operators(graph: onnx.GraphProto) -> Iterator[str]:
    """The operators of a graph and its bodies."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


def running(path: Path, folder: Path) -> list[str]:
    """The operators that the runtime runs, as it writes them after its fusions."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "running.onnx")
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return list(operators(onnx.load(folder / "running.onnx").graph))
