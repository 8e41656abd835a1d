"""Reading, checking and writing models, and what is said about files that cannot be read."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError, QconvError, UnsupportedError
from qconv.graph.model_io import (
    load_model,
    model_bytes,
    node_count,
    read_model,
)
from qconv.graph.onnx_checker import check_model
from qconv.graph.saving import save_model
from qconv.pipeline import convert
from qconv.recipe.sources import Storage
from tests.model_helpers import Feeds, data, parse, run, save, set_weight, side_files

TEXT = "(float[N, 64] x) => (float[N, 64] y) <float[64, 64] w, float[64] b> { y = Gemm(x, w, b) }"


def external(folder: Path, size_threshold: int = 0) -> Path:
    path = folder / "model.onnx"
    onnx.save(
        parse(TEXT),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=size_threshold,
    )
    return path


def refusal(
    call: Callable[[], object], kind: type[QconvError] = ModelError
) -> tuple[str, str | None]:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return str(caught.value), caught.value.hint


class TestRefusals:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        path = tmp_path / "no.onnx"
        assert refusal(lambda: load_model(path)) == (f"{path}: no such file", None)

    def test_a_folder(self, tmp_path: Path) -> None:
        assert (
            refusal(lambda: load_model(tmp_path))[0] == f"{tmp_path}: is a folder, not an ONNX file"
        )

    @pytest.mark.parametrize("content", [b"", b"hello, world", b"\x00" * 100, b"\x89PNG\r\n\x1a\n"])
    def test_a_file_that_is_not_onnx(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        assert (
            refusal(lambda: load_model(path))[0] == f"{path}: not an ONNX file, or a truncated one"
        )

    @pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
    def test_a_truncated_file(self, tmp_path: Path, kept: float) -> None:
        path = save(parse(TEXT), tmp_path)
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content))])
        assert (
            refusal(lambda: load_model(path))[0] == f"{path}: not an ONNX file, or a truncated one"
        )

    def test_an_invalid_graph(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        model = parse(TEXT)
        model.graph.node[0].input[0] = "nowhere"
        path = save(model, tmp_path)
        message, _ = refusal(lambda: load_model(path))
        assert message.startswith(f"{path}: not a valid ONNX model: ")
        assert "nowhere" in message
        assert not caplog.records

    def test_an_unknown_operator(self, tmp_path: Path) -> None:
        model = parse(TEXT)
        model.graph.node[0].op_type = "Genn"
        path = save(model, tmp_path)
        message, _ = refusal(lambda: load_model(path))
        assert message.startswith(f"{path}: not a valid ONNX model: No Op registered for Genn")
        assert "\n" not in message

    def test_a_quantized_model(self, tmp_path: Path) -> None:
        model = parse(
            "(float[N] x) => (float[N] y) <float s = {0.1}, uint8 z = {0}> "
            "{ q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"
        )
        path = save(model, tmp_path)
        assert refusal(lambda: load_model(path)) == (
            f"{path}: is already quantized (1 QuantizeLinear, 1 DequantizeLinear)",
            "start from the float model",
        )
        assert load_model(path, quantized=True).ir.graph.num_nodes() == 2

    def test_an_opset_that_onnx_does_not_know(self, tmp_path: Path) -> None:
        newest = onnx.defs.onnx_opset_version()
        model = parse("(float[N] x) => (float[N] y) { y = Relu(x) }")
        model.opset_import[0].version = newest
        assert load_model(save(model, tmp_path)).ir.graph.opset_imports[""] == newest
        model.opset_import[0].version = newest + 1
        path = save(model, tmp_path)
        assert refusal(lambda: load_model(path), UnsupportedError) == (
            f"{path}: opset {newest + 1} is newer than {newest}, "
            f"the newest that onnx {onnx.__version__} knows",
            f"install a newer onnx, or export the model with opset {newest} or older",
        )


class TestExternalData:
    @pytest.mark.parametrize("size_threshold", [0, 1000])
    def test_it_is_read(self, tmp_path: Path, size_threshold: int) -> None:
        loaded = load_model(external(tmp_path, size_threshold))
        assert loaded.external
        for tensor in parse(TEXT).graph.initializer:
            value = loaded.ir.graph.initializers[tensor.name].const_value
            assert value is not None
            np.testing.assert_array_equal(value.numpy(), onnx.numpy_helper.to_array(tensor))

    def test_it_is_missing(self, tmp_path: Path) -> None:
        path = external(tmp_path)
        (tmp_path / "weights.bin").unlink()
        assert refusal(lambda: load_model(path)) == (
            f"{path}: the external data of 'w' is missing: {tmp_path / 'weights.bin'}",
            "keep the model and its data files in one folder",
        )

    @pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", ""])
    def test_it_lies_outside_the_folder(self, tmp_path: Path, location: str) -> None:
        (tmp_path / "inner").mkdir()
        path = external(tmp_path / "inner")
        (tmp_path / "weights.bin").write_bytes((tmp_path / "inner" / "weights.bin").read_bytes())
        model = onnx.load(path, load_external_data=False)
        model.graph.initializer[0].external_data[0].value = location
        path.write_bytes(model.SerializeToString())
        name = model.graph.initializer[0].name
        assert refusal(lambda: load_model(path))[0] == (
            f"{path}: the external data of '{name}' lies outside the model's folder: '{location}'"
        )

    def test_it_is_truncated(self, tmp_path: Path) -> None:
        path = external(tmp_path)
        data = tmp_path / "weights.bin"
        data.write_bytes(data.read_bytes()[:1000])
        message, _ = refusal(lambda: load_model(path))
        assert message.startswith(
            f"{path}: the external data of 'w' is truncated: {data} ends before "
        )

    def test_it_counts_as_size(self, tmp_path: Path) -> None:
        path = external(tmp_path)
        data = tmp_path / "weights.bin"
        assert model_bytes(path) == path.stat().st_size + data.stat().st_size

    def test_it_is_part_of_the_fingerprint(self, tmp_path: Path) -> None:
        path = external(tmp_path)
        before = load_model(path).fingerprint
        assert load_model(path).fingerprint == before
        data = tmp_path / "weights.bin"
        content = bytearray(data.read_bytes())
        content[100] ^= 1
        data.write_bytes(bytes(content))
        assert load_model(path).fingerprint != before


def test_the_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    model = parse(TEXT)
    first, second = save(model, tmp_path, "a.onnx"), save(model, tmp_path, "b.onnx")
    assert load_model(first).fingerprint == load_model(second).fingerprint
    set_weight(model, "b", np.ones(64, np.float32))
    assert load_model(save(model, tmp_path, "c.onnx")).fingerprint != load_model(first).fingerprint


@pytest.mark.parametrize("storage", ["auto", "always", "never"])
@pytest.mark.parametrize("source", ["inside", "outside"])
def test_what_is_written_is_what_was_read(tmp_path: Path, storage: str, source: str) -> None:
    path = external(tmp_path) if source == "outside" else save(parse(TEXT), tmp_path)
    (tmp_path / "out").mkdir()
    written = tmp_path / "out" / "model.onnx"
    save_model(load_model(path).ir, written, Storage(storage))  # type: ignore[arg-type]
    beside = side_files(written)
    assert len(beside) == (storage == "always")
    assert set(written.parent.iterdir()) == {written, *beside}
    check_model(written)
    feeds = {"x": np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)}
    np.testing.assert_array_equal(run(written, feeds)["y"], run(path, feeds)["y"])


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    path = save(parse(TEXT), tmp_path)
    for name in ("a", "b"):
        save_model(load_model(path).ir, tmp_path / name, Storage())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_small_weights_need_no_file_beside_the_model(tmp_path: Path) -> None:
    model = parse("(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { y = MatMul(x, w) }")
    loaded = load_model(save(model, tmp_path)).ir
    (tmp_path / "out").mkdir()
    save_model(loaded, tmp_path / "out" / "model.onnx", Storage("always"))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["model.onnx"]


def test_storage_by_size(tmp_path: Path) -> None:
    model = load_model(save(parse(TEXT), tmp_path)).ir
    save_model(model, tmp_path / "out.onnx", Storage("auto", 0.01))
    (beside,) = side_files(tmp_path / "out.onnx")
    assert beside.stat().st_size >= 64 * 64 * 4


def test_the_checker_names_the_file_and_the_fault(tmp_path: Path) -> None:
    model = parse("(float[N, 4] x) => (float[N, 5] y) <float[3, 5] w> { y = MatMul(x, w) }")
    path = save(model, tmp_path)
    message, _ = refusal(lambda: check_model(path))
    assert message.startswith(f"{path}: the ONNX checker rejects it: ")
    assert "Incompatible dimensions" in message


def test_reading_does_not_judge(tmp_path: Path) -> None:
    model = parse("(float[N] x) => (float[N] y) { y = Relu(x) }")
    model.opset_import[0].version = 99
    path = save(model, tmp_path)
    assert read_model(path).graph.num_nodes() == node_count(path) == 1


@pytest.fixture
def few_files() -> Iterator[None]:
    """Let the process open few more files than it has open already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
def test_many_external_weights_do_not_exhaust_open_files(tmp_path: Path) -> None:
    count = 300
    body = " ".join(f"v{i + 1} = Gemm(v{i}, w{i})" for i in range(count))
    weights = ", ".join(f"float[40, 40] w{i}" for i in range(count))
    text = f"(float[N, 40] v0) => (float[N, 40] v{count}) <{weights}> {{ {body} }}"
    path = tmp_path / "model.onnx"
    onnx.save(parse(text), path, save_as_external_data=True, location="weights.bin")
    feeds: list[Feeds] = [{"v0": np.ones((1, 40), np.float32)}]
    convert(path, tmp_path / "int8.onnx", data=data(feeds), storage=Storage("always"))
    assert model_bytes(tmp_path / "int8.onnx") > count * 40 * 40
