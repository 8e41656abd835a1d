"""``--task`` and ``--output-kind``: on the command line, in recipes, in searches, and in Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv as api
from qconv.errors import UsageError
from tests.cli.cli_helpers import Qconv, Refuses

READER = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[N,1,8,T] image) => (float[T,N,5] text) {
  flat = Reshape<allowzero=0>(image, shape)
  across = Transpose<perm=[2,0,1]>(flat)
  text = MatMul(across, weight)
}
"""


@pytest.fixture(autouse=True)
def _reader(folder: Path) -> None:
    model = onnx.parser.parse_model(READER)
    r = np.random.default_rng(3)
    weight = r.normal(0, 1, (8, 5)).astype(np.float32)
    model.graph.initializer.extend(
        [
            onnx.numpy_helper.from_array(weight, "weight"),
            onnx.numpy_helper.from_array(np.array([0, 8, -1]), "shape"),
        ]
    )
    onnx.save(model, folder / "reader.onnx")
    np.savez(folder / "lines.npz", image=r.normal(size=(24, 1, 8, 20)).astype(np.float32))
    (folder / "tail").mkdir()


def test_texts_are_compared_and_gated(qconv: Qconv, folder: Path) -> None:
    assert qconv("convert reader.onnx --data lines.npz --dtype int8 -o small.onnx").code == 0
    gates = ("--fail-if", "ctc_same < 1", "--fail-if", "ctc_cer > 0")
    said = qconv(
        "report reader.onnx small.onnx --data lines.npz --task ctc --no-latency --json r.json",
        *gates,
    )
    assert said.code == 1, said.err
    assert {"same", "letters"} <= {*said.out.split()}
    assert "small.onnx FAILS: ctc_cer = " in said.out
    found = json.loads((folder / "r.json").read_text())
    assert found["task"] == "ctc"
    assert set(found["variants"][0]["task"]) == {"ctc_same", "ctc_cer"}
    assert found["reference"]["task"] == {}
    changed = found["variants"][0]["changed"]
    assert 0 < len(changed) <= 12
    assert changed[0]["before"] != changed[0]["after"]
    assert changed[0]["sample"].startswith("lines.npz[")
    assert found["variants"][0]["outputs"][0]["agreement"] is None


def test_a_gate_of_another_task_is_refused(refuses: Refuses) -> None:
    refuses(
        "report reader.onnx reader.onnx --data lines.npz --no-latency",
        "--fail-if",
        "boxes_f1 < 90",
        code=2,
        message="the gate 'boxes_f1 < 90' needs boxes_f1, which is not measured here: it needs "
        "--task boxes",
    )


def test_answers_of_an_output_that_is_named(qconv: Qconv) -> None:
    line = "report reader.onnx reader.onnx --data lines.npz --no-latency"
    said = qconv(line)
    assert said.code == 0, said.err
    assert "No output is known to hold classes" in said.out
    assert "agree" not in said.out
    said = qconv(f"{line} --output-kind text=classes")
    assert "agree" in said.out
    assert "No output" not in said.out


def test_what_does_not_fit(refuses: Refuses) -> None:
    line = "report reader.onnx reader.onnx --data lines.npz --no-latency"
    for options, told in (
        ("--output-kind text", "--output-kind 'text' is not of the form NAME=KIND"),
        ("--box-score 0.5", "--box-score needs --task boxes"),
        ("--task boxes --box-anchors a.npy", "--box-anchors needs --box-layout ssd"),
        (
            "--output-kind txt=map",
            "--output-kind names 'txt', which is not an output of the model",
        ),
        (
            "--task reading",
            "--task is 'reading'; it must be boxes, ctc, similarity, map or perplexity",
        ),
    ):
        refuses(f"{line} {options}", message=told, code=2)
    refuses(
        f"{line} --task boxes",
        code=3,
        message="the shapes of the outputs do not show how boxes are stored in them: 'text' [20, "
        "1, 5]",
    )


def test_the_script_of_boxes_is_no_output(qconv: Qconv, folder: Path) -> None:
    script = folder / "own.py"
    script.write_text("def boxes(outputs, sample):\n    return outputs['text'], [], []\n")
    line = "report reader.onnx reader.onnx --data lines.npz --no-latency --task boxes"
    said = qconv(f"{line} --box-layout own.py:boxes --json own.py")
    assert said.code == 2
    assert "own.py: the output would" in said.err
    assert script.read_text().startswith("def boxes")


def test_a_run_measures_the_task(qconv: Qconv, folder: Path) -> None:
    recipe = folder / "qconv.toml"
    recipe.write_text(
        'model = "reader.onnx"\ndata = "lines.npz"\ntest-data = "lines.npz"\ntask = "ctc"\n'
        'fail-if = "ctc_same < 20"\nlatency = false\n'
    )
    said = qconv("run")
    assert said.code == 0, said.err
    assert "reader.int8.onnx passes: ctc_same = " in said.out
    recipe.write_text(recipe.read_text() + "ctc-blank = -1\n")
    said = qconv("run --dry-run")
    assert "ctc-blank is now -1, was not set" in said.out
    recipe.write_text(recipe.read_text().replace('test-data = "lines.npz"\n', ""))
    said = qconv("run")
    assert (said.code, "needs --test-data" in said.err) == (2, True)


def test_a_search_is_judged_by_the_task(qconv: Qconv) -> None:
    said = qconv(
        "tune reader.onnx --data lines.npz --objective size -o best.onnx --task ctc --effort fast",
        "--fail-if",
        "ctc_cer > 60",
    )
    assert said.code == 0, said.err
    assert "best.onnx passes: ctc_cer = " in said.err


def test_in_python(folder: Path) -> None:
    paths = folder / "reader.onnx", [folder / "reader.onnx"]
    data = [str(folder / "lines.npz")]
    found = api.report(*paths, data=data, latency=False, task="ctc")
    assert found.variants[0].metrics["ctc_same"] == 100
    with pytest.raises(UsageError, match="`ctc_blank` needs `task=ctc`"):
        api.report(*paths, data=data, latency=False, ctc_blank=3)
    with pytest.raises(UsageError, match="there is no option 'taks'"):
        api.report(*paths, data=data, latency=False, taks="ctc")
