"""Texts on the command line and in a recipe, with the tokenizer beside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.cli.cli_helpers import Qconv, Refuses, save_text

MODEL = """(int64[N,k] input_ids, int64[N,k] attention_mask) => (float[N,k,8] y)
  <float[8,16] table, float[16,8] w> {
  e = Gather(table, input_ids) m = Cast<to = 1>(attention_mask) a = MatMul(e, w)
  s = Unsqueeze(m, last) y = Mul(a, s) }"""


@pytest.fixture(autouse=True)
def _net(folder: Path) -> None:
    text = MODEL.replace("float[16,8] w>", "float[16,8] w, int64[1] last = {2}>")
    save_text(text, folder / "net.onnx")
    words = {word: number for number, word in enumerate(["[UNK]", "the", "cat", "sat", "dog"])}
    made = Tokenizer(models.WordLevel(words, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    (folder / "a.txt").write_text("the cat sat\nthe dog\n")
    (folder / "notes.md").write_text("the cat sat\nthe dog\n")


def test_a_text_is_data(qconv: Qconv, folder: Path) -> None:
    lines = ([1, 2, 3], [1, 4])
    (folder / "feeds").mkdir()
    for number, ids in enumerate(lines):
        feeds = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
        np.savez(folder / f"feeds/{number}.npz", allow_pickle=False, **feeds)
    for number, place in enumerate(("--data a.txt", "--text notes.md", "--data feeds")):
        line = f"convert net.onnx {place} --effort fast --method minmax -q -o {number}.onnx"
        assert qconv(line).code == 0
    for other in ("1.onnx", "2.onnx"):
        assert qconv(f"compare 0.onnx {other} --data feeds --check --sqnr 200 -q").code == 0


def test_in_a_recipe(qconv: Qconv, folder: Path) -> None:
    (folder / "qconv.toml").write_text(
        'model = "net.onnx"\ntext = "notes.md"\ntest-data = "a.txt"\ntext-window = 2\n'
        'fail-if = "sqnr_db < 5"\nlatency = false\n'
    )
    said = qconv("run")
    assert said.code == 0, said.err
    assert (folder / "out/net.report.json").exists()
    (folder / "tokenizer.json").rename(folder / "other.json")
    said = qconv("run --tokenizer other.json --dry-run")
    assert "net.qcal: would be made: tokenizer is" in said.out


def test_init_keeps_the_place_of_a_text(qconv: Qconv, folder: Path) -> None:
    (folder / "recipes").mkdir()
    assert qconv("init net.onnx --text notes.md -o recipes/qconv.toml").code == 0
    text = (folder / "recipes/qconv.toml").read_text()
    assert 'data = "text:../notes.md"\n' in text
    assert qconv("calibrate net.onnx --recipe recipes/qconv.toml -o a.qcal -q").code == 0


def test_what_is_refused(folder: Path, refuses: Refuses) -> None:
    refuses("calibrate net.onnx --text none.md -o a.qcal", code=3, message="none.md: no such file")
    refuses(
        "calibrate model.onnx --data data.npz --text-window 3 -o a.qcal",
        code=2,
        message="a tokenizer or a text window is given, but no data are texts",
    )
    refuses(
        "calibrate net.onnx --text-window 3 -o a.qcal",
        code=2,
        message="--text-window needs --data",
    )
    (folder / "tokenizer.json").unlink()
    refuses(
        "calibrate net.onnx --data a.txt -o a.qcal",
        code=2,
        message="a.txt: a text needs a tokenizer",
        hint="give --tokenizer: the model's tokenizer.json",
    )
