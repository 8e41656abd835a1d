"""What outputs hold is told by names and numbers, or by the user."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qconv.errors import UsageError
from qconv.evaluation.output_kinds import is_distribution, output_kinds
from qconv.runtime.runner import Port

R = np.random.default_rng(0)
LOGITS = R.normal(size=(3, 5)).astype(np.float32)
POWERS = np.exp(LOGITS)
SHARES = POWERS / POWERS.sum(axis=1, keepdims=True)


def port(name: str, rank: int, kind: str = "tensor(float)") -> Port:
    return Port(name, kind, (None,) * rank)


def kind_of(name: str, array: NDArray[np.generic], *inputs: Port) -> str:
    kind = "tensor(float16)" if array.dtype == np.float16 else "tensor(float)"
    outputs = [port(name, array.ndim, kind)]
    return output_kinds(inputs, outputs, {name: array}, {})[name]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (SHARES, True),
        (np.log(SHARES), True),
        (SHARES.astype(np.float16), True),
        (np.eye(4, dtype=np.float32), True),
        (LOGITS, False),
        (SHARES * 1.01, False),
        (-SHARES, False),
        (np.ones((3, 1), np.float32), False),
        (np.zeros((0, 5), np.float32), False),
        (np.full((2, 2), np.nan, np.float32), False),
    ],
)
def test_probabilities_and_their_logarithms(array: NDArray[np.generic], expected: bool) -> None:
    assert is_distribution(array) is expected


@pytest.mark.parametrize(
    ("given", "gives", "expected"),
    [
        ("state", "stateN", "state"),
        ("h", "hn", "state"),
        ("h0", "h0_out", "state"),
        ("past_key_values.0.key", "present.0.key", "state"),
        ("past.0.key", "present.0.key", "state"),
        ("input", "output", "vector"),
        ("x", "y", "vector"),
        ("key", "keys_of_all", "vector"),
    ],
)
def test_a_state_is_named_after_its_input(given: str, gives: str, expected: str) -> None:
    assert kind_of(gives, LOGITS, port(given, 2)) == expected
    assert kind_of(gives, LOGITS, port(given, 3)) == "vector"
    assert kind_of(gives, LOGITS, port(given, 2, "tensor(int64)")) == "vector"


def test_boxes_maps_and_vectors() -> None:
    assert kind_of("pred_boxes", LOGITS[:, :4]) == "boxes"
    assert kind_of("loc", LOGITS[None, :, :4]) == "boxes"
    assert kind_of("y", LOGITS[:, :4]) == "vector"
    assert kind_of("boxes", LOGITS) == "vector"
    assert kind_of("mask", LOGITS[None, None]) == "map"
    assert kind_of("attention", SHARES[None, None]) == "classes"


def test_the_user_knows_better() -> None:
    outputs, arrays = [port("y", 2), port("z", 2)], {"y": LOGITS, "z": SHARES}
    found = output_kinds([], outputs, arrays, {"y": "classes", "z": "vector"})
    assert found == {"y": "classes", "z": "vector"}
    with pytest.raises(
        UsageError, match="names 'zz', which is not an output of the model"
    ) as caught:
        output_kinds([], outputs, arrays, {"zz": "map"})
    assert caught.value.hint == "did you mean 'z'?"
