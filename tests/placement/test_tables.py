"""Which tables are stored in few bits beside integers."""

from __future__ import annotations

from pathlib import Path

from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.placement.requirements import INT8_TABLES
from qconv.placement.stored_tables import place_tables
from qconv.placement.targets.ort_cpu import ORT_CPU
from tests.model_helpers import parse, save

TEXT = """(int64[N] ids, float[N, 32] x) => (float[N, 32] y, float[N, 4] box, float[N, 32] small,
  float[N, 200] logits, float[N, 32] tied, float[N, 32] axis)
<float[200, 32] words, float[400, 4] anchors, float[2, 32] types, float[200, 32] shared,
 float[32, 200] turned, float[32, 400] across> {
  y = Gather(words, ids)
  box = Gather(anchors, ids)
  small = Gather(types, ids)
  tied = Gather(shared, ids)
  t = Transpose(shared)
  logits = MatMul(x, turned)
  a = Gather<axis = 1>(across, ids)
  axis = Transpose(a)
}"""


def test_only_embeddings_are_stored(tmp_path: Path) -> None:
    prepared = prepare(load_model(save(parse(TEXT), tmp_path)).ir)
    plan = place_tables(prepared, ORT_CPU, INT8_TABLES)
    assert [weight.weight for weight in plan.weights] == ["words", "shared", "across"]
    reasons = {node.reason for node in plan.kept_float}
    assert reasons == {
        "its table has rows of fewer than 16 numbers, so it is not an embedding",
        "its weight is too small to save anything",
    }
