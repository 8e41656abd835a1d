"""Factors of groups of channels: what they depend on, and what they gain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qconv.algorithms.channel_noise import WeightSummary
from qconv.algorithms.equalization import Activation, Layer, Net, equalize_groups

CHANNELS = 16


def _net(seed: int, *, shared: bool, dead: int = 0) -> Net:
    """Return three layers in a row with a group of values between each two; weights are random."""
    random = np.random.default_rng(seed)
    activations, layers = {}, {}
    for group in (0, 1):
        high = random.uniform(0.5, 2, CHANNELS)
        high[:dead] = 0
        activations[f"v{group}"] = Activation(0 * high, high, high**2 / 9, 255, group)
    for index in range(3):
        layers[f"l{index}"] = Layer(
            weight=WeightSummary.of(random.standard_normal((1, CHANNELS, CHANNELS, 9)) / 12),
            rounded=True,
            source=f"v{index - 1}" if index else "x",
            squares=1.0,
            read=index - 1 if index else None,
            upstream=frozenset({f"v{index - 1}"} if index else ()),
            given=index if index < 2 else None,
            output=f"v{index}",
        )
    return Net(layers, activations, 127, shared)


def _hard(net: Net, seed: int) -> tuple[Net, dict[int, np.ndarray]]:
    random = np.random.default_rng(seed)
    scales = {group: 10 ** random.uniform(-1.5, 1.5, CHANNELS) for group in (0, 1)}
    for group, factors in scales.items():
        net = net.divided(group, factors)
    return net, scales


SIZES = {0: CHANNELS, 1: CHANNELS}


@settings(max_examples=20)
@given(st.integers(0, 1000), st.booleans(), st.integers(0, 3))
def test_the_result_does_not_depend_on_how_the_net_was_scaled(
    seed: int, shared: bool, dead: int
) -> None:
    net = _net(seed, shared=shared, dead=dead)
    hard, scales = _hard(net, seed)
    plain, undone = equalize_groups(net, SIZES), equalize_groups(hard, SIZES)
    for group, factors in scales.items():
        ratio = undone[group].factors * factors / plain[group].factors
        np.testing.assert_allclose(ratio / ratio[-1], 1, rtol=1e-3)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_a_hard_net_gains_and_an_even_one_hardly(seed: int, shared: bool) -> None:
    net = _net(seed, shared=shared)
    hard, _ = _hard(net, seed)
    even, uneven = equalize_groups(net, SIZES), equalize_groups(hard, SIZES)
    assert even.keys() == uneven.keys() == SIZES.keys()
    assert all(found.gain_db < 6 for found in even.values())
    assert all(found.gain_db > 10 for found in uneven.values())


def test_channels_without_data_are_scaled_by_the_weights_that_give_them() -> None:
    net, scales = _hard(_net(3, shared=True, dead=4), 5)
    equalized = equalize_groups(net, SIZES)
    assert equalized.keys() == SIZES.keys()
    for group, found in equalized.items():
        even = found.factors * scales[group]
        assert even.max() / even.min() < 30


@pytest.mark.parametrize("groups", [1, 4, 64])
@pytest.mark.parametrize("shared", [False, True])
def test_the_noise_of_a_rounded_weight_is_what_it_is(groups: int, shared: bool) -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((groups, 64 // groups, 64 // groups, 25))
    squares = random.uniform(0.1, 2, 64)
    summary = WeightSummary.of(weight)
    found = summary.from_rounding(squares, summary.steps(127, shared=shared))
    peaks = np.abs(weight).max(axis=(2, 3), keepdims=True)
    step = (peaks.max() if shared else peaks) / 127
    error = np.rint(weight / step) * step - weight
    met = np.square(error) * squares.reshape(groups, 1, -1, 1)
    assert found.sum() == pytest.approx(met.sum(), rel=0.2)


def test_scaling_a_weight_is_scaling_its_numbers() -> None:
    weight = np.random.default_rng(0).standard_normal((2, 3, 4, 9))
    inputs, outputs = np.linspace(1, 8, 8), np.linspace(1, 2, 6)
    scaled = WeightSummary.of(weight).scaled(inputs, outputs)
    expected = WeightSummary.of(weight * inputs.reshape(2, 1, 4, 1) / outputs.reshape(2, 3, 1, 1))
    np.testing.assert_allclose(scaled.peaks, expected.peaks)
    np.testing.assert_allclose(scaled.energies, expected.energies)
