"""``qconv init`` writes a recipe that can be run, with the rest as comments."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image

from qconv.recipe.file import read_recipe
from tests.cli.cli_helpers import Qconv, Refuses, save_text

WRITTEN = "qconv.toml: written; edit it, then: qconv run\n"


def test_a_recipe_of_a_model_alone(qconv: Qconv, folder: Path) -> None:
    said = qconv("init model.onnx")
    assert (said.code, said.out) == (0, WRITTEN)
    text = (folder / "qconv.toml").read_text()
    assert tomllib.loads(text) == {"model": "model.onnx", "output": "out"}
    assert "# input: x float32 [N, 3, 8, 8]\n# output: y float32 [N, 4]\n" in text
    assert '# image-preset = "imagenet-torch"\n' in text
    said = qconv("run")
    assert said.error == "qconv: error: --data is needed: samples to calibrate on"


@pytest.mark.parametrize("uncommented", ["", "image-"])
def test_every_comment_is_a_line_that_can_be_read(
    qconv: Qconv, folder: Path, uncommented: str
) -> None:
    assert qconv("init model.onnx").code == 0
    lines = (folder / "qconv.toml").read_text().splitlines()
    opened = [
        line.removeprefix("# ") if " = " in line and line.startswith(f"# {uncommented}") else line
        for line in lines
    ]
    (folder / "all.toml").write_text("\n".join(opened))
    assert len(read_recipe(folder / "all.toml").values) > 4


def test_what_is_named_stands_in_it(qconv: Qconv, folder: Path) -> None:
    line = "--data data.npz --test-data data.npz --no-latency --effort fast --block-size 32"
    said = qconv(f"init model.onnx {line}", "--fail-if", "sqnr_db < 10", "--fail-if", "kl > 1")
    assert said.code == 0
    assert tomllib.loads((folder / "qconv.toml").read_text()) == {
        "model": "model.onnx",
        "data": "data.npz",
        "test-data": "data.npz",
        "effort": "fast",
        "fail-if": ["sqnr_db < 10", "kl > 1"],
        "output": "out",
        "latency": False,
        "block-size": 32,
    }


def test_it_runs_as_it_is(qconv: Qconv, folder: Path) -> None:
    line = "init model.onnx --data data.npz --test-data data.npz --no-latency"
    assert qconv(line, "--fail-if", "sqnr_db < 10").code == 0
    assert qconv("run -q").code == 0
    assert (folder / "out/model.report.json").exists()


def test_paths_are_those_of_its_folder(qconv: Qconv, folder: Path) -> None:
    (folder / "recipes").mkdir()
    script = folder / "s.py"
    script.write_text("def f():\n    return []\n")
    data = f"--data data.npz --data s.py:f --test-data {folder}/data.npz"
    said = qconv(f"init model.onnx {data} -o recipes/r.toml")
    assert said.out == "recipes/r.toml: written; edit it, then: qconv run --recipe recipes/r.toml\n"
    chosen = read_recipe(folder / "recipes/r.toml").values
    assert [Path(place).resolve() for place in chosen["data"]] == [  # type: ignore[attr-defined]
        folder.resolve() / "data.npz",
        folder.resolve() / "s.py:f",
    ]
    assert chosen["test_data"] == (f"{folder}/data.npz",)


def test_a_model_of_text_has_no_lines_of_images(qconv: Qconv, folder: Path) -> None:
    text = "(int64[N,k] ids, int64[N,k] mask) => (int64[N,k] y) { y = Add(ids, mask) }"
    save_text(text, folder / "words.onnx")
    assert qconv("init words.onnx").code == 0
    assert "image" not in (folder / "qconv.toml").read_text().replace("a folder, images", "")


def test_what_cannot_be_written(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    (folder / "qconv.toml").write_text("mine = 1\n")
    refuses("init model.onnx", code=3, message="qconv.toml: exists already")
    refuses("init model.onnx -f -o model.onnx", code=2,
            message="model.onnx: the output would replace the model")  # fmt: skip
    refuses("init none.onnx -o n.toml", code=3, message="none.onnx: no such file")
    message = "'a\\x1bb' cannot stand in a recipe: it has hidden characters"
    refuses("init model.onnx -o n.toml --data", "a\x1bb", code=2, message=message)
    assert qconv("init model.onnx --force").code == 0


def test_names_in_comments_are_escaped(qconv: Qconv, folder: Path) -> None:
    text = "(float[N,3] x) => (float[N,3] y) { y = Relu(x) }"
    model = save_text(text, folder / "odd.onnx")
    model.graph.input[0].name = model.graph.node[0].input[0] = 'x\n[evil]\nmodel = "other"'
    (folder / "odd.onnx").write_bytes(model.SerializeToString())
    assert qconv("init odd.onnx").code == 0
    assert tomllib.loads((folder / "qconv.toml").read_text()) == {
        "model": "odd.onnx",
        "output": "out",
    }


@pytest.mark.parametrize("option", ["--data", "--test-data", "--metric"])
@pytest.mark.parametrize("empty", ["", "text:"])
def test_a_place_that_names_nothing_is_refused(refuses: Refuses, option: str, empty: str) -> None:
    """An unset variable of the shell leaves it behind."""
    refuses("init model.onnx", option, empty, code=2,
            message=f"{option} is empty, and names no file")  # fmt: skip


def test_data_that_do_not_fit_are_told_at_once(qconv: Qconv, folder: Path) -> None:
    said = qconv("init model.onnx --data dat.npz --test-data data.npz")
    assert (said.code, said.out) == (0, WRITTEN)
    assert said.err.startswith("qconv: warning: qconv run would fail: dat.npz: ")
    assert "\nhint: DATA may be a .npz file" in said.err
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    said = qconv("init model.onnx --data images --test-data images -f")
    assert said.code == 0
    assert "'x' is float32 [N, 3, 8, 8], but it is not known how pixels become its" in said.err
    assert "hint: choose --image-preset imagenet-torch or another one, or --image-mean" in said.err
    assert said.err.count("hint:") == 1
    assert qconv("init model.onnx --data images --image-std 255 -f").err == ""


def test_a_gate_is_read_before_a_recipe_is_written(qconv: Qconv, folder: Path) -> None:
    said = qconv("init model.onnx --data data.npz", "--fail-if", "top1_dorp > 1")
    assert said.code == 2
    assert "did you mean 'top1_drop'?" in said.error
    assert not (folder / "qconv.toml").exists()
