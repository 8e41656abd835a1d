"""What a model file may hold: everything else is refused with a sentence, by every command."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from qconv.cli.main import run as run_command
from qconv.errors import ModelError, UnsupportedError
from qconv.evaluation.compare_models import compare
from qconv.graph.model_io import load_model, read_model
from qconv.pipeline import convert
from qconv.recipe.settings import HalfSettings
from tests.graph.refusals import refusal, with_function
from tests.model_helpers import data, parse, run, save

TEXT = "(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { h = MatMul(x, w) y = Relu(h) }"
FEED = {"x": np.ones((2, 4), np.float32)}


def with_weight(**fields: object) -> onnx.ModelProto:
    """Return the model with other fields of its weight."""
    model = parse(TEXT)
    (weight,) = model.graph.initializer
    for name, value in fields.items():
        weight.ClearField(name)
        if isinstance(value, list):
            getattr(weight, name).extend(value)
        elif value is not None:
            setattr(weight, name, value)
    return model


class TestTensors:
    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"raw_data": bytes(60)}, "of type float [4, 4] needs 64 bytes and holds 60"),
            ({"raw_data": bytes(68)}, "of type float [4, 4] needs 64 bytes and holds 68"),
            ({"raw_data": None}, "of type float [4, 4] needs 16 values and holds 0"),
            (
                {"raw_data": None, "float_data": [1.0] * 15},
                "of type float [4, 4] needs 16 values and holds 15",
            ),
            ({"float_data": [1.0] * 16}, "of type float [4, 4] holds its values twice"),
            (
                {"raw_data": None, "int32_data": [1] * 16},
                "of type float [4, 4] holds its values as int32_data, not as float_data",
            ),
            (
                {"dims": [10**6, 10**6]},
                "of type float [1000000, 1000000] needs 4000000000000 bytes and holds 64",
            ),
            (
                {"dims": [2**62, 4]},
                f"of type float [{2**62}, 4] needs {2**66} bytes and holds 64",
            ),
            ({"dims": [-4, -4]}, "has a negative dimension: [-4, -4]"),
            ({"dims": [1] * 65}, "has more than 64 dimensions"),
            ({"data_type": 0}, "has the type 0, which ONNX does not know"),
            ({"data_type": 99}, "has the type 99, which ONNX does not know"),
            ({"data_type": TensorProto.STRING}, "is text, stored as numbers are"),
            (
                {"data_type": TensorProto.INT4},
                "of type int4 [4, 4] needs 8 bytes and holds 64",
            ),
        ],
    )
    def test_one_that_does_not_hold_what_it_declares(
        self, tmp_path: Path, fields: dict[str, object], told: str
    ) -> None:
        assert refusal(with_weight(**fields), tmp_path) == f"FILE: the tensor 'w' {told}"

    def test_one_in_a_body_in_a_function_and_in_an_attribute(self, tmp_path: Path) -> None:
        body = parse(
            "(float[N] x, bool c) => (float[N] y) { y = If (c) <"
            "then_branch = t () => (float[N] a) { w = Constant <value = float[2] {1, 2}> () "
            "a = Add(x, w) }, else_branch = e () => (float[N] b) { b = Neg(x) }> }"
        )
        body.graph.node[0].attribute[0].g.node[0].attribute[0].t.dims[0] = 3
        function = with_function("c = Constant <value = float[2] {1, 2}> () b = Add(a, c)")
        function.functions[0].node[0].attribute[0].t.dims[0] = 3
        for model in (body, function):
            assert refusal(model, tmp_path) == (
                "FILE: the tensor '' of type float [3] needs 3 values and holds 2"
            )

    @pytest.mark.parametrize(
        ("dtype", "fields"),
        [
            (TensorProto.INT4, {"raw_data": bytes(2)}),
            (TensorProto.UINT4, {"int32_data": [1, 2]}),
            (TensorProto.UINT2, {"raw_data": bytes(1)}),
            (TensorProto.FLOAT16, {"int32_data": [1, 2, 3]}),
            (TensorProto.COMPLEX64, {"float_data": [1.0] * 6}),
            (TensorProto.UINT32, {"uint64_data": [1, 2, 3]}),
            (TensorProto.STRING, {"string_data": [b"a", b"b", b"c"]}),
        ],
    )
    def test_each_type_is_counted_as_it_is_stored(
        self, tmp_path: Path, dtype: int, fields: dict[str, object]
    ) -> None:
        model = parse(TEXT)
        tensor = model.graph.initializer.add(name="unused", data_type=dtype, dims=[3], **fields)
        assert "unused" in read_model(save(model, tmp_path)).graph.initializers
        tensor.dims[0] = 9
        assert "the tensor 'unused'" in refusal(model, tmp_path)

    def test_one_without_elements_is_none_of_these(self, tmp_path: Path) -> None:
        model = parse(TEXT)
        model.graph.initializer.add(name="empty", data_type=TensorProto.FLOAT, dims=[0, 4])
        assert load_model(save(model, tmp_path)).ir.graph.num_nodes() == 2


def _sparse(values: list[float], places: list[int], dims: list[int]) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(
        values=numpy_helper.from_array(np.array(values, np.float32), "w"),
        indices=numpy_helper.from_array(np.array(places, np.int64)),
        dims=dims,
    )


def _with_sparse(sparse: onnx.SparseTensorProto) -> onnx.ModelProto:
    model = parse("(float[N, 4] x) => (float[N, 4] y) { y = MatMul(x, w) }")
    model.graph.sparse_initializer.append(sparse)
    return model


class TestSparse:
    @pytest.mark.parametrize("places", [[0, 5, 10], [[0, 0], [1, 1], [2, 2]]])
    def test_all_commands_take_them(self, tmp_path: Path, places: list[int]) -> None:
        path = save(_with_sparse(_sparse([1, 2, 3], places, [4, 4])), tmp_path)
        weight = load_model(path).ir.graph.initializers["w"].const_value
        assert weight is not None
        np.testing.assert_array_equal(weight.numpy(), np.diag([1, 2, 3, 0]))
        convert(path, tmp_path / "int8.onnx", data=data([FEED]))
        result = compare(path, tmp_path / "int8.onnx", data=data([FEED]))
        assert result.outputs[0].sqnr_db > 30

    def test_a_constant_node_may_hold_one(self, tmp_path: Path) -> None:
        model = parse("(float[N, 4] x) => (float[N, 4] y) { y = MatMul(x, w) }")
        constant = onnx.helper.make_node(
            "Constant", [], ["w"], sparse_value=_sparse([1], [0], [4, 4])
        )
        model.graph.node.insert(0, constant)
        path = save(model, tmp_path)
        convert(path, tmp_path / "fp16.onnx", settings=HalfSettings())
        np.testing.assert_array_equal(run(tmp_path / "fp16.onnx", FEED)["y"], run(path, FEED)["y"])

    @pytest.mark.parametrize(
        ("sparse", "told"),
        [
            (_sparse([1], [16], [4, 4]), "has a value outside its dimensions [4, 4]"),
            (_sparse([1], [-1], [4, 4]), "has a value outside its dimensions [4, 4]"),
            (
                _sparse([1], [1, 2], [4, 4]),
                "has 1 values, which do not fit its indices or dimensions [4, 4]",
            ),
        ],
    )
    def test_what_is_none(self, tmp_path: Path, sparse: onnx.SparseTensorProto, told: str) -> None:
        assert refusal(_with_sparse(sparse), tmp_path) == f"FILE: the sparse tensor 'w' {told}"

    @pytest.mark.parametrize(("values", "dims"), [([1], [10**6, 10**6]), ([], [0, 2**62, 8])])
    def test_one_that_would_be_huge(
        self, tmp_path: Path, values: list[float], dims: list[int]
    ) -> None:
        """NumPy has no array of such dimensions, be there one of length 0 among them."""
        model = _with_sparse(_sparse(values, [0] * len(values), dims))
        assert refusal(model, tmp_path, UnsupportedError) == (
            f"FILE: the sparse tensor 'w' of {dims} is too large for a dense tensor"
        )


def test_an_empty_tensor_of_dimensions_that_no_array_has(tmp_path: Path) -> None:
    model = parse(TEXT)
    tensor = model.graph.initializer.add(name="none", data_type=onnx.TensorProto.FLOAT)
    tensor.dims.extend([0, 2**40, 2**40])
    assert refusal(model, tmp_path) == (
        f"FILE: the tensor 'none' has dimensions that no array can have: {[0, 2**40, 2**40]}"
    )


@pytest.mark.parametrize("command", ["inspect", "convert", "compare", "report"])
def test_commands_take_regular_files_alone(
    tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    good = save(parse(TEXT), tmp_path)
    np.savez(tmp_path / "x.npz", x=FEED["x"])
    os.mkfifo(tmp_path / "pipe")
    options = {
        "inspect": [],
        "convert": ["--dtype", "fp16", "-o", str(tmp_path / "out.onnx")],
        "compare": [str(good), "--data", str(tmp_path / "x.npz")],
        "report": [str(good), "--data", str(tmp_path / "x.npz")],
    }[command]
    for path, kind in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        assert run_command([command, str(path), *options]) == 3
        assert capfd.readouterr().err == f"qconv: error: {path}: is {kind}, not an ONNX file\n"


def test_graphs_that_are_nested_too_deep(tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        length = len(content)
        return bytes([number << 3 | 2, length & 127 | 128, length >> 7]) + content

    graph = b""
    for _ in range(40):  # as the attribute of a node of the next one
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "model.onnx"
    path.write_bytes(parse(TEXT).SerializeToString() + field(7, graph))
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) in {
        f"{path}: its graphs are nested too deep to be read",
        f"{path}: not an ONNX file, or a truncated one",  # older protobuf does not say which
    }


def test_a_file_above_two_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: is larger than 2 GB, which no ONNX file can be"
    assert caught.value.hint == "keep the weights in a file of their own (external data)"
