"""all-MiniLM-L6-v2 in INT8 whose inputs are quantized at run time."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

import qconv
from benchmarks.sentences import cosines, dev_pairs, spearman
from qconv.recipe.settings import DynamicSettings
from qconv.runtime.audit import audit_fusion


def test_similarity_of_sentences(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "all-minilm-l6-v2"
    model = folder / "model.onnx"
    conversion = qconv.convert(model, tmp_path / "d.onnx", settings=DynamicSettings())
    assert conversion.size_bytes < 23.1e6
    audit = audit_fusion(conversion.path)
    assert audit.by_op["MatMulInteger"] == (36, 36)
    batches, scores = dev_pairs(folder, step=3)
    exact, found = (
        spearman(cosines(ort.InferenceSession(path), batches), scores)
        for path in (model, conversion.path)
    )
    assert abs(exact - found) <= 0.003
