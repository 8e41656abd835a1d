"""Reports of models that are no classifiers tell no answers of classes, but what they are for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import qconv
from benchmarks.sentences import write_calibration
from qconv.recipe.settings import DynamicSettings


def test_sentences_that_are_similar(data_folder: Path, tmp_path: Path) -> None:
    model = data_folder / "all-minilm-l6-v2" / "model.onnx"
    write_calibration(model.parent, tmp_path / "sentences")
    variant = qconv.convert(model, tmp_path / "d.onnx", settings=DynamicSettings()).path
    report = qconv.report(
        *(model, [variant]),
        data=[str(tmp_path / "sentences")],
        samples=64,
        latency=False,
        task="similarity",
        fail_if=["similarity < 0.98"],
    )
    found = report.variants[0]
    assert [(out.kind, out.agreement, out.kl) for out in found.outputs] == [("vector", None, None)]
    assert 0.98 < found.task["similarity"] < 1
    assert report.exit_code == 0


@pytest.mark.parametrize("name", ["silero_vad", "silero_vad_op18_ifless"])
def test_speech_and_its_state(data_folder: Path, tmp_path: Path, name: str) -> None:
    os.environ["QCONV_SPEECH"] = str(data_folder / "silero-vad")
    model = data_folder / "silero-vad" / f"{name}.onnx"
    variant = qconv.convert(model, tmp_path / "d.onnx", settings=DynamicSettings()).path
    report = qconv.report(
        model, [variant], data=["benchmarks/speech.py:calibration"], latency=False
    )
    found = {out.name: out for out in report.variants[0].outputs}
    assert {name: out.kind for name, out in found.items()} == {
        "output": "vector",
        "stateN": "state",
    }
    assert all(out.agreement is None and out.kl is None for out in found.values())
    assert found["output"].sqnr_db > 10
