"""Texts: lines and windows become tokens, and the model's other inputs what belongs to them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from qconv.data import NamedData, Sample, TensorSpec, open_data
from qconv.errors import DataError, UnsupportedError, UsageError
from qconv.recipe.texts import TextOptions
from tests.data.data_helpers import drain, refusal, spec

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "the", "cat", "sat", "dog"]
IDS = spec("input_ids", ("batch", "length"), "int64")
MASK = spec("attention_mask", ("batch", "length"), "int64")
TYPES = spec("token_type_ids", ("batch", "length"), "int64")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    made.enable_truncation(5)
    made.enable_padding(length=9, pad_id=3)
    made.save("tokenizer.json")
    Path("a.txt").write_text("the cat\n\n  \nsat the dog the cat sat\r\nzebra", encoding="utf-8")


def read(*inputs: TensorSpec, window: int | None = None, place: str = "a.txt") -> list[Sample]:
    options = TextOptions(Path("tokenizer.json"), window)
    return drain(open_data([place], inputs, texts=options))


def ids(samples: list[Sample]) -> list[list[int]]:
    return [sample.feeds["input_ids"].tolist()[0] for sample in samples]


def test_each_line_is_a_sample_of_its_own_length() -> None:
    samples = read(IDS, MASK, TYPES)
    assert ids(samples) == [[1, 4, 5, 2], [1, 6, 4, 7, 2], [1, 0, 2]]
    assert [sample.origin for sample in samples] == [
        "a.txt, line 1",
        "a.txt, line 4",
        "a.txt, line 5",
    ]
    for sample in samples:
        length = sample.feeds["input_ids"].shape[1]
        np.testing.assert_array_equal(sample.feeds["attention_mask"], np.ones((1, length)))
        np.testing.assert_array_equal(sample.feeds["token_type_ids"], np.zeros((1, length)))
        assert {array.dtype for array in sample.feeds.values()} == {np.dtype(np.int64)}


def test_windows_are_cut_out_of_the_whole_text() -> None:
    assert ids(read(IDS, window=3)) == [[4, 5, 6], [4, 7, 4], [5, 6, 0]]
    assert ids(read(IDS, window=4)) == [[4, 5, 6, 4], [7, 4, 5, 6]]
    assert ids(read(IDS, window=100)) == [[4, 5, 6, 4, 7, 4, 5, 6, 0]]


def test_a_fixed_length_is_filled_and_cut() -> None:
    fixed = [spec("input_ids", (1, 4), "int32"), spec("mask", (1, 4), "float32")]
    samples = read(*fixed)
    assert ids(samples) == [[1, 4, 5, 2], [1, 6, 4, 7], [1, 0, 2, 3]]
    assert samples[2].feeds["mask"].tolist() == [[1, 1, 1, 0]]
    assert samples[2].feeds["input_ids"].dtype == np.int32


def test_a_decoder_gets_positions_and_an_empty_past() -> None:
    inputs = [
        IDS,
        spec("attention_mask", ("batch", "total"), "int64"),
        spec("position_ids", ("batch", "length"), "int64"),
        spec("past_key_values.0.key", ("batch", 2, "past", 8)),
        spec("use_cache_branch", (1,), "bool"),
    ]
    feeds = read(*inputs, window=4)[0].feeds
    assert feeds["position_ids"].tolist() == [[0, 1, 2, 3]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1, 1]]
    assert feeds["past_key_values.0.key"].shape == (1, 2, 0, 8)
    assert feeds["use_cache_branch"].tolist() == [False]


def test_one_axis_has_no_batch() -> None:
    (first, *_) = read(spec("tokens", ("length",), "int64"))
    assert first.feeds["tokens"].tolist() == [1, 4, 5, 2]


def test_files_of_other_names_and_patterns() -> None:
    Path("b.md").write_text("dog", encoding="utf-8")
    assert ids(read(IDS, place="text:b.md")) == [[1, 7, 2]]
    Path("b.txt").write_text("sat", encoding="utf-8")
    assert ids(read(IDS, place="*.txt"))[-1] == [1, 6, 2]
    named = NamedData(["*.txt", "text:b.md"])
    assert named.has_texts
    assert [str(path) for path in named.files()] == ["a.txt", "b.txt", "b.md"]


def test_what_cannot_be_fed() -> None:
    message, hint = refusal(DataError, lambda: read(IDS, spec("pixels", (1, 3, 4, 4))))
    assert message == "a.txt: a text cannot feed the model's input 'pixels', float32 [1, 3, 4, 4]"
    assert hint == "write a function that yields all inputs: script.py:function"
    message, _ = refusal(DataError, lambda: read(IDS, spec("labels", ("n", "k"), "int64")))
    assert message == (
        "a.txt: a text feeds one input of tokens, integers [batch, length]; this model has "
        "'input_ids', 'labels'"
    )
    message, _ = refusal(DataError, lambda: read(MASK))
    assert message.endswith("this model has none")
    message, _ = refusal(UsageError, lambda: read(spec("input_ids", (1, 4), "int64"), window=8))
    assert message == "`text_window` is 8, and the model's input 'input_ids' takes 4 tokens"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.txt: has only empty lines"),
        (b" \n\n", "a.txt: has only empty lines"),
        (b"\xff\xfe\x00", "a.txt: is not UTF-8 text: "),
    ],
)
def test_texts_that_cannot_be_read(content: bytes, message: str) -> None:
    Path("a.txt").write_bytes(content)
    assert refusal(DataError, lambda: read(IDS))[0].startswith(message)


def test_a_mark_at_the_beginning_is_no_text() -> None:
    Path("a.txt").write_bytes(b"\xef\xbb\xbfdog")
    assert ids(read(IDS)) == [[1, 7, 2]]


def test_tokenizers_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(options: TextOptions | None) -> object:
        return open_data(["a.txt"], [IDS], texts=options)

    assert refusal(UsageError, lambda: opened(None)) == (
        "a.txt: a text needs a tokenizer",
        "give `tokenizer`: the model's tokenizer.json",
    )
    Path("broken.json").write_text("{}", encoding="utf-8")
    message, _ = refusal(DataError, lambda: opened(TextOptions(Path("broken.json"))))
    assert message.startswith("broken.json: is not a tokenizer.json: ")
    message, _ = refusal(DataError, lambda: opened(TextOptions(Path("none.json"))))
    assert message == "none.json: no such file"
    np.savez("x.npz", input_ids=np.zeros((1, 4), np.int64))
    options = TextOptions(Path("tokenizer.json"))
    message, _ = refusal(UsageError, lambda: open_data(["x.npz"], [IDS], texts=options))
    assert message == "a tokenizer or a text window is given, but no data are texts"
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert refusal(UnsupportedError, lambda: opened(options)) == (
        "tokenizer.json: reading texts needs tokenizers, which is not installed",
        "pip install 'qconv[text]'",
    )
