"""A decoder as onnxruntime-genai builds it: operators that ONNX does not know, an empty cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.cli.cli_helpers import Qconv
from tests.model_helpers import Array, parse, save

TEXT = """
    (int64[B, S] ids, int64[B, T] mask, float[B, 1, P, 32] past_k, float[B, 1, P, 32] past_v)
    => (float[B, S, 96] logits, float[B, 1, T, 32] k, float[B, 1, T, 32] v)
    <float[96, 64] table, float[64, 128] qkv, float[64, 64] o, float[64, 96] head,
     float[64] s, float[64] f, int64[1] one = {1}, int64 last = {1}> {
        h = Gather(table, ids)
        n = SimplifiedLayerNormalization<axis = -1, epsilon = 0.00001>(h, s)
        p = MatMul(n, qkv)
        r = ReduceSum<keepdims = 0>(mask, one) c = Sub(r, one) lengths = Cast<to = 6>(c)
        t = Shape(mask) g = Gather(t, last) total = Cast<to = 6>(g)
        a, k, v = com.microsoft.GroupQueryAttention<num_heads = 2, kv_num_heads = 1>(
            p, , , past_k, past_v, lengths, total)
        d = MatMul(a, o)
        e = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.00001>(d, h, f)
        logits = MatMul(e, head)
    }"""


def feed(length: int, past: int, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        "ids": random.integers(0, 96, (1, length)),
        "mask": np.ones((1, length + past), np.int64),
        "past_k": random.standard_normal((1, 1, past, 32), np.float32),
        "past_v": random.standard_normal((1, 1, past, 32), np.float32),
    }


@pytest.fixture
def decoder(folder: Path) -> Path:
    """A folder with a decoder and data, with an empty cache and with one that is not."""
    model = parse(TEXT)
    for tensor in model.graph.initializer:
        if tensor.name in ("s", "f"):
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.ones(64, np.float32), tensor.name))
    save(model, folder, "decoder.onnx")
    for name, past in (("empty", 0), ("past", 5)):
        (folder / name).mkdir()
        for index in range(3):
            arrays: dict[str, Any] = feed(4 + index, past, index)
            np.savez(folder / name / f"{index}.npz", **arrays)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        "--dtype int8 --data empty",
        "--dtype int8 --data past --data empty",
        "--dtype int8 --mode dynamic",
        "--dtype int4 --data empty",
        "--dtype fp16 --data empty",
        "--dtype bf16 --storage-only",
    ],
)
def test_every_type_is_written_and_right(decoder: Path, qconv: Qconv, options: str) -> None:
    assert qconv(f"convert decoder.onnx {options} -o made.onnx -q").code == 0
    line = "report decoder.onnx made.onnx --data empty --data past --no-latency -q --fail-if"
    said = qconv(line, f"sqnr_db < {8 if 'int4' in options else 25}")
    assert said.code == 0, said.out
    session = ort.InferenceSession(decoder / "made.onnx")
    assert session.run(["k"], feed(3, 0, 9))[0].shape == (1, 1, 3, 32)


def test_a_computing_bfloat16_is_written(decoder: Path, qconv: Qconv) -> None:
    assert qconv("convert decoder.onnx --dtype bf16 -o made.onnx -q").code == 0
    assert onnx.load(decoder / "made.onnx").graph.node


def test_all_values_are_observed(decoder: Path, qconv: Qconv) -> None:
    line = "calibrate decoder.onnx --data past --data empty --values all -o all.qcal"
    assert "6 samples, histogram of" in qconv(line).out
    assert (decoder / "all.qcal").exists()


def test_it_is_inspected_and_compared(decoder: Path, qconv: Qconv) -> None:
    assert "1 SimplifiedLayerNormalization" in qconv("inspect decoder.onnx").out
    line = "compare decoder.onnx decoder.onnx --data empty --data past --check -q"
    assert qconv(line).code == 0
    assert decoder.exists()
