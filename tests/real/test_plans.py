"""Plans of real models: read, changed, converted, and read back from the file."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto

import qconv
from benchmarks.sentences import write_calibration
from qconv.placement.plan import Plan
from tests.real.conftest import EfficientNet


def _mixed(model: Path, data: Path, output: Path) -> tuple[Plan, dict[str, int]]:
    """Keep every fifth layer in float, and round every third of the others to four bits."""
    plan = qconv.plan(model)
    assert isinstance(plan, Plan)
    names = list(plan.layers)
    floats = names[::5]
    narrow = [name for name in names if name not in floats][::3]
    changed = plan.in_float(*floats).with_weights(qconv.INT4, *narrow)
    mixed = qconv.convert(
        model, output, data=[str(data)], settings=qconv.Int8Settings(effort="fast"), plan=changed
    )
    assert isinstance(mixed.plan, Plan)
    assert not any(mixed.plan.nodes[name].quantized for name in floats)
    assert {mixed.plan.layers[name].weight_scheme.dtype for name in narrow} == {qconv.INT4}
    tensors = onnx.load(output).graph.initializer
    return mixed.plan, {tensor.name: tensor.data_type for tensor in tensors}


def test_images(efficientnet: EfficientNet, tmp_path: Path) -> None:
    plan, types = _mixed(efficientnet.model, efficientnet.calibration, tmp_path / "mixed.onnx")
    stored = {name: types[f"{layer.weight}/quantized"] for name, layer in plan.layers.items()}
    for name, layer in plan.layers.items():
        wanted = TensorProto.INT4 if layer.weight_scheme.dtype == qconv.INT4 else TensorProto.INT8
        assert stored[name] == wanted, name


def test_sentences(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "all-minilm-l6-v2"
    write_calibration(folder, tmp_path / "calibration")
    model, output = folder / "model.onnx", tmp_path / "mixed.onnx"
    _, types = _mixed(model, tmp_path / "calibration", output)
    assert TensorProto.INT4 in types.values()
    assert TensorProto.INT8 in types.values()
