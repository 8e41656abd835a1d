"""Files of Hugging Face that lie beside a model."""

from __future__ import annotations

from pathlib import Path


def find_beside(model: Path, name: str) -> Path | None:
    """Return a file beside a model, or above its folder ``onnx/``, if there is one."""
    homes = [model.parent]
    if model.absolute().parent.name == "onnx":
        homes.append(model.absolute().parent.parent)
    return next((home / name for home in homes if (home / name).is_file()), None)
