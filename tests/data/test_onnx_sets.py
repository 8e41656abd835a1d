from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qconv.data import open_data
from qconv.data.source import Array
from qconv.errors import DataError
from qconv.graph.tensors import read_tensor
from tests.data.data_helpers import counting, drain, refusal, spec

INPUTS = [spec("a", ("n", 3)), spec("b", ("n",), "int64")]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path()


def save_tensor(path: Path, array: Array, name: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    onnx.save_tensor(numpy_helper.from_array(array, name), path)


def save_set(folder: Path, rows: int) -> None:
    save_tensor(folder / "input_0.pb", counting(rows, 3), "a")
    save_tensor(folder / "input_1.pb", counting(rows, dtype="int64"), "b")
    save_tensor(folder / "output_0.pb", counting(1), "y")


def test_a_tensor_is_read_with_its_name(root: Path) -> None:
    save_tensor(root / "x.pb", counting(2, 3), "some")
    name, array = read_tensor(root / "x.pb")
    assert name == "some"
    np.testing.assert_array_equal(array, counting(2, 3))


@pytest.mark.parametrize("content", [b"", b"not a tensor"])
def test_a_file_without_a_tensor_is_refused(root: Path, content: bytes) -> None:
    path = root / "x.pb"
    path.write_bytes(content)
    message, hint = refusal(DataError, lambda: read_tensor(path))
    assert message.startswith("x.pb: cannot be read as an ONNX tensor: ")
    assert hint == "qconv reads TensorProto files; sequences and maps are not supported"


def test_a_missing_tensor_file_is_refused(root: Path) -> None:
    message, _ = refusal(DataError, lambda: read_tensor(root / "x.pb"))
    assert message == "x.pb: no such file"


def test_one_set_is_one_feed(root: Path) -> None:
    save_set(root / "test_data_set_0", 2)
    (sample,) = open_data(["test_data_set_0"], INPUTS)
    assert sample.origin == "test_data_set_0"
    assert sample.label is None
    np.testing.assert_array_equal(sample.feeds["a"], counting(2, 3))
    np.testing.assert_array_equal(sample.feeds["b"], [0, 1])


def test_a_parent_folder_holds_sets_in_order(root: Path) -> None:
    for number in (10, 2, 0):
        save_set(root / f"test_data_set_{number}", number + 1)
    samples = drain(open_data(["."], INPUTS))
    assert [len(sample.feeds["b"]) for sample in samples] == [1, 3, 11]


def test_numbers_decide_where_names_do_not(root: Path) -> None:
    save_tensor(root / "set" / "input_0.pb", counting(2, 3))
    save_tensor(root / "set" / "input_1.pb", counting(2, dtype="int64"), "whatever")
    (sample,) = open_data(["set"], INPUTS)
    assert sample.feeds["a"].shape == (2, 3)


def test_names_decide_where_all_are_known(root: Path) -> None:
    save_tensor(root / "set" / "input_0.pb", counting(2, dtype="int64"), "b")
    save_tensor(root / "set" / "input_1.pb", counting(2, 3), "a")
    (sample,) = open_data(["set"], INPUTS)
    assert sample.feeds["a"].shape == (2, 3)


def test_another_number_of_inputs_is_refused(root: Path) -> None:
    save_tensor(root / "test_data_set_0" / "input_0.pb", counting(2, 3))
    message, _ = refusal(DataError, lambda: open_data(["test_data_set_0"], INPUTS))
    assert message == (
        "test_data_set_0: found 'input_0.pb'; expected 'input_0.pb', 'input_1.pb', "
        "for the model's inputs 'a', 'b'"
    )


def test_a_set_that_does_not_fit_is_refused_on_opening(root: Path) -> None:
    save_set(root / "test_data_set_0", 2)
    save_set(root / "test_data_set_1", 2)
    save_tensor(root / "test_data_set_1" / "input_1.pb", counting(3, dtype="int64"), "b")
    message, _ = refusal(DataError, lambda: open_data(["."], INPUTS))
    assert message == "test_data_set_1: axis 'n' is 2 in input 'a' and 3 in input 'b'"
