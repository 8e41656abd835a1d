"""Gates with a confidence on resampled sets of 200 images: how often chance alone fails them."""

import numpy as np
import pytest

from qconv.reporting.pairing import Pairing

SETS, IMAGES = 1000, 200


def failures(lost: float, gained: float, threshold: float) -> float:
    """Share of the sets, in percent, in which ``top1_drop > threshold with 95%`` is true.

    ``lost`` and ``gained`` are the shares, in percent, of all images.
    """
    shares = np.array([lost, gained, 100 - lost - gained]) / 100
    counts = np.random.default_rng(7).multinomial(IMAGES, shares, SETS)
    drops = [Pairing.of(IMAGES, int(a), int(b)).limit(95, "low") for a, b, _ in counts]
    return 100 * float(np.mean(np.array(drops) > threshold))


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (0.5, 0.5), (1, 1), (3, 3), (6, 6)])
def test_an_unchanged_model_rarely_fails(lost: float, gained: float) -> None:
    assert failures(lost, gained, 0.0) <= 6.5  # 5 %, and two standard errors of 1,000 sets


def test_without_a_confidence_it_would_flap() -> None:
    counts = np.random.default_rng(7).multinomial(IMAGES, [0.01, 0.01, 0.98], SETS)
    assert np.mean((counts[:, 0] - counts[:, 1]) / IMAGES > 0.004) > 0.25


@pytest.mark.parametrize("gained", [0, 0.25])
def test_a_drop_of_five_points_is_seen(gained: float) -> None:
    assert failures(5 + gained, gained, 0.5) >= 90
