"""What is written where neither a BLAS nor the processor decides: the same bytes as ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import pytest

from qconv.pipeline import convert
from qconv.recipe.settings import HalfSettings, Settings, WeightOnlySettings

MODELS = Path(__file__).parents[2] / "sample_models"
SETTINGS: dict[str, Settings] = {
    "fp16": HalfSettings("fp16"),
    "bf16 storage": HalfSettings("bf16", storage_only=True),
    "int8 to nearest": WeightOnlySettings("int8", algorithm="rtn", embeddings="float"),
    "int4 to nearest": WeightOnlySettings("int4", algorithm="rtn"),
}
WRITTEN = {
    ("digits_cnn", "fp16"): "e360adbd04569f62",
    ("digits_cnn", "bf16 storage"): "fbfa1035fd2cd222",
    ("digits_cnn", "int8 to nearest"): "9e19a0620b705039",
    ("digits_cnn", "int4 to nearest"): "b6f1e8aae0c4f374",
    ("language_id", "fp16"): "40fa4d4028701058",
    ("language_id", "bf16 storage"): "538b987f07c9fa9a",
    ("language_id", "int8 to nearest"): "006f9311f70582a9",
    ("language_id", "int4 to nearest"): "5c99ed3157e66f2a",
}


@pytest.mark.parametrize(("model", "name"), WRITTEN)
def test_the_same_bytes(model: str, name: str, tmp_path: Path) -> None:
    """A change of a hash is a change of files: it has to be meant, and told in the changelog."""
    output = tmp_path / "out.onnx"
    convert(MODELS / model / "model.onnx", output, settings=SETTINGS[name])
    assert content_hash(output) == WRITTEN[model, name]


def content_hash(path: Path) -> str:
    """Return a hash of a model without its metadata, which quote versions."""
    model = onnx.load(path)
    del model.metadata_props[:]
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()[:16]
