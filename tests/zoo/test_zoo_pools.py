"""Pools of every kind between convolutions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.zoo_helpers import NO_KERNEL, SAME, Case, check

A = f"a = Conv{SAME}(x, w, b)"
R = f"{A} r = Relu(a)"
NEXT = f"y = Conv{SAME}(s, w2, b2)"


def pool(node: str, **stated: object) -> Case:
    return Case(f"{A} s = {node} {NEXT}", **stated)  # type: ignore[arg-type]


POOLS = {
    "max": pool("MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(a)"),
    "max, ceiling": pool(
        "MaxPool<kernel_shape = [2, 2], dilations = [2, 2], strides = [2, 2], ceil_mode = 1>(a)"
    ),
    "max, same": pool(
        'MaxPool<kernel_shape = [3, 3], strides = [2, 2], auto_pad = "SAME_UPPER">(a)'
    ),
    "max behind a pad": Case(
        f"{R} p = Pad(r, i) s = MaxPool<kernel_shape = [3, 3], strides = [2, 2]>(p) {NEXT}",
        "int64[8] i = {0, 0, 1, 1, 0, 0, 1, 1}",
    ),
    "max behind a pad, negative data": Case(
        f"{A} p = Pad(a, i) s = MaxPool<kernel_shape = [3, 3], strides = [2, 2]>(p) {NEXT}",
        "int64[8] i = {0, 0, 1, 1, 0, 0, 1, 1}",
        kept={
            "Pad": f"{NO_KERNEL} Pad",
            "MaxPool": "it reads the output of Pad, which is in float",
        },
    ),
    "max with indices": Case(
        f"{A} s, y = MaxPool<kernel_shape = [2, 2]>(a) z = Conv{SAME}(s, w2, b2)",
        outputs="int64[M, 8, O, P] y, float[M, 8, K, L] z",
        kept={"MaxPool": "its second output is used, which the integer kernel does not give"},
        misses=[("MaxPool", "its output is also an output of the model")],
        least=20,
    ),
    "average": pool("AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(a)"),
    "average, pads left out": pool("AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(a)"),
    "average, pads counted": pool(
        "AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1>(a)"
    ),
    "average, ceiling": pool(
        "AveragePool<kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1>(a)"
    ),
    "average, ceiling, pads counted": pool(
        "AveragePool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], "
        "ceil_mode = 1, count_include_pad = 1>(a)"
    ),
    "global average": pool("GlobalAveragePool(a)"),
    "global maximum": pool(
        "GlobalMaxPool(a)", kept={"GlobalMaxPool": f"{NO_KERNEL} GlobalMaxPool"}
    ),
    "maximum of the axes": pool("ReduceMax<axes = [2, 3]>(a)"),
    "mean of the axes": pool("ReduceMean<axes = [3, -2]>(a)"),
    "at the end": Case(f"{R} y = MaxPool<kernel_shape = [2, 2]>(r)"),
    "mean at the end": Case(
        f"{R} y = ReduceMean<axes = [2, 3], keepdims = 0>(r)", outputs="float[M, 8] y"
    ),
    "mean of an axis at the end": Case(
        f"{R} y = ReduceMean<axes = [2]>(r)", kept={"ReduceMean": f"{NO_KERNEL} ReduceMean"}
    ),
    "three axes": Case(
        "a = Conv(x, k) p = MaxPool<kernel_shape = [2, 2, 2]>(a) "
        "q = AveragePool<kernel_shape = [2, 2, 2]>(a) s = Add(p, q) t = GlobalAveragePool(s) "
        "y = Conv(t, k)",
        "float[4, 4, 1, 1, 1] k",
        "float[N, 4, H, W, H] x",
        "float[M, 4, K, L, O] y",
    ),
    "one axis": Case(
        "a = Conv(x, k) p = MaxPool<kernel_shape = [2]>(a) q = AveragePool<kernel_shape = [2]>(a) "
        "s = Add(p, q) t = GlobalAveragePool(s) y = Conv(t, k)",
        "float[4, 4, 1] k",
        "float[N, 4, H] x",
        "float[M, 4, K] y",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POOLS)
def test_pools(tmp_path: Path, name: str) -> None:
    check(POOLS[name], tmp_path)


def test_a_mean_of_rows_is_no_pool(tmp_path: Path) -> None:
    case = Case(
        "h = MatMul(x, m) y = ReduceMean<axes = [1], keepdims = 0>(h)",
        "float[16, 8] m",
        "float[N, T, 16] x",
        "float[N, 8] y",
        kept={"ReduceMean": f"{NO_KERNEL} ReduceMean"},
    )
    assert check(case, tmp_path).quantized == ["MatMul"]
