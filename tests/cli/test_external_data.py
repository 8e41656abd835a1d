"""Where the weights of a converted model are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from benchmarks.large_model import write_model
from benchmarks.processes import measure
from qconv.cli.convert import convert
from qconv.errors import UsageError
from tests.model_helpers import parse, run, save, side_files


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """A model with 1.05 MB of weights, which are 0.52 MB in float16."""
    text = "(float[1,512] x) => (float[1,512] y) <float[512,512] w> { y = MatMul(x, w) }"
    return save(parse(text), tmp_path)


@pytest.fixture
def external(tmp_path: Path) -> Path:
    write_model(tmp_path / "model.onnx", megabytes=1, products=2)
    return tmp_path / "model.onnx"


def _convert(model: Path, *options: str) -> Path:
    output = model.with_name("half.onnx")
    command = [str(model), "--dtype", "fp16", "-q", "-o", str(output), *options]
    CliRunner().invoke(convert, command, catch_exceptions=False, standalone_mode=False)
    return output


@pytest.mark.parametrize(
    ("options", "beside"),
    [
        ([], False),
        (["--external-data", "auto"], False),
        (["--external-data", "always"], True),
        (["--external-data", "never"], False),
        (["--external-data", "auto", "--external-data-size", "0.6"], False),
        (["--external-data", "auto", "--external-data-size", "0.5"], True),
        (["--external-data-size", "0.5"], True),
    ],
)
def test_weights_of_a_single_file(embedded: Path, options: list[str], beside: bool) -> None:
    output = _convert(embedded, *options)
    data = side_files(output)
    assert len(data) == beside
    if beside:
        assert data[0].stat().st_size >= 512 * 512 * 2
        assert output.stat().st_size < 10_000
    onnx.checker.check_model(str(output), full_check=True)
    feeds = {"x": np.ones((1, 512), np.float32)}
    np.testing.assert_allclose(run(output, feeds)["y"], run(embedded, feeds)["y"], atol=0.05)


@pytest.mark.parametrize(
    ("options", "beside"),
    [
        ([], True),
        (["--external-data", "auto"], False),
        (["--external-data", "never"], False),
        (["--external-data-size", "0.4"], True),
    ],
)
def test_weights_of_a_model_with_external_data(
    external: Path, options: list[str], beside: bool
) -> None:
    output = _convert(external, *options)
    assert len(side_files(output)) == beside
    external.with_name("model.onnx.data").rename(external.with_name("gone"))
    onnx.checker.check_model(str(output), full_check=True)
    size = onnx.load(output).graph.initializer[0].dims[0]
    assert np.isfinite(run(output, {"x": np.ones((1, size), np.float32)})["y"]).all()


def test_a_size_without_a_choice(embedded: Path) -> None:
    with pytest.raises(UsageError, match="needs `external_data=auto`"):
        _convert(embedded, "--external-data", "never", "--external-data-size", "5")


@pytest.mark.parametrize("options", [["fp16"], ["bf16", "--storage-only"]], ids=lambda o: o[0])
def test_large_weights_stream(options: list[str], tmp_path: Path) -> None:
    """Memory grows with the largest weight, not with their sum, though the result is run."""
    peaks = []
    for products in (14, 34):
        model = tmp_path / f"{products}.onnx"
        write_model(model, megabytes=10 * products, products=products)
        output = str(tmp_path / f"half{products}.onnx")
        command = ["-m", "qconv", "convert", str(model), "--dtype", *options, "-q", "-o", output]
        peaks.append(measure(command).memory)
    assert peaks[1] <= peaks[0] + 50  # the larger file has 100 MB more
