"""qconv tune on real models: the times and sizes that it tells, and what its files lose."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman, write_calibration
from qconv.conversions.workbench import Workbench
from qconv.evaluation.stopwatch import time_ratio
from qconv.pipeline.arguments import opener
from qconv.pipeline.starting import start_search
from qconv.progress import no_progress
from qconv.runtime.session import open_session


def test_times_are_those_of_the_files(data_folder: Path, tmp_path: Path) -> None:
    """A transformer of integers as a search puts it together, beside the one that is written."""
    folder = data_folder / "all-minilm-l6-v2"
    model, data = folder / "model.onnx", [str(tmp_path / "calibration")]
    write_calibration(folder, tmp_path / "calibration")
    started = start_search(model, opener(data, model), "fast", None, no_progress)
    bench = Workbench(started.work, started.kind)
    settings = qconv.Int8Settings(effort="fast")
    qconv.convert(model, tmp_path / "y.onnx", data=data, settings=settings)
    written = open_session(tmp_path / "y.onnx", threads=1)
    wanted = time_ratio(written, bench.reference.open_exact(), bench.reference.feeds[0])
    told = bench.slowness({})
    assert told is not None
    assert abs(told / wanted - 1) < 0.15
    assert told < 0.6


def test_sentences_in_few_bits(data_folder: Path, tmp_path: Path) -> None:
    """The smallest file that holds a gate is one of weights alone, embedding included."""
    folder = data_folder / "all-minilm-l6-v2"
    model, data = folder / "model.onnx", [str(tmp_path / "calibration")]
    write_calibration(folder, tmp_path / "calibration")
    slower_too = 0.1  # four bits are not faster than float on every processor
    goal = qconv.Goal("size", ("sqnr_db < 12",), min_speedup=slower_too)
    found = qconv.tune(model, tmp_path / "y.onnx", data=data, goal=goal)
    assert found.verdict.exit_code == 0
    assert found.size <= 13e6
    assert found.settings in [each.kept.settings for each in found.kinds]
    batches, scores = dev_pairs(folder, step=5)
    exact, own = (
        spearman(cosines(ort.InferenceSession(path), batches), scores)
        for path in (model, tmp_path / "y.onnx")
    )
    assert own >= exact - 0.005
