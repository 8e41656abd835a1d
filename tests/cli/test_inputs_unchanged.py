"""No file that a command reads changes, whatever the output is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.cli.cli_helpers import Qconv, Refuses, contents
from tests.model_helpers import parse, run, side_files

WIDE = "(float[N,3,8,8] x) => (float[N,4] y) <float[192,4] w> { f = Flatten(x) y = MatMul(f, w) }"
CONVERT = "convert m.fp32.onnx --dtype fp16 --external-data always --force"
METRIC = "def f1(outputs, sample):\n    return 1.0\n"
SCRIPT = """import numpy as np

def feeds():
    yield {"x": np.ones((1, 3, 8, 8), np.float32)}
"""


@pytest.fixture
def home(folder: Path) -> Path:
    """The working directory with a model of two files, and data of every kind."""
    onnx.save(parse(WIDE), "m.fp32.onnx", save_as_external_data=True, location="m.onnx.data")
    (folder / "metric.py").write_text(METRIC)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "npz").mkdir()
    np.savez(folder / "npz" / "0.npz", x=np.ones((1, 3, 8, 8), np.float32))
    (folder / "images").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "a.png")
    (folder / "images" / "labels.csv").write_text("file,label\na.png,1\n")
    shutil.copy(folder / "images" / "labels.csv", folder / "images" / "mine.csv")
    return folder


def test_weights_of_the_float_model_that_bear_the_name_of_the_new_ones(
    qconv: Qconv, home: Path
) -> None:
    before = contents(home)
    assert qconv(f"{CONVERT} -o m.onnx").code == 0
    (weights,) = side_files(home / "m.onnx")
    after = contents(home)
    assert {name: after[name] for name in before} == before
    assert {*after} - {*before} == {"m.onnx", weights.name}
    feeds = {"x": np.ones((1, 3, 8, 8), np.float32)}
    expected = run(home / "m.fp32.onnx", feeds)["y"]
    np.testing.assert_allclose(run(home / "m.onnx", feeds)["y"], expected, atol=0.05)


REPORT = "report m.fp32.onnx m.fp32.onnx --no-latency -q --data"
EXTERNAL = "m.onnx.data: the output would replace external data of the float model"
LINES = {
    f"{CONVERT} -o m.onnx.data": EXTERNAL,
    f"{CONVERT} -o m.onnx --external-data-name m.onnx.data": EXTERNAL,
    f"{CONVERT} -o link": "link: the output would replace external data of the float model",
    f"{CONVERT} -o m.onnx --external-data-name m.fp32.onnx": "m.fp32.onnx: the output would "
    "replace the float model",
    "convert model.onnx --dtype int8 --calibration histogram.qcal -f -o y.onnx "
    "--external-data-name histogram.qcal": "histogram.qcal: the output would replace the record",
    "calibrate m.fp32.onnx --data npz -f -o m.onnx.data": EXTERNAL,
    "calibrate m.fp32.onnx --data npz -f -o npz/0.npz": "npz/0.npz: the output would replace the "
    "data",
    "calibrate m.fp32.onnx --data script.py:feeds -f -o script.py": "script.py: the output would "
    "replace the data",
    "calibrate m.fp32.onnx --data script:feeds -f -o script.py": "script.py: the output would "
    "replace the data",
    "calibrate m.fp32.onnx --data images --image-std 255 -f -o images/labels.csv": "images/"
    "labels.csv: the output would replace the data",
    "calibrate m.fp32.onnx --data images --labels images/mine.csv --image-std 255 -f "
    "-o images/mine.csv": "images/mine.csv: the output would replace the data",
    "calibrate m.fp32.onnx --data images --image-std 255 -f -o images/a.png": "images/a.png: the "
    "output would replace the data",
    f"{REPORT} npz --json m.onnx.data": EXTERNAL,
    f"{REPORT} npz --html m.onnx.data": EXTERNAL,
    f"{REPORT} npz --junit npz/0.npz": "npz/0.npz: the output would replace the data",
    f"{REPORT} npz --markdown base.json --baseline base.json": "base.json: the output would "
    "replace the baseline",
    f"{REPORT} npz --markdown metric.py --metric metric.py:f1": "metric.py: the output would "
    "replace the script of a metric",
    "report model.onnx m.fp32.onnx --data npz --json m.onnx.data": "m.onnx.data: the output would "
    "replace external data of a variant",
    "compare model.onnx m.fp32.onnx --data npz --json m.onnx.data": "m.onnx.data: the output "
    "would replace external data of model B",
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_an_output_in_the_place_of_an_input(home: Path, refuses: Refuses, line: str) -> None:
    (home / "link").symlink_to("m.onnx.data")
    (home / "base.json").write_text(json.dumps({}))
    refuses(line, code=2, message=LINES[line])


@pytest.mark.parametrize("name", ["a/b", "..", "y.onnx", "/w"])
def test_a_name_for_weights_that_is_none(refuses: Refuses, home: Path, name: str) -> None:
    del home
    refuses(
        f"{CONVERT} -o y.onnx --external-data-name {name}",
        code=2,
        message=f"'{name}' cannot be the name of the file of weights beside y.onnx",
        hint="the two stand in one folder: give another name, without a folder",
    )


@pytest.mark.parametrize("name", ["..y.onnx", "a..b.onnx", "y...", "y."])
def test_a_model_with_two_dots_in_a_row(qconv: Qconv, home: Path, name: str) -> None:
    before = {*home.iterdir()}
    for options in ("", "-f"):
        said = qconv(f"{CONVERT} -o {name} --external-data always {options}")
        assert said.code == 0, said.err
        assert len({*home.iterdir()} - before) == 2
        onnx.checker.check_model(str(home / name))


def test_a_name_for_weights_with_two_dots_in_a_row(refuses: Refuses, home: Path) -> None:
    del home
    refuses(
        f"{CONVERT} -o y.onnx --external-data-name a..data",
        code=2,
        message="'a..data' cannot be the name of a file of weights: ONNX does not allow two dots "
        "in a row",
    )


def test_one_name_for_the_weights_of_two_models(refuses: Refuses, home: Path) -> None:
    (home / "out").mkdir()
    refuses(
        f"{CONVERT} --dtype bf16 -o out --external-data-name w",
        code=2,
        message="--external-data-name is for one --dtype only",
    )
