from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import qconv
from qconv.errors import DataError, ModelError
from qconv.reporting.model_comparison import Comparison, findings, to_json
from tests.model_helpers import data, parse, random_feeds, save

CHAIN = """(float[N,8] x) => (float[N,8] y) <float[8,8] w, float[8,8] v> {
  h = MatMul(x, w) r = Relu(h) g = MatMul(r, v) y = Sigmoid(g) }"""
RENAMED = """(float[N,8] q) => (float[N,8] z) <float[8,8] a, float[8,8] b> {
  n1 = MatMul(q, a) n2 = Relu(n1) n3 = MatMul(n2, b) z = Sigmoid(n3) }"""


def model(folder: Path, name: str, text: str, **weights: np.ndarray) -> Path:
    place = folder / name
    place.mkdir()
    proto = parse(text)
    for tensor in proto.graph.initializer:
        if tensor.name in weights:
            tensor.raw_data = weights[tensor.name].astype(np.float32).tobytes()
    return save(proto, place)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return model(tmp_path, "chain", CHAIN)


def compare(first: Path, second: Path, **options: float) -> Comparison:
    feeds = random_feeds(parse(CHAIN), count=10)
    return qconv.compare(first, second, data=data(feeds), **options)  # type: ignore[arg-type]


def weight(path: Path, name: str) -> np.ndarray:
    import onnx

    for tensor in onnx.load(path).graph.initializer:
        if tensor.name == name:
            return onnx.numpy_helper.to_array(tensor)
    raise AssertionError(name)


def names(values: Sequence[object]) -> list[str]:
    return [getattr(value, "name") for value in values]  # noqa: B009


def test_a_model_is_the_same_as_itself(chain: Path) -> None:
    found = compare(chain, chain)
    assert names(found.values) == ["h", "r", "g", "y"]
    assert all(value.equal for value in (*found.outputs, *found.values))
    assert found.first_different is found.first_parted is None
    assert list(findings(found)) == [
        "1 of 1 output is identical in every bit on 10 samples.",
        "4 inner values in common, compared on 8 samples.",
        "All of them are identical in every bit.",
    ]


def test_the_first_value_where_they_part_is_found(chain: Path, tmp_path: Path) -> None:
    changed = weight(chain, "v") + np.eye(8) * 5
    other = model(tmp_path, "other", CHAIN, w=weight(chain, "w"), v=changed)
    found = compare(chain, other)
    assert found.first_parted is not None
    assert (found.first_parted.name, found.first_parted.op) == ("g", "MatMul")
    assert [value.equal for value in found.values] == [True, True, False, False]
    assert not found.outputs[0].equal
    assert found.outputs[0].largest > 0.01
    assert list(findings(found))[-1].startswith(
        "The first below 40 dB: 'g', the output of MatMul: "
    )


def test_a_small_difference_is_told_and_is_no_parting(chain: Path, tmp_path: Path) -> None:
    nudged = weight(chain, "w") * (1 + 1e-5)
    other = model(tmp_path, "other", CHAIN, w=nudged, v=weight(chain, "v"))
    found = compare(chain, other)
    assert found.first_different is not None
    assert found.first_different.name == "h"
    assert 90 < found.first_different.sqnr_db < 110
    assert found.first_parted is None
    assert list(findings(found))[-1] == "None is below 40 dB."
    assert compare(chain, other, part_below=120).first_parted == found.first_different


def test_models_with_other_names_are_matched_by_their_operators(
    chain: Path, tmp_path: Path
) -> None:
    other = model(tmp_path, "other", RENAMED, a=weight(chain, "w"), b=weight(chain, "v") * 2)
    found = compare(chain, other)
    assert [(value.name, value.other, value.equal) for value in found.values] == [
        ("h", "n1", True),
        ("r", "n2", True),
        ("g", "n3", False),
        ("y", "z", False),
    ]
    assert [(out.name, out.other) for out in found.outputs] == [("y", "z")]


def test_a_quantized_model_is_looked_through(tmp_path: Path) -> None:
    text = """(float[N,3,8,8] x) => (float[N,4] y) <float[4,3,3,3] w, float[4] s, float[4] t,
      float[4] m, float[4] p = {1, 2, 3, 4}> {
      c = Conv<pads=[1,1,1,1]>(x, w) n = BatchNormalization(c, s, t, m, p) r = Relu(n)
      g = GlobalAveragePool(r) y = Flatten(g) }"""
    path = save(parse(text), tmp_path)
    feeds = random_feeds(parse(text), count=6)
    made = qconv.convert(path, tmp_path / "int8.onnx", data=data(feeds))
    found = qconv.compare(path, made.path, data=data(feeds), part_below=20)
    assert {"r", "g"} <= set(names(found.values))
    assert found.first_parted is None
    assert all(value.sqnr_db > 20 for value in found.values if not value.equal)


def test_another_shape_is_a_parting(chain: Path, tmp_path: Path) -> None:
    text = CHAIN.replace("y = Sigmoid(g)", "k = Transpose(g) y = Sigmoid(k)")
    text = text.replace("(float[N,8] y)", "(float[8,N] y)")
    other = model(tmp_path, "other", text, w=weight(chain, "w"), v=weight(chain, "v"))
    found = compare(chain, other)
    (output,) = found.outputs
    assert (output.shape, output.other_shape) == ((2, 8), (8, 2))
    assert found.first_parted is not None
    assert found.first_parted.name == "y"
    assert "shape [2, 8] against [8, 2]" in list(findings(found))[-1]


def test_nan_in_one_model_is_a_parting(chain: Path, tmp_path: Path) -> None:
    broken = weight(chain, "v").copy()
    broken[0, 0] = np.nan
    other = model(tmp_path, "other", CHAIN, w=weight(chain, "w"), v=broken)
    found = compare(chain, other)
    assert found.first_parted is not None
    assert found.first_parted.name == "g"
    assert '"-inf"' in to_json(found)


def test_models_with_other_inputs_are_refused(chain: Path, tmp_path: Path) -> None:
    text = "(float[N,8] q, float[N,8] p) => (float[N,8] y) { y = Add(q, p) }"
    other = model(tmp_path, "other", text)
    with pytest.raises(ModelError, match=r"cannot be fed as .*its inputs are q, p, not x$"):
        compare(chain, other)


def test_missing_files_and_data_are_errors(chain: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        compare(chain, tmp_path / "no.onnx")
    with pytest.raises(DataError, match="no samples"):
        qconv.compare(chain, chain, data=data([]))


def test_inner_sequences_are_passed_over(tmp_path: Path) -> None:
    text = """(float[2,4] x) => (float[4,4] y) <float[4,4] w> {
      m = MatMul(x, w) s = SequenceConstruct(x, m) y = ConcatFromSequence<axis=0>(s) }"""
    path = model(tmp_path, "sequence", text)
    feeds = data(random_feeds(parse(text), count=2))
    assert [value.name for value in qconv.compare(path, path, data=feeds).values] == ["m", "y"]
