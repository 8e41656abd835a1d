"""``qconv run`` does what a recipe says, and again only what has changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import qconv as api
from qconv.errors import UsageError
from tests.cli.cli_helpers import Qconv, Refuses, contents, save_text
from tests.model_helpers import op_types

RECIPE = """\
model = "model.onnx"
data = "data.npz"
test-data = "data.npz"
fail-if = "sqnr_db < 10"
latency = false
"""
MADE = ["model.int8.onnx", "model.qcal", "model.report.html", "model.report.json"]


@pytest.fixture(autouse=True)
def _recipe(folder: Path) -> None:
    (folder / "qconv.toml").write_text(RECIPE)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session is opened, so that nothing can be calibrated, tried or compared."""

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a session was opened")

    for place in ("session", "runner", "trial"):
        module = f"qconv.runtime.{place}.open_session"
        monkeypatch.setattr(module, opened, raising=False)


def done(out: str) -> list[str]:
    """Return what was made, or would be."""
    verbs = (": to be made: ", ": would be made: ")
    return [line.split(":")[0] for line in out.splitlines() if any(verb in line for verb in verbs)]


def change(folder: Path, old: str, new: str) -> None:
    recipe = folder / "qconv.toml"
    text = recipe.read_text()
    assert old in text
    recipe.write_text(text.replace(old, new))


def test_all_of_it_in_one_go(qconv: Qconv, folder: Path) -> None:
    said = qconv("run")
    assert said.code == 0, said.err
    beside = {"model.report.md", "model.report.xml", "qconv-run.json"}
    assert set(contents(folder / "out")) == {*MADE, *beside}
    assert "<testcase" in (folder / "out/model.report.xml").read_text()
    assert done(said.out) == ["out/model.qcal", "out/model.int8.onnx", "out/model.report.json"]
    assert "model.int8.onnx passes: sqnr_db = " in said.out
    assert (
        "6 of 6 samples also used for calibration, so errors look smaller than they are."
        in " ".join(said.out.split())
    )
    assert qconv("convert model.onnx --data data.npz -o one.onnx").code == 0
    assert (folder / "one.onnx").read_bytes() == (folder / "out/model.int8.onnx").read_bytes()


def test_nothing_is_done_twice(qconv: Qconv, folder: Path, request: pytest.FixtureRequest) -> None:
    assert qconv("run -q").code == 0
    before = contents(folder)
    request.getfixturevalue("no_work")
    said = qconv("run")
    assert said.code == 0
    assert said.out.splitlines()[:3] == [
        "out/model.qcal: unchanged",
        "out/model.int8.onnx: unchanged",
        "out/model.report.json: unchanged",
    ]
    assert contents(folder) == before
    os.utime(folder / "model.onnx")
    assert done(qconv("run").out) == []


def test_what_a_cache_brings_back_is_not_done_again(
    qconv: Qconv, folder: Path, request: pytest.FixtureRequest
) -> None:
    assert qconv("run -q").code == 0
    shutil.copytree(folder / "out", folder / "cached")
    shutil.rmtree(folder / "out")
    shutil.copytree(folder / "cached", folder / "out", copy_function=shutil.copyfile)
    request.getfixturevalue("no_work")
    said = qconv("run")
    assert (said.code, done(said.out)) == (0, [])


def test_another_gate_runs_no_model(
    qconv: Qconv, folder: Path, request: pytest.FixtureRequest
) -> None:
    assert qconv("run -q").code == 0
    request.getfixturevalue("no_work")
    change(folder, "sqnr_db < 10", "sqnr_db < 90")
    said = qconv("run")
    assert (said.code, done(said.out)) == (1, [])
    assert "model.int8.onnx FAILS: sqnr_db = " in said.out
    said = qconv("run -q")
    assert (said.code, said.out) == (1, "")
    assert "model.int8.onnx FAILS: sqnr_db = " in said.err
    report = json.loads((folder / "out/model.report.json").read_text())
    assert [verdict["expression"] for verdict in report["verdicts"]] == ["sqnr_db < 90"]
    assert "1 of 1 gate failed" in (folder / "out/model.report.md").read_text()
    change(folder, 'fail-if = "sqnr_db < 90"', "")
    assert qconv("run -q").code == 0
    assert json.loads((folder / "out/model.report.json").read_text())["verdicts"] == []


@pytest.mark.parametrize(
    ("changed", "reason", "behind"),
    [
        ('effort = "fast"', "effort is now fast, was not set", MADE[:1]),
        ("keep-samples = 3", "keep-samples is now 3, was not set", [MADE[1], MADE[0]]),
        ("batch-size = 2", None, []),
        ('dtype = ["int8", "fp16"]', "it does not exist", ["model.fp16.onnx"]),
        ('weights = "int4"', "weights is now int4, was not set", MADE[:1]),
    ],
)
def test_a_setting_makes_what_is_behind_it(
    qconv: Qconv, folder: Path, changed: str, reason: str | None, behind: list[str]
) -> None:
    assert qconv("run -q").code == 0
    with (folder / "qconv.toml").open("a") as file:
        file.write(changed + "\n")
    wanted = [f"out/{name}" for name in behind] + ["out/model.report.json"] * bool(behind)
    told = qconv("run --dry-run")
    assert (told.code, done(told.out)) == (0, wanted)
    assert reason is None or f": would be made: {reason}\n" in told.out
    said = qconv("run")
    assert (said.code, done(said.out)) == (0, wanted)
    assert done(qconv("run").out) == []


def test_other_data_make_everything(qconv: Qconv, folder: Path) -> None:
    assert qconv("run -q").code == 0
    arrays = np.load(folder / "data.npz")["x"]
    np.savez(folder / "data.npz", x=arrays[:5])
    said = qconv("run")
    assert said.code == 0
    assert "out/model.qcal: to be made: the contents of data changed\n" in said.out
    assert len(done(said.out)) == 3


def test_a_dry_run_writes_nothing(qconv: Qconv, folder: Path) -> None:
    before = contents(folder)
    said = qconv("run --dry-run")
    assert said.code == 0
    assert said.out.splitlines() == [
        "out/model.qcal: would be made: it does not exist",
        "out/model.int8.onnx: would be made: model.qcal is made anew",
        "out/model.report.json: would be made: model.int8.onnx is made anew",
    ]
    assert contents(folder) == before


def test_what_no_run_has_made_stays(qconv: Qconv, folder: Path, refuses: Refuses) -> None:
    (folder / "out").mkdir()
    (folder / "out/model.int8.onnx").write_text("mine")
    message = "out/model.int8.onnx: exists, but is not the file that qconv run made"
    refuses("run", code=3, message=message, hint="pass --force to replace it")
    assert qconv("run -q --force").code == 0
    (folder / "out/model.report.json").unlink()
    (folder / "out/model.report.md").write_text("mine")
    message = "out/model.report.md: exists, but is not the file that qconv run made"
    refuses("run", code=3, message=message)
    assert qconv("run -q --force").code == 0
    (folder / "out/model.report.json").write_text("{}")
    message = "out/model.report.json: exists, but is not the file that qconv run made"
    refuses("run", code=3, message=message)
    said = qconv("run --force")
    assert done(said.out) == ["out/model.report.json"]
    assert "to be made: it was changed" in said.out


def test_a_lost_weights_file_makes_the_model_again(qconv: Qconv, folder: Path) -> None:
    wide = "(float[N,64] x) => (float[N,64] y) <float[64,64] w> { y = MatMul(x, w) }"
    save_text(wide, folder / "wide.onnx")
    line = "run --model wide.onnx --dtype fp16 --external-data always"
    assert qconv(f"{line} -q").code == 0
    (weights,) = (folder / "out").glob("*.data")
    weights.unlink()
    assert done(qconv(f"{line} --force").out) == ["out/wide.fp16.onnx"]
    assert weights.exists()


def test_several_types_and_models(qconv: Qconv, folder: Path) -> None:
    (folder / "nets").mkdir()
    for name in ("a", "b"):
        (folder / f"nets/{name}.onnx").write_bytes((folder / "model.onnx").read_bytes())
    change(folder, '"model.onnx"', '"nets"\ndtype = ["int8", "fp16"]\noutput = "made"')
    said = qconv("run")
    assert said.code == 0, said.err
    for name in ("a", "b"):
        assert "QuantizeLinear" in op_types(onnx.load(folder / f"made/{name}.int8.onnx"))
        report = json.loads((folder / f"made/{name}.report.json").read_text())
        names = [variant["name"] for variant in report["variants"]]
        assert names == [f"{name}.int8.onnx", f"{name}.fp16.onnx"]
    assert done(qconv("run").out) == []


def test_without_test_data_there_is_no_report(qconv: Qconv, folder: Path) -> None:
    (folder / "qconv.toml").write_text('model = "model.onnx"\ndtype = "fp16"\n')
    assert qconv("run -q").code == 0
    assert sorted(contents(folder / "out")) == ["model.fp16.onnx", "qconv-run.json"]


def test_options_come_before_the_recipe(qconv: Qconv, folder: Path) -> None:
    (folder / "qconv.toml").unlink()
    line = "run --model model.onnx --data data.npz --effort fast --output here -q"
    assert qconv(line).code == 0
    assert (folder / "here/model.int8.onnx").exists()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (None, "qconv.toml: no such file", "qconv init MODEL writes one"),
        ("", "--model is needed: the float model", ""),
        ('model = "model.onnx"', "--data is needed: samples to calibrate on", ""),
        ('model = "model.onnx"\nfail-if = "x > 1"', "--fail-if needs --test-data", ""),
        ('modl = "m"', "qconv.toml line 1: there is no option 'modl'", "did you mean model?"),
        (RECIPE.replace("sqnr_db", "sqnr_bd"), "the gate 'sqnr_bd < 10' names the unknown metric "
         "'sqnr_bd'", None),
        ('model = ["model.onnx", "nets/model.onnx"]\ndtype = "fp16"',
         "2 models are named 'model', so their files would replace each other", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_run(
    folder: Path, refuses: Refuses, text: str | None, message: str, hint: str | None
) -> None:
    (folder / "qconv.toml").unlink()
    if text is not None:
        (folder / "qconv.toml").write_text(text)
    code = 3 if text is None else 2
    refuses("run", code=code, message=message, hint=hint)


def test_a_state_that_cannot_be_read_counts_as_none(qconv: Qconv, folder: Path) -> None:
    assert qconv("run -q").code == 0
    (folder / "out/qconv-run.json").write_text("{")
    assert qconv("run -q").code == 3
    assert len(done(qconv("run --force").out)) == 3


def test_another_working_directory(
    qconv: Qconv, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made is known there, too."""
    line = f"run --recipe {folder / 'qconv.toml'} --output {folder / 'out'}"
    assert qconv("run -q").code == 0
    before = (folder / "out/model.int8.onnx").read_bytes()
    monkeypatch.chdir(folder.parent)
    said = qconv(line)
    assert (said.code, done(said.out)) == (0, [])
    relative = line.replace(f"{folder.parent}/", "")
    assert relative != line
    said = qconv(relative)
    assert (said.code, done(said.out)) == (0, [])
    assert (folder / "out/model.int8.onnx").read_bytes() == before


def test_in_python(folder: Path) -> None:
    (report,) = api.run(folder / "qconv.toml")
    assert [verdict.failed for verdict in report.verdicts] == [False]
    assert api.run("qconv.toml", dry_run=True) == []
    (folder / "empty.toml").write_text("")
    with pytest.raises(UsageError, match="`model` is needed"):
        api.run("empty.toml")


def test_gates_that_cannot_be_judged_are_refused_before_the_work(
    qconv: Qconv, folder: Path
) -> None:
    change(folder, "sqnr_db < 10", "top1_drop > 1")
    said = qconv("run")
    assert said.code == 2
    assert said.error.endswith("top1_drop, which is not measured here: the data has no labels")
    assert contents(folder / "out") == {}


def test_the_files_of_a_report_are_named(qconv: Qconv, folder: Path) -> None:
    said = qconv("run -o elsewhere")
    written = "elsewhere/model.report.json: written, with .md, .xml, .html beside it"
    assert written in said.out.splitlines()
    assert (folder / "elsewhere/model.report.html").is_file()
