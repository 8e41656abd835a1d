import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from qconv.numerics import metrics
from qconv.numerics.metrics import Agreement, Cosine, KlDivergence, Sqnr, TopK

Array = NDArray[np.generic]
Rows = NDArray[np.float32]

scores = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6),
    elements=st.floats(-50, 50, width=32),
)
"""Scores ``[batch, classes]`` or ``[batch, positions, classes]``."""


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Rows, Rows]:
    reference = draw(scores)
    noise = draw(hnp.arrays(np.float32, reference.shape, elements=st.floats(-1, 1, width=32)))
    return reference, reference + noise


def f32(values: object) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def measured(kind: type, reference: Array, variant: Array) -> float:
    metric = kind()
    metric.update(reference, variant)
    return float(metric.result)


PAIR_METRICS = [Sqnr, Cosine, KlDivergence, Agreement]


@pytest.mark.parametrize("kind", PAIR_METRICS)
@given(pair=pairs(), cut=st.integers(0, 6))
def test_how_rows_are_grouped_into_feeds_does_not_matter(
    kind: type, pair: tuple[Rows, Rows], cut: int
) -> None:
    reference, variant = pair
    parts = kind()
    for rows in (slice(0, cut), slice(cut, None)):
        parts.update(reference[rows], variant[rows])
    assert parts.result == pytest.approx(measured(kind, reference, variant), abs=1e-9)


@pytest.mark.parametrize("kind", PAIR_METRICS)
@given(pair=pairs())
def test_how_arrays_are_cut_into_chunks_does_not_matter(
    kind: type, pair: tuple[Rows, Rows]
) -> None:
    whole = measured(kind, *pair)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_CHUNK", 3)
        assert measured(kind, *pair) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "perfect"), [(Sqnr, math.inf), (Cosine, 1), (KlDivergence, 0), (Agreement, 100)]
)
@given(reference=scores)
def test_a_model_beside_itself_is_perfect(kind: type, perfect: float, reference: Rows) -> None:
    assert measured(kind, reference, reference.copy()) == pytest.approx(perfect, abs=1e-12)


@pytest.mark.parametrize("kind", PAIR_METRICS)
def test_nothing_measured_is_nan_and_not_a_good_number(kind: type) -> None:
    assert math.isnan(kind().result)
    assert math.isnan(measured(kind, np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)))


@pytest.mark.parametrize("kind", PAIR_METRICS)
def test_arrays_of_two_shapes_are_refused(kind: type) -> None:
    with pytest.raises(ValueError, match=r"shapes \(1, 4\) and \(1, 5\) differ"):
        measured(kind, np.zeros((1, 4), np.float32), np.zeros((1, 5), np.float32))


class TestSqnr:
    def test_is_the_ratio_of_the_energies_in_decibels(self) -> None:
        reference = np.array([[3.0, 4.0]], np.float32)
        assert measured(Sqnr, reference, reference + f32([[0.5, 0.0]])) == pytest.approx(
            10 * math.log10(25 / 0.25)
        )

    def test_sums_over_the_whole_set_and_does_not_average_feeds(self) -> None:
        metric = Sqnr()
        metric.update(f32([[10.0]]), f32([[9.0]]))
        metric.update(f32([[1.0]]), f32([[0.0]]))
        assert metric.result == pytest.approx(10 * math.log10(101 / 2))

    @given(pair=pairs(), exponent=st.integers(-20, 20))
    def test_scale_does_not_matter(self, pair: tuple[Rows, Rows], exponent: int) -> None:
        reference, variant = (array.astype(np.float64) for array in pair)
        scale = 2.0**exponent
        expected = measured(Sqnr, reference, variant)
        assert measured(Sqnr, scale * reference, scale * variant) == pytest.approx(expected)

    @given(pair=pairs())
    def test_ten_times_the_noise_costs_twenty_decibels(self, pair: tuple[Rows, Rows]) -> None:
        reference, variant = (array.astype(np.float64) for array in pair)
        noise = variant - reference
        assume(np.abs(reference).max() > 1e-3)
        assume(np.abs(noise).max() > 1e-3)
        before = measured(Sqnr, reference, reference + noise)
        assert measured(Sqnr, reference, reference + 10 * noise) == pytest.approx(before - 20)

    def test_float16_and_integers_do_not_overflow(self) -> None:
        large = np.full((1, 1000), 60000, np.float16)
        assert measured(Sqnr, large, large * np.float16(0.5)) == pytest.approx(20 * math.log10(2))
        assert measured(
            Sqnr, np.array([[200]], np.uint8), np.array([[220]], np.uint8)
        ) == pytest.approx(20)
        assert measured(Sqnr, np.array([[True, False]]), np.array([[True, False]])) == math.inf

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_a_broken_variant_is_minus_infinity_for_good_and_counted(self, bad: float) -> None:
        metric = Sqnr()
        good = f32([[1.0, 2.0]])
        metric.update(good, good)
        metric.update(good, f32([[1.0, bad]]))
        metric.update(good, good)
        assert metric.result == -math.inf
        assert metric.broken == 1

    def test_a_number_where_the_reference_has_nan_is_broken(self) -> None:
        assert measured(Sqnr, f32([[np.nan, 1]]), f32([[0, 1]])) == -math.inf
        assert measured(Sqnr, f32([[np.inf, 1]]), f32([[-np.inf, 1]])) == -math.inf

    def test_the_same_mask_in_both_is_no_error(self) -> None:
        masked = f32([[1.0, -np.inf, np.nan]])
        assert measured(Sqnr, masked, masked.copy()) == math.inf
        assert measured(Sqnr, masked, f32([[0.9, -np.inf, np.nan]])) == pytest.approx(20, rel=1e-6)

    def test_a_reference_of_zeros_and_another_variant_is_minus_infinity(self) -> None:
        assert measured(Sqnr, f32([[0.0]]), f32([[0.1]])) == -math.inf

    def test_sums_beyond_float64_are_nan_and_not_a_good_number(self) -> None:
        huge = np.array([[1e200]])
        with np.errstate(over="ignore"):
            assert math.isnan(measured(Sqnr, huge, huge / 2))
            assert math.isnan(measured(Sqnr, huge, huge * (1 - 1e-15)))

    def test_scalars_and_vectors_are_taken(self) -> None:
        assert measured(Sqnr, f32(2.0), f32(1.0)) == pytest.approx(20 * math.log10(2))


class TestCosine:
    def test_is_averaged_over_samples_whatever_their_length(self) -> None:
        reference = f32([[1, 0], [100, 0]])
        variant = f32([[0, 1], [5, 0]])
        assert measured(Cosine, reference, variant) == pytest.approx((0 + 1) / 2)

    def test_a_sample_of_rank_three_is_one_vector(self) -> None:
        reference = f32([[[1, 0], [0, 1]]])
        variant = f32([[[1, 0], [0, 0]]])
        assert measured(Cosine, reference, variant) == pytest.approx(1 / math.sqrt(2))

    @given(reference=scores, factor=st.floats(0.01, 100))
    def test_length_does_not_matter_and_the_opposite_is_minus_one(
        self, reference: Rows, factor: float
    ) -> None:
        wide = reference.astype(np.float64)
        assume((np.abs(wide.reshape(len(wide), -1)).max(axis=1) > 1e-3).all())
        assert measured(Cosine, wide, factor * wide) == pytest.approx(1)
        assert measured(Cosine, wide, -wide) == pytest.approx(-1)

    @given(pair=pairs())
    def test_stays_within_its_bounds(self, pair: tuple[Rows, Rows]) -> None:
        assert -1 <= measured(Cosine, *pair) <= 1

    def test_zeros_are_like_zeros_only(self) -> None:
        zeros, ones = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
        assert measured(Cosine, zeros, zeros) == 1
        assert measured(Cosine, zeros, ones) == 0
        assert measured(Cosine, ones, zeros) == 0

    def test_a_broken_sample_makes_it_nan(self) -> None:
        reference = f32([[1, 2], [3, 4]])
        assert math.isnan(measured(Cosine, reference, f32([[1, 2], [3, np.nan]])))
        assert math.isnan(measured(Cosine, reference, f32([[np.inf, 2], [3, 4]])))

    def test_a_vector_is_one_sample(self) -> None:
        assert measured(Cosine, f32([3, 4]), f32([4, 3])) == pytest.approx(24 / 25)


class TestKlDivergence:
    def test_is_in_nats(self) -> None:
        p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
        expected = float((p * np.log(p / q)).sum())
        assert measured(KlDivergence, np.log([p]), np.log([q])) == pytest.approx(expected)

    def test_every_row_counts_the_same(self) -> None:
        row, other = np.log([0.5, 0.5]), np.log([0.9, 0.1])
        one = measured(KlDivergence, row[None], other[None])
        reference, variant = np.array([[row, row, row]]), np.array([[row, row, other]])
        assert measured(KlDivergence, reference, variant) == pytest.approx(one / 3)

    @given(pair=pairs())
    def test_is_never_negative(self, pair: tuple[Rows, Rows]) -> None:
        assert measured(KlDivergence, *pair) >= 0

    @given(pair=pairs(), shift=st.floats(-100, 100))
    def test_a_constant_on_all_scores_does_not_matter(
        self, pair: tuple[Rows, Rows], shift: float
    ) -> None:
        reference, variant = (array.astype(np.float64) for array in pair)
        expected = measured(KlDivergence, reference, variant)
        assert measured(KlDivergence, reference, variant + shift) == pytest.approx(
            expected, abs=1e-9
        )

    def test_large_scores_do_not_overflow(self) -> None:
        reference = f32([[3e38, 0]])
        assert measured(KlDivergence, reference, reference / 2) == 0

    def test_a_class_that_the_variant_rules_out_is_infinite(self) -> None:
        assert measured(KlDivergence, f32([[0, 0]]), f32([[0, -np.inf]])) == math.inf

    def test_a_class_that_the_reference_rules_out_costs_what_its_share_was(self) -> None:
        reference, variant = f32([[0, -np.inf]]), f32([[0, 0]])
        assert measured(KlDivergence, reference, variant) == pytest.approx(math.log(2))

    def test_rows_masked_alike_are_no_error(self) -> None:
        masked = f32([[-np.inf, -np.inf], [np.nan, 1], [0, -np.inf]])
        assert measured(KlDivergence, masked, masked.copy()) == 0

    def test_a_broken_row_makes_it_nan(self) -> None:
        fine = f32([[1, 2], [3, 4]])
        for bad in (np.nan, np.inf):
            assert math.isnan(measured(KlDivergence, fine, f32([[1, bad], [3, 4]])))
        assert math.isnan(measured(KlDivergence, f32([[np.nan, 1]]), fine[:1]))


class TestAgreement:
    def test_is_a_percentage_of_rows(self) -> None:
        reference = f32([[1, 2], [2, 1], [1, 2], [2, 1]])
        variant = f32([[0, 9], [9, 0], [0, 9], [0, 9]])
        assert measured(Agreement, reference, variant) == 75

    def test_of_equal_scores_the_first_counts(self) -> None:
        assert measured(Agreement, f32([[5, 5]]), f32([[5, 4]])) == 100
        assert measured(Agreement, f32([[5, 5]]), f32([[4, 5]])) == 0

    @pytest.mark.parametrize("variant", [[[np.nan, 0, 1]], [[0, np.nan, 1]], [[0, 1, np.nan]]])
    def test_nan_never_agrees_with_a_number(self, variant: list[list[float]]) -> None:
        reference = f32([[0, 1, 0]])
        assert measured(Agreement, reference, f32(variant)) == 0
        assert measured(Agreement, f32(variant), reference) == 0


class TestTopK:
    @given(
        rows=hnp.arrays(np.float32, (5, 8), elements=st.integers(-3, 3).map(float)),
        labels=st.lists(st.integers(0, 7), min_size=5, max_size=5),
        k=st.integers(1, 8),
    )
    def test_is_the_share_of_labels_among_the_first_k_of_a_stable_sort(
        self, rows: Rows, labels: list[int], k: int
    ) -> None:
        metric = TopK(k)
        for row, label in zip(rows, labels, strict=True):
            metric.update(row, label)
        best = np.argsort(-rows, axis=1, kind="stable")[:, :k]
        hits = sum(label in row for row, label in zip(best, labels, strict=True))
        assert metric.result == pytest.approx(100 * hits / 5)

    def test_a_row_with_nan_is_wrong_even_for_its_label(self) -> None:
        metric = TopK(2)
        metric.update(f32([np.nan, 9, 0]), 1)
        metric.update(f32([np.nan, 9, 0]), 0)
        assert metric.result == 0

    def test_nothing_measured_is_nan(self) -> None:
        assert math.isnan(TopK(1).result)
