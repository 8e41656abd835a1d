"""Pictures in a folder, and how the tests read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qconv.data import ImageOptions, Sample, TensorSpec, open_data
from qconv.errors import DataError, UnsupportedError, UsageError
from tests.data.data_helpers import drain, refusal, spec

RAW = ImageOptions(mean=0, std=1)


def model(height: int | str = 4, width: int | str = 4, dtype: str = "float32") -> TensorSpec:
    return spec("images", ("batch", 3, height, width), dtype)


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, array: NDArray[np.generic]) -> None:
    Image.fromarray(array).save(path)


def read(spec_: TensorSpec, options: ImageOptions | None = RAW) -> list[Sample]:
    return drain(open_data(["pics"], [spec_], images=options))


def one(spec_: TensorSpec, options: ImageOptions | None = RAW) -> NDArray[np.generic]:
    (sample,) = read(spec_, options)
    return sample.feeds[spec_.name]


def refused(
    kind: type[DataError | UsageError | UnsupportedError],
    *inputs: TensorSpec,
    options: ImageOptions | None = RAW,
) -> tuple[str, str | None]:
    return refusal(kind, lambda: drain(open_data(["pics"], inputs, images=options)))
