"""A model is tried before it takes its final name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError, QconvError, UnsupportedError
from qconv.runtime.trial import require_running, require_valid
from tests.model_helpers import parse, save

GOOD = "(float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"
HINT = "this is a bug in qconv; please report it with the model"
SHAPES = {"x": (1, 4)}


def files(folder: Path, text: str, reference: str = GOOD) -> tuple[Path, Path]:
    return save(parse(text), folder, "new.onnx"), save(parse(reference), folder, "float.onnx")


def test_a_model_that_runs(tmp_path: Path) -> None:
    require_running(*files(tmp_path, GOOD), SHAPES)


def test_inputs_without_a_known_shape_are_fed_ones_along_free_axes(tmp_path: Path) -> None:
    require_running(*files(tmp_path, GOOD), {})


def test_the_checker_is_asked(tmp_path: Path) -> None:
    text = "(float[N, 4] x) => (float[N, 5] y) { y = Relu(x) }"
    path, reference = files(tmp_path, text)
    calls: list[Callable[[], None]] = [
        lambda: require_running(path, reference, SHAPES),
        lambda: require_valid(path, reference, SHAPES),
    ]
    for call in calls:
        with pytest.raises(QconvError) as caught:
            call()
        assert str(caught.value).startswith(
            f"{reference}: the converted model is not valid, and is not written: "
            "the ONNX checker rejects it: "
        )
        assert (caught.value.exit_code, caught.value.hint) == (70, HINT)


def test_shapes_that_are_wrong_in_the_float_model_too_are_no_fault(tmp_path: Path) -> None:
    text = "(float[N, 4] x) => (float[N, 5] y) { y = Relu(x) }"
    path, reference = files(tmp_path, text, text)
    require_running(path, reference, SHAPES)
    require_valid(path, reference, SHAPES)


def test_what_fails_at_every_run_of_the_float_model_is_no_fault_of_the_converted_one(
    tmp_path: Path,
) -> None:
    """The checker sees a negative length once the constant before it is computed."""
    folded = """(float[2,4] x) => (float[N] y) <int64[1] size = {-8}>
    { c = ConstantOfShape(size) y = Relu(c) }"""
    computed = """(float[2,4] x) => (float[N] y) <int64[1] one = {1}>
    { s = Size(x) n = Neg(s) size = Reshape(n, one) c = ConstantOfShape(size) y = Relu(c) }"""
    path, reference = files(tmp_path, folded, computed)
    require_valid(path, reference, {})
    with pytest.raises(UnsupportedError, match="the converted model would not run"):
        require_running(path, reference, {})


def test_a_float_model_that_the_runtime_rejects_is_what_is_told(tmp_path: Path) -> None:
    text = "(float[N, 4] x) => (float[N, 4] y) { y = test.Missing(x) }"
    path, reference = files(tmp_path, text, text)
    for file in (path, reference):
        model = onnx.load(file)
        model.opset_import.add(domain="test", version=1)
        onnx.save(model, file)
    with pytest.raises(UnsupportedError) as caught:
        require_running(path, reference, SHAPES)
    assert str(caught.value).startswith(
        f"{reference}: ONNX Runtime has no kernel for one of its operators: "
    )


def test_a_float_model_that_the_runtime_rejects_may_give_an_invalid_one(tmp_path: Path) -> None:
    float_text = "(float[N,3,8,8] x) => (float[N,4,8,8] y) <float[0] w> { y = Conv(x, w) }"
    path, reference = files(tmp_path, "(float[4] x) => (float[4] y) { y = Relu(z) }", float_text)
    with pytest.raises(ModelError) as caught:
        require_valid(path, reference, SHAPES)
    assert str(caught.value).startswith(f"{reference}: ONNX Runtime cannot load it: ")


def test_a_failing_inference_is_a_reason(tmp_path: Path) -> None:
    text = (
        "(float[N, 4] x) => (float[N, M] y) <int64[2] s = {3, -1}> "
        "{ a = Relu(x) y = Reshape(a, s) }"
    )
    path, reference = files(tmp_path, text)
    with pytest.raises(UnsupportedError) as caught:
        require_running(path, reference, SHAPES)
    message = str(caught.value)
    assert message.startswith(
        f"{reference}: the converted model would not run, so it is not written: "
    )
    assert "fails on a feed of zeros" in message
    assert caught.value.hint is None


BATCHWISE = """(float[1, 3, 2] x) => (float[1, 3, 1, 4] y) <float[1, 4, 2] w, float[1, 4, 4] r>
    { y = RNN<layout = 1, hidden_size = 4>(x, w, r) }"""


def test_a_float_model_that_does_not_load_is_the_reason(tmp_path: Path) -> None:
    path, reference = files(tmp_path, BATCHWISE, BATCHWISE)
    with pytest.raises(ModelError) as caught:
        require_running(path, reference, {})
    message = str(caught.value)
    assert message.startswith(f"{reference}: ONNX Runtime cannot load it: ")
    assert "layout_ == 0 was false" in message


EIGHT_BITS = "(float8e4m3fn[2] x) => (float[2] y) { y = Cast<to = 1>(x) }"
SEQUENCE = "(seq(float[2]) x, int64 i) => (float[2] y) { y = SequenceAt(x, i) }"


@pytest.mark.parametrize("text", [EIGHT_BITS, SEQUENCE])
def test_a_model_that_cannot_be_fed_arrays_is_loaded(tmp_path: Path, text: str) -> None:
    path = save(parse(text, opset=19, ir=9), tmp_path)
    require_running(path, path, {})


INDEX = "(int64[1] x) => (float[1] y) <float[1] t = {1}> { y = Gather(t, x) }"
NEITHER = "(int64[1] x) => (float[K] y) <float[6] t> { s = Squeeze(x) y = Reshape(t, x) }"


@pytest.mark.parametrize("text", [INDEX, NEITHER])
def test_feeds_that_even_the_float_model_fails_on(tmp_path: Path, text: str) -> None:
    path, reference = files(tmp_path, text, text)
    require_running(path, reference, {"x": (1,)})


def test_a_model_of_very_many_nodes_is_not_optimized(tmp_path: Path) -> None:
    count = 5001
    body = " ".join(f"v{i + 1} = Neg(v{i})" for i in range(count))
    text = f"(float[2] v0) => (float[2] v{count}) {{ {body} }}"
    require_running(*files(tmp_path, text, text), {"v0": (2,)})


LARGE = 4096, 4000
"""Shape of a weight that alone makes a model larger than 64 MB."""
WIDE = {"x": (1, 4096)}
PRODUCT = "(float[N, 4096] x) => (float[N, 4000] y) { y = MatMul(x, w) }"
FAILING = """(float[N, 4096] x) => (float[N, M] y) <int64[2] s = {3, -1}> {
    p = MatMul(x, w) r = Relu(p) y = Reshape(r, s)
}"""


def large(folder: Path, text: str, external: bool = False) -> Path:
    """Save a model with a weight ``w`` of which it says no type, as PyTorch's exporter does."""
    model = parse(text)
    model.graph.value_info.add(name="w").metadata_props.add(key="origin", value="layer.weight")
    weight = onnx.numpy_helper.from_array(np.zeros(LARGE, np.float32), "w")
    model.graph.initializer.append(weight)
    path = folder / "new.onnx"
    onnx.save(model, path, save_as_external_data=external, location="new.onnx.data")
    return path


@pytest.mark.parametrize("external", [False, True])
class TestLarge:
    def test_it_is_run(self, tmp_path: Path, external: bool) -> None:
        reference = save(parse(GOOD), tmp_path, "float.onnx")
        require_running(large(tmp_path, PRODUCT, external), reference, WIDE)
        path, reference = large(tmp_path, FAILING, external), large_reference(tmp_path)
        with pytest.raises(UnsupportedError, match="fails on a feed of zeros"):
            require_running(path, reference, WIDE)

    def test_it_is_loaded_alone_where_memory_is_short(
        self, tmp_path: Path, external: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("qconv.runtime.trial.free_memory", lambda: 4 * 65_000_000)
        reference = large_reference(tmp_path)
        require_running(large(tmp_path, FAILING, external), reference, WIDE)

    def test_it_is_refused_if_it_does_not_load(self, tmp_path: Path, external: bool) -> None:
        path = large(tmp_path, PRODUCT, external)
        model = onnx.load(path, load_external_data=False)
        model.graph.node[0].domain, model.graph.node[0].op_type = "com.microsoft", "NoSuchOperator"
        onnx.save(model, path)
        with pytest.raises(UnsupportedError, match="would not run, so it is not written"):
            require_running(path, large_reference(tmp_path), WIDE)


def large_reference(folder: Path) -> Path:
    """Save a small model that takes the feeds of the large ones."""
    text = "(float[N, 4096] x) => (float[N, 4096] y) { y = Relu(x) }"
    return save(parse(text), folder, "float.onnx")


LONG = """(float[N, 4] x) => (float[N, 4] y) <int64 n = {2000000000}, bool t = {1}> {
  y = Loop(n, t, x) <body = l (int64 i, bool go, float[N, 4] s) => (bool on, float[N, 4] r) {
    on = Identity(go) r = Tanh(s)
  }>
}"""
UNFIT = """(float[N, 4] x) => (float[N, M] y) <int64[2] s = {3, -1}>
    { a = Relu(x) y = Reshape(a, s) }"""


@pytest.mark.parametrize("text", [LONG, UNFIT])
def test_a_loop_of_an_hour_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("qconv.runtime.trial._SECONDS", 0.2)
    require_running(*files(tmp_path, text, LONG), SHAPES)


def test_a_float_model_that_is_too_large_to_run_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qconv.runtime.trial.free_memory", lambda: 4 * 65_000_000)
    path = save(parse(UNFIT.replace("4]", "4096]")), tmp_path, "small.onnx")
    require_running(path, large(tmp_path, PRODUCT), WIDE)
