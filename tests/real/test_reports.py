"""The report of EfficientNet-Lite0: its page, its lint beside the emulation of the kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import qconv
from benchmarks.emulation import Emulator
from benchmarks.saturation import disagreements
from qconv.evaluation.portability import integer_rows, layer_risks
from qconv.graph.model_io import read_model
from qconv.graph.prepare import normalize
from qconv.reporting.html.page import to_html
from qconv.runtime.machine import has_vnni
from tests.real.conftest import EfficientNet
from tests.report_cases import MADE

FORMS = {
    "pairs": qconv.Int8Settings(),
    "reduced": qconv.Int8Settings(reduce_range=True),
    "free": qconv.Int8Settings(portable=False),
}


@pytest.fixture(scope="module")
def folder(efficientnet: EfficientNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reports")
    qconv.calibrate(
        efficientnet.model, data=[str(efficientnet.calibration)], output=place / "r.qcal"
    )
    for form, settings in FORMS.items():
        qconv.convert(
            efficientnet.model,
            place / f"{form}.onnx",
            calibration=place / "r.qcal",
            settings=settings,
        )
    return place


@pytest.mark.parametrize(("form", "safe"), [("pairs", True), ("reduced", True), ("free", False)])
def test_the_lint_agrees_with_the_emulation_on_every_layer(
    folder: Path, form: str, safe: bool
) -> None:
    model = normalize(read_model(folder / f"{form}.onnx"))
    risks = list(layer_risks(model))
    assert len(risks) == 34  # 49 convolutions without the 16 depthwise ones, and one product
    for risk, (_, rows) in zip(risks, integer_rows(model), strict=True):
        assert disagreements(rows) == risk.risky, risk.name
        assert (risk.risky == 0) is safe, risk.name


@pytest.mark.parametrize("form", list(FORMS))
def test_the_emulation_gives_the_runtimes_bits_on_every_operator(
    folder: Path, form: str, efficientnet: EfficientNet
) -> None:
    image = np.load(efficientnet.test)["images"][:1]
    emulator = Emulator(folder / f"{form}.onnx", saturating=has_vnni() is False)
    for node, read, given in emulator.values({"images": image}):
        for mine, real in zip(given, emulator.runtime(node, read), strict=True):
            np.testing.assert_array_equal(mine, real, err_msg=str(node.name))


def test_the_page_has_every_plot_and_is_small(folder: Path, efficientnet: EfficientNet) -> None:
    for dtype, settings in (
        ("fp16", qconv.HalfSettings("fp16")),
        ("int4", qconv.WeightOnlySettings(dtype="int4")),
    ):
        qconv.convert(efficientnet.model, folder / f"{dtype}.onnx", settings=settings)
    report = qconv.report(
        efficientnet.model,
        [folder / f"{name}.onnx" for name in ("pairs", "fp16", "int4")],
        data=[str(efficientnet.calibration)],
        fail_if=["top1_drop > 0.5 with 95%"],
        runs=10,
        details=True,
    )
    int8 = report.variants[0]
    assert [tensor.kind for tensor in int8.histograms] == ["activation"] * 4 + ["weight"] * 4
    assert len(int8.ranges) == 50
    page = to_html(report, MADE)
    assert page.count("<svg") >= 2 + 10
    assert len(page.encode()) <= 400_000
