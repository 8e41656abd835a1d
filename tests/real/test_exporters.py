"""Large models as exporters write them, in types that stand for all ways to convert."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest

from benchmarks.every_type import convert_all
from benchmarks.exporters.sizes import CHAINS
from benchmarks.exporters.table import Case

TYPES = ["int8 static", "int8 dynamic", "int8 weights", "int4", "fp8e4m3", "fp16", "bf16 storage"]
BAR_MB = {"int4": 400, "int8 weights": 450}
"""Largest resident memory that converting a model of 550 MB may take, by type."""


def convert(case: Case, folder: Path, types: list[str]) -> dict[str, float]:
    """Return the peak memory in MB of each type, once every written file was right."""
    path = folder / "model.onnx"
    case.make(path, os.environ.get("QCONV_TORCH", ""))
    if case.maker == "helper":
        _add_notes(path)
    (folder / "out").mkdir()
    data = str(path.with_suffix(".npz"))
    rows = list(convert_all(path, data, folder / "out", samples=2, types=types))
    assert {row.name: (row.code, row.fault) for row in rows} == dict.fromkeys(types, (0, ""))
    return {row.name: row.peak for row in rows}


def _add_notes(path: Path) -> None:
    """Leave a note on each weight, without a type, as PyTorch's dynamo exporter does."""
    model = onnx.load(path, load_external_data=False)
    for weight in model.graph.initializer:
        note = model.graph.value_info.add(name=weight.name).metadata_props.add()
        note.key, note.value = "pkg.torch.onnx.original_node_name", weight.name
    onnx.save(model, path)


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
@pytest.mark.parametrize("model", ["mobilenet_v3_small", "swin_t", "decoder-85MB"])
@pytest.mark.skipif(
    "QCONV_TORCH" not in os.environ, reason="QCONV_TORCH names no Python with torch"
)
def test_models_of_pytorch(model: str, exporter: str, tmp_path: Path) -> None:
    convert(Case(model, exporter), tmp_path, TYPES)


def test_more_than_64_mb(tmp_path: Path) -> None:
    convert(Case("chain-70MB", "helper"), tmp_path, TYPES)


def test_more_than_500_mb(tmp_path: Path) -> None:
    peaks = convert(Case("chain-550MB", "helper"), tmp_path, list(BAR_MB))
    assert CHAINS["chain-550MB"][0] > 500
    assert all(peaks[name] < bar for name, bar in BAR_MB.items())
