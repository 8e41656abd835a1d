"""The closed form against the mean error that a convolution really makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from qconv.algorithms.bias_correction import (
    convolution_shift,
    mean_output,
    measured_shift,
    product_shift,
)
from qconv.graph.conv_geometry import windows_of
from qconv.numerics.patches import patch_vectors
from qconv.observers.gram import Gram

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "padded": {"pads": [1, 2, 1, 0]},
    "strided": {"strides": [2, 1], "pads": [1, 1, 1, 1]},
    "dilated": {"dilations": [2, 1], "pads": [2, 1, 2, 1]},
    "same upper": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "same lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    "grouped": {"group": 2, "pads": [1, 1, 1, 1]},
    "depthwise": {"group": 4, "pads": [1, 1, 1, 1], "strides": [2, 2]},
}


def _conv(attributes: dict[str, Any], weight: NDArray[np.float32]) -> ir.Model:
    value = ir.Value(name="x", shape=ir.Shape([1, 4, 7, 6]), type=ir.TensorType(ir.DataType.FLOAT))
    kernel = ir.Value(
        name="w",
        const_value=ir.tensor(weight, name="w"),
        shape=ir.Shape(weight.shape),
        type=ir.TensorType(ir.DataType.FLOAT),
    )
    node = ir.node("Conv", [value, kernel], attributes=attributes, name="conv")
    node.outputs[0].name = "y"
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    graph = ir.Graph(
        [value],
        node.outputs,
        nodes=[node],
        initializers=[kernel],
        opset_imports={"": 17},
        name="g",
    )
    return ir.Model(graph, ir_version=8)


@pytest.mark.parametrize("name", CASES)
def test_the_shift_of_a_convolution_is_exact_for_flat_channels(name: str) -> None:
    attributes = CASES[name]
    random = np.random.default_rng(3)
    groups = int(attributes.get("group", 1))
    error = random.normal(size=(8, 4 // groups, 3, 3)).astype(np.float32)
    means = random.normal(size=4)
    model = _conv(attributes, error)
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    flat = np.broadcast_to(means[None, :, None, None], (1, 4, 7, 6)).astype(np.float32)
    (output,) = session.run(None, {"x": flat})
    windows = windows_of(model.graph[0], (3, 3))
    shift = convolution_shift(error.astype(np.float64), means, windows)
    np.testing.assert_allclose(shift, output.mean(axis=(0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_the_shift_of_a_product_is_the_error_times_the_means() -> None:
    random = np.random.default_rng(4)
    error, data = random.normal(size=(5, 9)), random.normal(size=(100, 9)) + 1
    expected = (data @ error.T).mean(axis=0)
    np.testing.assert_allclose(product_shift(error, data.mean(axis=0)), expected, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_maps_of_unknown_size_take_the_share_of_padding_from_what_was_seen(name: str) -> None:
    random = np.random.default_rng(1)
    inputs = random.normal(3, 1, (2, 4, 7, 6)).astype(np.float32)
    groups = CASES[name].get("group", 1)
    weight = random.standard_normal((8, 4 // groups, 3, 2)).astype(np.float32)
    model = _conv(CASES[name], weight)
    windows = windows_of(model.graph[0], weight.shape[2:])
    seen = Gram()
    seen.update(patch_vectors(inputs, windows, 10_000, random))
    model.graph.inputs[0].shape = ir.Shape([None, 4, None, None])
    model.graph[0].attributes.pop("auto_pad", None)
    pads = (*windows.begins, *windows.ends)
    model.graph[0].attributes["pads"] = ir.AttrInt64s("pads", pads)
    session = ort.InferenceSession(ir.to_proto(model).SerializeToString())
    (outputs,) = session.run(None, {"x": inputs})
    windows = windows_of(model.graph[0], weight.shape[2:])
    found = mean_output(weight.astype(np.float64), inputs.mean((0, 2, 3)), windows, seen)
    assert np.allclose(found, outputs.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)


RELU = (0.0, float("inf"))


def _outputs(shift: float, *, samples: int = 20, scatter: float = 0.0) -> Any:
    """Return what a layer of 3 channels gives, exactly and shifted, sample by sample."""
    random = np.random.default_rng(5)
    exact = [random.normal([-2.0, 0.0, 2.0], 1, size=(50, 3)) for _ in range(samples)]
    return exact, [array + shift + scatter * (-1) ** i for i, array in enumerate(exact)]


@pytest.mark.parametrize("bounds", [RELU, (0.0, 2.0), (-np.inf, np.inf)])
@pytest.mark.parametrize("shift", [0.3, -0.2])
def test_a_shift_is_found_behind_each_activation(bounds: Any, shift: float) -> None:
    exact, quantized = _outputs(shift)
    assert measured_shift(exact, quantized, bounds) == pytest.approx([-shift] * 3, rel=0.1)


def test_what_the_activation_cuts_off_does_not_count() -> None:
    exact, quantized = _outputs(0.0)
    moved = [np.where(array < 0, array - 1, array) for array in quantized]
    np.testing.assert_allclose(measured_shift(exact, moved, RELU), 0, atol=1e-6)
    assert np.abs(measured_shift(exact, moved, (-np.inf, np.inf))).max() > 0.3


def test_a_shift_within_the_scatter_of_samples_is_weakened() -> None:
    everywhere = (-np.inf, np.inf)
    found = []
    for scatter in (0.0, 0.2, 1.0):
        exact, quantized = _outputs(0.1, scatter=scatter)
        found.append(float(measured_shift(exact, quantized, everywhere).mean()))
    assert found == pytest.approx([-0.1, -0.1 * (1 - 4 / 19), 0], abs=1e-3)


def test_of_one_sample_nothing_is_known() -> None:
    exact, quantized = _outputs(0.5, samples=1)
    np.testing.assert_array_equal(measured_shift(exact, quantized, RELU), np.zeros(3))
