"""A data source: ``--data csv_rows:table.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def csv_rows(text: str) -> Sequence[dict[str, NDArray[np.float32]]]:
    """Return one sample for each row of a CSV file, whose first row names the model's input."""
    with Path(text).open(newline="", encoding="utf-8") as file:
        (name, *_), *rows = csv.reader(file)
    return [{name: np.array([row], np.float32)} for row in rows]
