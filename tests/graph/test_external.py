"""Which files beside a model are read, whatever holds the tensors that name them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from qconv.errors import ModelError
from qconv.evaluation.compare_models import compare
from qconv.graph.model_io import load_model, model_bytes, model_files, model_fingerprint
from qconv.graph.parsing import parse as parse_file
from qconv.pipeline import convert, inspect
from qconv.recipe.settings import HalfSettings
from tests.graph.refusals import OPENERS
from tests.model_helpers import data, parse, run

FEED = {"x": np.ones((2, 64), np.float32)}
NUMBERS = np.arange(64, dtype=np.float32)
SUM = "(float[N, 64] x) => (float[N, 64] y) "


def external(tensor: onnx.TensorProto, **entries: object) -> None:
    """Let the numbers of a tensor be in a file."""
    tensor.Clear()
    tensor.name, tensor.data_type = "c", TensorProto.FLOAT
    tensor.dims.append(64)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))


def in_an_initializer() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = parse(SUM + "<float[64] c> { y = Add(x, c) }")
    return model, model.graph.initializer[0]


def in_a_constant() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = parse(SUM + "{ c = Constant <value = float[1] {1}> () y = Add(x, c) }")
    return model, model.graph.node[0].attribute[0].t


def in_a_body() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = parse(
        SUM + "<bool one = {1}> { y = If (one) <then_branch = t () => (float[N, 64] a) "
        "{ a = Add(x, c) }, else_branch = e () => (float[N, 64] b) { b = Neg(x) }> }"
    )
    body = model.graph.node[0].attribute[0].g
    return model, body.initializer.add()


def _with_function(attribute: str, value: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g {SUM} {{ y = f.F(x) }} '
        f'<domain: "f", opset_import: ["" : 17]> F {attribute} (a) => (b) '
        f"{{ c = Constant <{value}> () b = Add(a, c) }}"
    )


def in_a_function() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = _with_function("", "value = float[1] {1}")
    return model, model.functions[0].node[0].attribute[0].t


def in_the_default_of_a_function() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = _with_function("<v: tensor = float[1] {1}>", "value: tensor = @v")
    return model, model.functions[0].attribute_proto[0].t


def in_a_sparse_tensor() -> tuple[onnx.ModelProto, onnx.TensorProto]:
    model = parse(SUM + "{ y = Add(x, c) }")
    indices = numpy_helper.from_array(np.arange(64))
    sparse = model.graph.sparse_initializer.add(indices=indices, dims=[64])
    return model, sparse.values


@pytest.fixture(
    params=[
        in_an_initializer,
        in_a_constant,
        in_a_body,
        in_a_function,
        in_the_default_of_a_function,
        in_a_sparse_tensor,
    ],
    ids=lambda place: place.__name__,
)
def place(request: pytest.FixtureRequest) -> tuple[onnx.ModelProto, onnx.TensorProto]:
    """A model that adds a tensor to its input, and the tensor, wherever in the model it is."""
    model: tuple[onnx.ModelProto, onnx.TensorProto] = request.param()
    return model


Place = tuple[onnx.ModelProto, onnx.TensorProto]


def saved(folder: Path, place: Place, **entries: object) -> Path:
    folder.mkdir(exist_ok=True)
    external(place[1], **{"location": "c.bin", "offset": 0, "length": 256, **entries})
    path = folder / "model.onnx"
    path.write_bytes(place[0].SerializeToString())
    return path


def refusal(path: Path) -> str:
    """Return the one sentence with which all ways to open a model refuse it."""
    messages = set()
    for opener in OPENERS:
        with pytest.raises(ModelError) as caught:
            opener(path)
        messages.add(str(caught.value))
    (message,) = messages
    start = f"{path}: the external data of 'c' "
    assert message.startswith(start)
    return message.removeprefix(start).replace(str(path.parent), "FOLDER")


def test_it_is_read_from_the_folder_of_the_model(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "model", place)
    (tmp_path / "c.bin").write_bytes(b"secret!!" * 32)
    monkeypatch.chdir(tmp_path)
    assert refusal(path) == "is missing: FOLDER/c.bin"
    (path.parent / "c.bin").write_bytes(NUMBERS.tobytes())
    output = tmp_path / "fp16.onnx"
    inspect(path)
    convert(path, output, settings=HalfSettings())
    np.testing.assert_array_equal(run(output, FEED)["y"], np.tile(NUMBERS + 1, (2, 1)))
    result = compare(path, output, data=data([FEED]))
    assert result.outputs[0].equal
    assert model_bytes(path) == path.stat().st_size + 256


def test_it_is_part_of_the_fingerprint(tmp_path: Path, place: Place) -> None:
    path = saved(tmp_path, place)
    (tmp_path / "c.bin").write_bytes(NUMBERS.tobytes())
    before = model_fingerprint(path)
    assert load_model(path).fingerprint == before
    (tmp_path / "c.bin").write_bytes((NUMBERS + 1).tobytes())
    assert model_fingerprint(path) != before


@pytest.mark.parametrize("location", ["../c.bin", "{folder}/../c.bin", "", "link.bin", "a\0b"])
def test_it_lies_outside_the_folder(tmp_path: Path, place: Place, location: str) -> None:
    location = location.format(folder=tmp_path / "model")
    path = saved(tmp_path / "model", place, location=location)
    (tmp_path / "c.bin").write_bytes(NUMBERS.tobytes())
    (tmp_path / "model" / "link.bin").symlink_to("../c.bin")
    shown = location.replace(str(path.parent), "FOLDER").replace("\0", "\\x00")
    assert refusal(path) == f"lies outside the model's folder: '{shown}'"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({"offset": "x"}, "has the offset 'x', which is not a number of bytes"),
        ({"offset": "-4"}, "has the offset '-4', which is not a number of bytes"),
        ({"offset": "9" * 5000}, f"has the offset '{'9' * 40}', which is not a number of bytes"),
        ({"offset": "4"}, "is truncated: FOLDER/c.bin ends before 260"),
        ({"offset": str(2**59)}, f"is truncated: FOLDER/c.bin ends before {2**59 + 256}"),
        ({"length": "0x100"}, "has the length '0x100', which is not a number of bytes"),
        ({"length": "252"}, "has 252 bytes, but its type and shape 256"),
    ],
)
def test_it_is_not_where_it_should_be(tmp_path: Path, entries: dict[str, str], told: str) -> None:
    path = saved(tmp_path, in_an_initializer(), **entries)
    (tmp_path / "c.bin").write_bytes(NUMBERS.tobytes())
    assert refusal(path) == told


def test_a_key_is_there_twice(tmp_path: Path, place: Place) -> None:
    (tmp_path / "c.bin").write_bytes(NUMBERS.tobytes())
    saved(tmp_path, place)
    place[1].external_data.add(key="offset", value="0")
    path = tmp_path / "model.onnx"
    path.write_bytes(place[0].SerializeToString())
    assert refusal(path) == "has the key 'offset' 2 times"


def test_it_is_no_regular_file(tmp_path: Path, place: Place) -> None:
    os.mkfifo(tmp_path / "c.bin")
    with pytest.raises(ModelError) as caught:
        load_model(saved(tmp_path, place))
    assert str(caught.value) == f"{tmp_path / 'c.bin'}: is a pipe, not a file of weights"


def test_it_is_in_a_file_with_several_names(tmp_path: Path, place: Place) -> None:
    path = saved(tmp_path / "model", place)
    (tmp_path / "secret").write_bytes(NUMBERS.tobytes())
    os.link(tmp_path / "secret", path.parent / "c.bin")
    assert refusal(path) == (
        "is in a file with several names (hard links), one of which may be outside the model's "
        "folder: FOLDER/c.bin"
    )


def test_the_name_of_the_file_is_no_text(tmp_path: Path, place: Place) -> None:
    path = saved(tmp_path, place, location="c.bin")
    path.write_bytes(path.read_bytes().replace(b"c.bin", b"c.\xff\xfen"))
    for opener in OPENERS:
        with pytest.raises(ModelError, match="a name in it is not UTF-8: b'"):
            opener(path)


def test_links_within_the_folder_are_followed(tmp_path: Path, place: Place) -> None:
    path = saved(tmp_path, place)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "real.bin").write_bytes(NUMBERS.tobytes())
    (tmp_path / "c.bin").symlink_to("inner/real.bin")
    convert(path, tmp_path / "fp16.onnx", settings=HalfSettings())
    np.testing.assert_array_equal(
        run(tmp_path / "fp16.onnx", FEED)["y"], np.tile(NUMBERS + 1, (2, 1))
    )


def test_many_tensors_may_not_share_few_bytes(tmp_path: Path) -> None:
    model = parse("(float[N] x) => (float[N] y) { y = Relu(x) }")
    for index in range(200):
        tensor = model.graph.initializer.add()
        external(tensor, location="c.bin")
        tensor.name, tensor.dims[0] = f"c{index}", 1 << 18
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "c.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(ModelError, match="is one of too many tensors that share the bytes of"):
        load_model(path)


def cached(folder: Path, blobs: str = "blobs") -> Path:
    """Save a model as the cache of Hugging Face keeps it; return the path that it is used by."""
    cache = folder / "models--org--name"
    snapshot = cache / "snapshots" / "0a1b" / "onnx"
    snapshot.mkdir(parents=True)
    (cache / blobs).mkdir()
    model = parse("(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { y = MatMul(x, w) }")
    onnx.save(
        model, snapshot / "model.onnx", save_as_external_data=True, location="model.onnx_data"
    )
    for name, blob in (("model.onnx", "aaaa"), ("model.onnx_data", "bbbb")):
        (snapshot / name).rename(cache / blobs / blob)
        (snapshot / name).symlink_to(f"../../../{blobs}/{blob}")
    return snapshot / "model.onnx"


def test_the_cache_of_hugging_face_works(tmp_path: Path) -> None:
    path = cached(tmp_path)
    assert inspect(path).model.parameters == 64 * 64
    assert model_bytes(path) == path.stat().st_size + 4 * 64 * 64
    output = tmp_path / "int8.onnx"
    convert(path, output, data=data([FEED]))
    assert compare(path, output, data=data([FEED])).outputs[0].sqnr_db > 30


def test_what_only_looks_like_the_cache_does_not(tmp_path: Path) -> None:
    for path in (
        cached(tmp_path / "a", blobs="stuff"),
        cached(tmp_path / "b"),
    ):
        if path.resolve().parent.name == "blobs":
            blob = path.with_name("model.onnx_data").resolve()
            blob.rename(tmp_path / "secret")
            blob.symlink_to(tmp_path / "secret")
        with pytest.raises(ModelError, match="lies outside the model's folder: 'model"):
            load_model(path)


def test_a_data_file_that_changed_is_judged_again(tmp_path: Path) -> None:
    model, tensor = in_an_initializer()
    external(tensor, location="w")
    onnx.save(model, tmp_path / "m.onnx")
    (tmp_path / "w").write_bytes(NUMBERS.tobytes())
    assert model_files(tmp_path / "m.onnx") == [tmp_path / "m.onnx", tmp_path / "w"]
    os.truncate(tmp_path / "w", 200)
    with pytest.raises(ModelError, match="is truncated"):
        model_files(tmp_path / "m.onnx")
    (tmp_path / "w").unlink()
    with pytest.raises(ModelError, match="is missing"):
        model_files(tmp_path / "m.onnx")


def test_a_model_that_changes_while_it_is_read_is_not_taken_for_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse_and_replace(path: Path) -> onnx.ModelProto:
        proto = parse_file(path)
        path.write_bytes(b"something else")
        return proto

    path = tmp_path / "m.onnx"
    onnx.save(parse(SUM + "{ y = Neg(x) }"), path)
    with monkeypatch.context() as patched:
        patched.setattr("qconv.graph.sound.parse", parse_and_replace)
        model_files(path)
    with pytest.raises(ModelError, match="not an ONNX file"):
        model_files(path)
