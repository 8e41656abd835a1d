"""Real models and data; the folder that holds them is named by the variable QCONV_DATA."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.efficientnet_data import write


@dataclass(frozen=True)
class EfficientNet:
    """The model, and the data of its protocol as the benchmarks cut them."""

    model: Path
    calibration: Path
    test: Path
    all: Path


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = os.environ.get("QCONV_DATA")
    if not folder:
        raise pytest.UsageError("QCONV_DATA does not say where the real models are")
    return Path(folder)


@pytest.fixture(scope="session")
def efficientnet(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> EfficientNet:
    folder = data_folder / "efficientnet-lite0"
    out = tmp_path_factory.mktemp("efficientnet-lite0")
    write(folder, out)
    return EfficientNet(
        folder / "model.onnx", out / "calibration.npz", out / "test.npz", out / "all.npz"
    )
