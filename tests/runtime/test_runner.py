from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.data.source import Sample
from qconv.errors import ModelError, OutOfMemoryError, UnsupportedError
from qconv.runtime.runner import Runner, check_outputs, check_same_ports

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
BASE = "(float[N, 2] x, int64[N] y) => (float[N, 2] a, int64[N] b) { a = Relu(x) b = Neg(y) }"


def model(folder: Path, text: str, name: str = "model.onnx") -> Path:
    path = folder / name
    onnx.save(onnx.parser.parse_model(f"{HEADER} g {text}"), path)
    return path


def runner(folder: Path, text: str, name: str = "model.onnx") -> Runner:
    return Runner.open(model(folder, text, name), threads=1)


def sample(**feeds: list[int] | list[list[float]]) -> Sample:
    """Lists of lists become float32, plain lists int64."""
    arrays = {
        name: np.array(value, np.float32 if isinstance(value[0], list) else np.int64)
        for name, value in feeds.items()
    }
    return Sample(arrays, None, "data[3]")


def test_outputs_come_by_name(tmp_path: Path) -> None:
    outputs = runner(tmp_path, BASE).run(sample(x=[[-1.0, 2.0]], y=[5]))
    assert {name: value.tolist() for name, value in outputs.items()} == {"a": [[0, 2]], "b": [-5]}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        Runner.open(tmp_path / "no.onnx", threads=1)
    assert str(caught.value) == f"{tmp_path / 'no.onnx'}: no such file"


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is a folder, not an ONNX file$"):
        Runner.open(tmp_path, threads=1)


def test_a_failing_inference_names_model_and_sample(tmp_path: Path) -> None:
    it = runner(
        tmp_path,
        "(float[N, M] x) => (float[K] y) { s = Constant<value_ints=[3]>() y = Reshape(x, s) }",
    )
    with pytest.raises(ModelError) as caught:
        it.run(sample(x=[[1.0, 2.0]]))
    assert str(caught.value).startswith(f"{it.path}: fails on data[3]: ")
    assert "\n" not in str(caught.value)


def test_memory_that_does_not_suffice(tmp_path: Path) -> None:
    it = runner(tmp_path, "(int64[K] x) => (float y) { a = ConstantOfShape(x) y = ReduceMax(a) }")
    assert it.run(sample(x=[2, 3]))["y"] == 0
    with pytest.raises(
        OutOfMemoryError,
        match=r"^ONNX Runtime does not have enough memory: "
        "",
    ) as caught:
        it.run(sample(x=[1 << 24, 1 << 24]))
    assert caught.value.exit_code == 5


def test_an_output_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    it = runner(tmp_path, "(float[N] x) => (seq(float[N]) y) { y = SequenceConstruct(x) }")
    with pytest.raises(UnsupportedError) as caught:
        check_outputs(it)
    assert str(caught.value) == (
        f"{it.path}: the output 'y' has the type seq(tensor(float)); "
        "only plain tensors of numbers can be compared"
    )


def test_outputs_of_numbers_are_taken(tmp_path: Path) -> None:
    check_outputs(runner(tmp_path, BASE))


RESHAPE = "s = Constant<value_ints=[-1, 2]>() a = Reshape(x, s) b = Neg(y)"


@pytest.mark.parametrize(
    ("ports", "body", "difference"),
    [
        (
            "(float[N, 2] x) => (float[N, 2] a, int64[K] b)",
            "a = Relu(x) c = Constant<value_ints=[1]>() b = Identity(c)",
            "it has no input 'y' (it has 'x')",
        ),
        (
            "(float[N, 2] x, int64[N] y) => (float[N, 2] a)",
            "a = Relu(x)",
            "it has no output 'b' (it has 'a')",
        ),
        (
            "(float[N, 2] x, int64[N] y) => (float[N, 2] a, int64[N] b, int64[N] c)",
            "a = Relu(x) b = Neg(y) c = Abs(y)",
            "its output 'c' is not one of the float model's ('a', 'b')",
        ),
        (
            "(double[N, 2] x, int64[N] y) => (float[N, 2] a, int64[N] b)",
            "a = Cast<to=1>(x) b = Neg(y)",
            "its input 'x' is tensor(double), not tensor(float)",
        ),
        (
            "(float[N, 2, 1] x, int64[N] y) => (float[N, 2] a, int64[N] b)",
            RESHAPE,
            "its input 'x' has the shape [N, 2, 1], not [N, 2]",
        ),
        (
            "(float[N, 3] x, int64[N] y) => (float[N, 2] a, int64[N] b)",
            RESHAPE,
            "its input 'x' has the shape [N, 3], not [N, 2]",
        ),
    ],
)
def test_a_variant_with_other_ports_is_refused(
    tmp_path: Path, ports: str, body: str, difference: str
) -> None:
    reference = runner(tmp_path, BASE)
    other = runner(tmp_path, f"{ports} {{ {body} }}", "other.onnx")
    with pytest.raises(ModelError) as caught:
        check_same_ports(reference, other)
    assert str(caught.value) == (
        f"{other.path}: cannot be compared with {reference.path}: {difference}"
    )


def test_order_and_names_of_axes_may_differ_and_dynamic_axes_may_be_fixed(tmp_path: Path) -> None:
    text = "(int64[M] y, float[1, 2] x) => (int64[M] b, float[1, 2] a) { a = Relu(x) b = Neg(y) }"
    check_same_ports(runner(tmp_path, BASE), runner(tmp_path, text, "other.onnx"))


def test_a_shape_that_the_model_does_not_tell_is_no_difference(tmp_path: Path) -> None:
    text = "(float[N, 2] x, int64[N] y) => (float[] a, int64[N] b) { a = Relu(x) b = Neg(y) }"
    check_same_ports(runner(tmp_path, BASE), runner(tmp_path, text, "other.onnx"))
