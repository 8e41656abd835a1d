import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.reporting.pairing import Pairing, drop_limit, mcnemar, samples_to_decide

counts = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 400)).map(
    lambda three: (sum(three), three[0], three[1])
)
levels = st.floats(51, 99.9)


def exact_mcnemar(lost: int, gained: int) -> Fraction:
    total = lost + gained
    tail = sum(math.comb(total, count) for count in range(min(lost, gained) + 1))
    return min(Fraction(1), 2 * Fraction(tail, 2**total))


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_p_value_is_that_of_the_binomial_tail(lost: int, gained: int) -> None:
    assert mcnemar(lost, gained) == pytest.approx(float(exact_mcnemar(lost, gained)), rel=1e-9)


def test_thousands_of_changed_answers_have_a_p_value() -> None:
    assert mcnemar(50_000, 50_000) == 1
    assert 0 < mcnemar(5_000, 5_600) < 1e-8


@given(counts=counts, level=levels)
def test_the_limits_hold_the_drop_between_them(counts: tuple[int, int, int], level: float) -> None:
    samples, lost, gained = counts
    drop = 100 * (lost - gained) / samples
    assert -100 <= drop_limit(*counts, level, "low") <= drop + 1e-6
    assert drop - 1e-6 <= drop_limit(*counts, level, "high") <= 100


@given(counts=counts, level=levels)
def test_what_is_lost_one_way_is_gained_the_other(
    counts: tuple[int, int, int], level: float
) -> None:
    samples, lost, gained = counts
    mirrored = drop_limit(samples, gained, lost, level, "high")
    assert drop_limit(*counts, level, "low") == pytest.approx(-mirrored, abs=1e-6)


@given(counts=counts, level=st.floats(51, 99))
def test_more_confidence_and_fewer_samples_make_the_interval_wider(
    counts: tuple[int, int, int], level: float
) -> None:
    low = drop_limit(*counts, level, "low")
    assert drop_limit(*counts, level + 0.9, "low") <= low + 1e-6
    samples, lost, gained = counts
    many = drop_limit(100 * samples, 100 * lost, 100 * gained, level, "low")
    assert many >= low - 1e-6


@pytest.mark.parametrize("level", [90, 95, 99])
def test_where_no_answer_changed_the_limit_has_a_closed_form(level: float) -> None:
    """With nothing discordant the score statistic at -d is n d / sqrt(n d (1 - d) + ...)."""
    from statistics import NormalDist

    square = NormalDist().inv_cdf(level / 100) ** 2
    found = drop_limit(200, 0, 0, level, "high")
    assert found == pytest.approx(100 * square / (200 + square), rel=1e-6)


def test_for_many_samples_the_interval_is_that_of_the_normal_approximation() -> None:
    samples, lost, gained = 1_000_000, 30_000, 20_000
    drop = (lost - gained) / samples
    deviation = math.sqrt(((lost + gained) / samples - drop**2) / samples)
    found = drop_limit(samples, lost, gained, 97.5, "low")
    assert found == pytest.approx(100 * (drop - 1.959964 * deviation), abs=1e-3)


def coverage(samples: int, share_lost: float, share_gained: float, level: float) -> float:
    """Return how often the lower limit is below the true drop, summed over all outcomes."""
    drop, rest = 100 * (share_lost - share_gained), 1 - share_lost - share_gained
    covered = 0.0
    for lost in range(samples + 1):
        for gained in range(samples + 1 - lost):
            if drop_limit(samples, lost, gained, level, "low") > drop:
                continue
            ways = math.comb(samples, lost) * math.comb(samples - lost, gained)
            covered += (
                ways * share_lost**lost * share_gained**gained * rest ** (samples - lost - gained)
            )
    return covered


@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.2, 0.05)])
def test_the_limit_is_below_the_true_drop_as_often_as_it_says(
    shares: tuple[float, float],
) -> None:
    assert coverage(30, *shares, 95) == pytest.approx(0.95, abs=0.025)


def test_a_pairing_knows_its_interval_and_p_value() -> None:
    pairing = Pairing.of(200, 12, 2)
    assert (pairing.samples, pairing.lost, pairing.gained) == (200, 12, 2)
    assert pairing.low == drop_limit(200, 12, 2, 97.5, "low") == pytest.approx(1.561, abs=1e-3)
    assert pairing.high == pytest.approx(9.342, abs=1e-3)
    assert pairing.p_value == pytest.approx(float(exact_mcnemar(12, 2)))
    assert pairing.limit(95, "low") > pairing.low


@pytest.mark.parametrize(("lost", "gained"), [(5, 3), (0, 0), (9, 1), (3, 9)])
def test_the_number_of_samples_that_decides_decides(lost: int, gained: int) -> None:
    pairing = Pairing.of(200, lost, gained)
    needed = samples_to_decide(pairing, 0.5, 95)
    assert needed is not None

    def decided(samples: float) -> bool:
        scaled = (samples, samples * lost / 200, samples * gained / 200)
        return drop_limit(*scaled, 95, "low") > 0.5 or drop_limit(*scaled, 95, "high") < 0.5

    assert decided(needed)
    assert not decided(0.85 * needed)
    assert str(needed).rstrip("0") == str(needed)[:2].rstrip("0")


def test_no_number_of_samples_tells_a_drop_from_itself() -> None:
    assert samples_to_decide(Pairing.of(200, 3, 1), 1.0, 95) is None
