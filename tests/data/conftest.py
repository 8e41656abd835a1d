"""A folder of its own for each test of .npz files."""

from pathlib import Path

import pytest


@pytest.fixture
def calib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name ``calib.npz`` and nothing else."""
    monkeypatch.chdir(tmp_path)
    return Path("calib.npz")
