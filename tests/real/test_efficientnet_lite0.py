"""The whole path on EfficientNet-Lite0: 100 images calibrate, the other 400 judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import qconv
from benchmarks.hard_net import convert_and_measure, make_hard
from benchmarks.processes import measure
from qconv.calibration.record_file import read_record, write_record
from qconv.data import open_data
from qconv.reporting.catalog import metric_values
from qconv.reporting.report_data import Report
from tests.real.conftest import EfficientNet


@pytest.fixture(scope="module")
def record(efficientnet: EfficientNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("record") / "model.qcal"
    qconv.calibrate(efficientnet.model, data=[str(efficientnet.calibration)], output=path)
    return path


@pytest.fixture(scope="module")
def int8(efficientnet: EfficientNet, record: Path) -> Path:
    path = record.with_name("model.int8.onnx")
    qconv.convert(efficientnet.model, path, calibration=record)
    return path


@pytest.fixture(scope="module")
def report(efficientnet: EfficientNet, int8: Path) -> Report:
    gates = ["top1_drop > 1.0", "size_ratio > 0.30"]
    return qconv.report(
        efficientnet.model, [int8], data=[str(efficientnet.test)], fail_if=gates, latency=False
    )


def test_accuracy_and_size(report: Report) -> None:
    values = metric_values(report, report.variants[0])
    assert values["sqnr_db"] >= 25.3
    assert values["agreement"] >= 97.5
    assert values["kl"] <= 0.004
    assert abs(values["top1_drop"]) <= 1.0
    assert values["size_mb"] <= 5.1
    assert report.exit_code == 0


def test_every_layer_runs_in_integers(report: Report) -> None:
    fusion = report.variants[0].fusion
    assert fusion is not None
    assert fusion.misses == ()
    assert fusion.by_op["Conv"] == (49, 49)
    assert fusion.by_op["Add"] == (9, 9)
    assert fusion.by_op["Gemm"] == (1, 1)
    assert fusion.by_op["GlobalAveragePool"] == (1, 1)


def test_int8_is_faster_than_float(efficientnet: EfficientNet, int8: Path) -> None:
    """Other work on the machine can hide the difference, so the best of a few rounds counts."""

    def speedup() -> float:
        data = [str(efficientnet.calibration)]
        timed = qconv.report(
            efficientnet.model, [int8], data=lambda inputs: open_data(data, inputs, samples=1)
        )
        return metric_values(timed, timed.variants[0])["speedup"]

    assert any(speedup() > 1.1 for _ in range(5))


def test_other_methods_keep_the_accuracy_that_they_are_known_for(
    efficientnet: EfficientNet, record: Path, tmp_path: Path
) -> None:
    files = []
    for method in ("minmax", "percentile", "mse"):
        files.append(tmp_path / f"{method}.onnx")
        settings = qconv.Int8Settings(method=method)
        qconv.convert(efficientnet.model, files[-1], calibration=record, settings=settings)
    report = qconv.report(efficientnet.model, files, data=[str(efficientnet.test)], latency=False)
    for variant in report.variants:
        assert metric_values(report, variant)["sqnr_db"] >= 22, variant.name


def test_efforts_keep_their_bars(efficientnet: EfficientNet, tmp_path: Path) -> None:
    """Accuracy, seconds and memory: limits of time are those of an idle machine, twice over."""
    limits = {"balanced": 60, "best": 600}
    files = [tmp_path / f"{effort}.onnx" for effort in limits]
    for (effort, seconds), path in zip(limits.items(), files, strict=True):
        options = ["--effort", effort, "--data", str(efficientnet.calibration), "-q"]
        command = ["-m", "qconv", "convert", str(efficientnet.model), "--dtype", "int8"]
        cost = measure([*command, *options, "-o", str(path)])
        assert cost.wall <= seconds
        assert cost.memory <= 600
    report = qconv.report(efficientnet.model, files, data=[str(efficientnet.test)], latency=False)
    balanced, best = (metric_values(report, variant) for variant in report.variants)
    for values in (balanced, best):
        assert values["sqnr_db"] >= 24
        assert values["agreement"] >= 98
        assert values["kl"] <= 0.004
        assert abs(values["top1_drop"]) <= 1.0
    assert best["sqnr_db"] > balanced["sqnr_db"]


def test_scales_over_three_decades_are_undone(efficientnet: EfficientNet, tmp_path: Path) -> None:
    """Without equalization both kinds of weights lose 80 points of top-1 on this net."""
    hard = tmp_path / "hard.onnx"
    assert make_hard(efficientnet.model, hard, 3) == 7
    settings = {
        "channel": qconv.Int8Settings(),
        "tensor": qconv.Int8Settings(granularity="tensor"),
    }
    found = convert_and_measure(
        hard,
        efficientnet.model,
        lambda inputs: open_data([str(efficientnet.calibration)], inputs, samples=50),
        lambda inputs: open_data([str(efficientnet.test)], inputs, samples=60),
        settings,
    )
    assert found["channel"]["sqnr_db"] >= 23
    assert found["channel"]["agreement"] >= 95
    assert found["tensor"]["sqnr_db"] >= 15
    assert found["tensor"]["agreement"] >= 90


def test_same_data_gives_the_same_bytes(
    efficientnet: EfficientNet, record: Path, int8: Path, tmp_path: Path
) -> None:
    again = tmp_path / "model.qcal"
    qconv.calibrate(efficientnet.model, data=[str(efficientnet.calibration)], output=again)
    assert again.read_bytes() == record.read_bytes()
    copy = tmp_path / "copy.qcal"
    write_record(read_record(record), copy)
    assert copy.read_bytes() == record.read_bytes()
    converted = tmp_path / "model.int8.onnx"
    qconv.convert(efficientnet.model, converted, calibration=again)
    assert converted.read_bytes() == int8.read_bytes()


def test_a_record_gives_the_same_bytes_as_the_data(
    efficientnet: EfficientNet, int8: Path, tmp_path: Path
) -> None:
    direct = tmp_path / "model.int8.onnx"
    qconv.convert(efficientnet.model, direct, data=[str(efficientnet.calibration)])
    assert direct.read_bytes() == int8.read_bytes()


@pytest.mark.parametrize(("statistics", "most"), [("histogram", 450), ("full", 700)])
def test_memory_of_calibrate_does_not_grow_with_the_samples(
    efficientnet: EfficientNet, tmp_path: Path, statistics: str, most: float
) -> None:
    options = ("--statistics", statistics)
    few = _peak_megabytes(efficientnet, tmp_path / "few.qcal", "--samples", "200", *options)
    many = _peak_megabytes(efficientnet, tmp_path / "many.qcal", *options)
    assert many <= most
    assert many <= few * 1.10


def _peak_megabytes(efficientnet: EfficientNet, output: Path, *options: str) -> float:
    """Return the peak memory of a calibrate process, measured by a process of its own."""
    command = [sys.executable, "-m", "qconv", "calibrate", str(efficientnet.model), "-q"]
    command += ["--data", str(efficientnet.all), "-o", str(output), *options]
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script, *command], check=True, capture_output=True, text=True
    )
    return int(printed.stdout) * 1024 / 1e6
