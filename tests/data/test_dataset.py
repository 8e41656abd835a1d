from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.data import ImageOptions, open_data
from qconv.data.dataset import evenly_spread
from qconv.data.listing import natural_key
from qconv.data.open import DATA_KINDS
from qconv.errors import DataError, UsageError
from tests.data.data_helpers import IMAGES, counting, drain, refusal, spec

X = [spec("x", ("n", 2))]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path()


@given(total=st.integers(1, 2000), count=st.integers(1, 2500))
def test_spread_samples_are_even(total: int, count: int) -> None:
    chosen = list(evenly_spread(total, count))
    assert len(evenly_spread(total, count)) == len(chosen) == min(total, count)
    assert chosen[0] == 0
    steps = {after - before for before, after in zip(chosen, [*chosen[1:], total], strict=True)}
    assert min(steps) >= 1
    assert max(steps) - min(steps) <= 1


def test_every_fifth_of_five_hundred() -> None:
    assert list(evenly_spread(500, 100)) == list(range(0, 500, 5))


def test_all_without_a_count() -> None:
    assert list(evenly_spread(3, None)) == [0, 1, 2]


@given(st.lists(st.text(max_size=8)), st.randoms())
def test_natural_order_does_not_depend_on_the_listing(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


def test_natural_order_counts() -> None:
    names = ["b", "10", "2", "a10", "a2", "A3"]
    assert sorted(names, key=natural_key) == ["2", "10", "a2", "A3", "a10", "b"]


@pytest.mark.usefixtures("root")
def test_several_places_follow_one_another() -> None:
    np.savez("a.npz", x=counting(3, 2))
    np.savez("b.npz", x=counting(5, 2))
    source = open_data(["a.npz", "b.npz"], X)
    assert len(source) == 8
    assert [sample.origin for sample in source] == [
        *(f"a.npz[{i}]" for i in range(3)),
        *(f"b.npz[{i}]" for i in range(5)),
    ]


@pytest.mark.usefixtures("root")
def test_samples_are_spread_over_the_whole() -> None:
    np.savez("a.npz", x=counting(3, 2))
    np.savez("b.npz", x=counting(5, 2))
    source = open_data(["a.npz", "b.npz"], X, samples=4)
    assert [sample.origin for sample in source] == ["a.npz[0]", "a.npz[2]", "b.npz[1]", "b.npz[3]"]


@pytest.mark.usefixtures("root")
def test_more_samples_than_there_are_means_all() -> None:
    np.savez("a.npz", x=counting(3, 2))
    assert len(drain(open_data(["a.npz"], X, samples=100))) == 3


def test_fewer_than_one_sample_is_refused() -> None:
    message, _ = refusal(UsageError, lambda: open_data(["a.npz"], X, samples=0))
    assert message == "the number of samples is 0; it must be 1 or more"


def test_no_data_is_refused() -> None:
    assert refusal(UsageError, lambda: open_data([], X)) == ("no data is given", DATA_KINDS)


def test_a_model_without_inputs_is_refused() -> None:
    message, _ = refusal(DataError, lambda: open_data(["a.npz"], []))
    assert message == "the model has no inputs that data could be fed to"


@pytest.mark.usefixtures("root")
def test_a_missing_place_is_refused() -> None:
    assert refusal(DataError, lambda: open_data(["calib.npz"], X)) == (
        "calib.npz: there is no such file or folder",
        "DATA may be a .npz file, an image, a .txt file, a folder of .npz, .npy or image files or "
        "of folders of images, a pattern such as 'images/*.jpg', an ONNX test_data_set_* folder or "
        "a folder of them, or script.py:function",
    )


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("feeds.py", "name the function too: feeds.py:function"),
        ("input_0.pb", "give the folder it is in: ."),
        ("data.csv", DATA_KINDS),
    ],
)
def test_other_files_are_refused_with_advice(name: str, hint: str) -> None:
    Path(name).touch()
    assert refusal(DataError, lambda: open_data([name], X)) == (
        f"{name}: is of a kind that qconv cannot read",
        hint,
    )


@pytest.mark.usefixtures("root")
def test_a_single_array_is_refused_with_two_ways_out() -> None:
    Path("x.npy").touch()
    assert refusal(DataError, lambda: open_data(["x.npy"], X)) == (
        "x.npy: a single .npy file does not say which input it feeds",
        "name its array: np.savez('x.npz', **{'x': array}), or give a folder of .npy files, "
        "one for each sample",
    )


@pytest.mark.usefixtures("root")
def test_a_folder_without_data_is_refused() -> None:
    Path("empty").mkdir()
    Path("empty/notes.txt").touch()
    Path("empty/.hidden.npz").touch()
    assert refusal(DataError, lambda: open_data(["empty"], X)) == (
        "empty: the folder holds no data that qconv reads",
        DATA_KINDS,
    )


@pytest.mark.usefixtures("root")
def test_a_folder_of_two_kinds_is_refused() -> None:
    Path("mixed").mkdir()
    for name in ("a.npz", "b.npz", "c.png"):
        (Path("mixed") / name).touch()
    assert refusal(DataError, lambda: open_data(["mixed"], X)) == (
        "mixed: the folder holds 2 .npz files, 1 images; expected files of one kind",
        "put each kind into a folder of its own",
    )


@pytest.mark.usefixtures("root")
def test_image_options_go_with_images() -> None:
    np.savez("a.npz", images=counting(3, 3, 4, 4))
    call = lambda: open_data(["a.npz"], [IMAGES], images=ImageOptions(mean=1))  # noqa: E731
    assert refusal(UsageError, call) == (
        "image options are given, but no data are images",
        "leave them out, or name the folder that holds the image files",
    )
