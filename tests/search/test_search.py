"""Choices on made-up landscapes whose optimum is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.search.blocks import parted, prefixes, suffixes
from qconv.search.front import Point, best_within, cheapest, pareto_front
from qconv.search.knapsack import Unit, best_choices
from qconv.search.neighbours import Change, promising

numbers = st.floats(-2, 10).filter(lambda number: number == 0 or abs(number) > 0.01)
units_of = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8)


def _units(pairs: list[tuple[float, float]]) -> list[Unit]:
    return [Unit(str(i), cost, gain) for i, (cost, gain) in enumerate(pairs)]


def _sums(units: list[Unit], chosen: frozenset[str]) -> tuple[float, float]:
    own = [unit for unit in units if unit.name in chosen]
    return sum(unit.cost for unit in own), sum(unit.gain for unit in own)


def _subsets(units: list[Unit]) -> list[frozenset[str]]:
    names = [unit.name for unit in units]
    return [
        frozenset(each)
        for size in range(len(names) + 1)
        for each in itertools.combinations(names, size)
    ]


@given(pairs=units_of, share=st.floats(0, 1))
def test_no_choice_within_the_budget_gains_more(
    pairs: list[tuple[float, float]], share: float
) -> None:
    units = _units(pairs)
    budget = share * sum(unit.cost for unit in units if unit.cost > 0)
    (chosen,) = best_choices(units, [budget])
    cost, gain = _sums(units, chosen)
    paid = _sums(units, frozenset(unit.name for unit in units if unit.cost > 0))[0]
    assert (
        sum(unit.cost for unit in units if unit.name in chosen and unit.cost > 0) <= budget + 1e-9
    )
    smaller = budget - len(units) * paid / 100_000
    rivals = [
        each
        for each in _subsets(units)
        if sum(unit.cost for unit in units if unit.name in each and unit.cost > 0) <= smaller
    ]
    assert all(gain >= _sums(units, each)[1] - 1e-9 for each in rivals)
    assert cost <= budget + 1e-9


def test_the_whole_front_is_within_three_percent_of_the_true_one() -> None:
    """Twelve units whose errors do not quite add up, and all their 4,096 choices."""
    random = np.random.default_rng(0)
    costs, gains = random.uniform(0.2, 3, 12), random.exponential(1, 12)
    units = [Unit(str(i), *pair) for i, pair in enumerate(zip(costs, gains, strict=True))]
    together = random.normal(0, 0.005, (12, 12))

    def loss(chosen: frozenset[str]) -> float:
        left = np.array([unit.name not in chosen for unit in units], float)
        return float(0.5 + left @ gains + left @ together @ left)

    true = [(_sums(units, each)[0], loss(each)) for each in _subsets(units)]
    budgets = np.linspace(0, costs.sum(), 40)
    for budget, chosen in zip(budgets, best_choices(units, list(budgets)), strict=True):
        best = min(own for cost, own in true if cost <= budget)
        assert loss(chosen) <= 1.03 * best


def test_plans_beside_a_front_bring_it_closer_to_the_true_one() -> None:
    """Ten units whose errors add up badly, and all their 1,024 choices."""
    random = np.random.default_rng(3)
    costs, gains = random.uniform(0.2, 3, 10), random.exponential(1, 10)
    together = np.abs(random.normal(0, 0.12, (10, 10)))
    names = [str(index) for index in range(10)]

    def point(dear: frozenset[str]) -> Point:
        left = np.array([name not in dear for name in names], float)
        loss = float(0.2 + left @ gains + left @ together @ left)
        return Point(dear, float(costs @ (1 - left)), loss)

    true = pareto_front(point(each) for each in _subsets([Unit(n, 1, 1) for n in names]))
    alone = [point(frozenset(names) - {name}).loss - point(frozenset(names)).loss for name in names]
    units = [Unit(*each) for each in zip(names, costs, alone, strict=True)]
    budgets = list(np.linspace(0, costs.sum(), 12))
    front = pareto_front(point(each) for each in (frozenset(), *best_choices(units, budgets)))
    changes = [Change(frozenset({unit.name}), unit.cost, unit.gain) for unit in units]
    before = _behind(front, true)
    for _ in range(3):
        front = pareto_front([*front, *map(point, promising(front, changes, 24))])
    assert before > 1.1
    assert _behind(front, true) < 1.03


def _behind(front: list[Point], true: list[Point]) -> float:
    """How much more a front loses than the true one, at worst."""
    found = [best_within(front, each.cost) for each in true]
    return max(
        mine.loss / each.loss for mine, each in zip(found, true, strict=True) if mine is not None
    )


def test_only_plans_that_should_beat_the_front_are_promising() -> None:
    front = [Point(frozenset(), 0, 10), Point(frozenset({"a"}), 4, 5)]
    changes = [Change(frozenset({name}), *each) for name, each in (
        ("a", (4, 5)), ("b", (3, 6)), ("c", (5, 1)), ("d", (1, 0)),
    )]  # fmt: skip
    assert promising(front, changes, 9) == [{"a", "b"}, {"b"}, {"a", "c"}]
    assert promising(front, changes, 1) == [{"a", "b"}]
    assert promising([], changes, 9) == []


def test_units_that_cost_nothing_are_taken_and_those_that_gain_nothing_are_not() -> None:
    units = [
        Unit("free", -1, 1),
        Unit("useless", 1, 0),
        Unit("harmful", -1, -1),
        Unit("paid", 1, 1),
    ]
    assert best_choices(units, [0, 1, float("inf")]) == [
        {"free"},
        {"free", "paid"},
        {"free", "paid"},
    ]
    assert best_choices([], [1]) == [frozenset()]


def _point(cost: float, loss: float) -> Point:
    return Point(frozenset({f"{cost}/{loss}"}), cost, loss)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_no_point_of_the_front_is_beaten(pairs: list[tuple[int, int]]) -> None:
    points = [_point(*pair) for pair in pairs]
    front = pareto_front(points)
    for mine in front:
        assert not any(
            other.cost <= mine.cost
            and other.loss <= mine.loss
            and (other.cost, other.loss) != (mine.cost, mine.loss)
            for other in points
        )
    for other in points:
        assert any(mine.cost <= other.cost and mine.loss <= other.loss for mine in front)


@pytest.mark.parametrize("needed", range(12))
def test_the_cheapest_that_passes_is_found_in_few_questions(needed: int) -> None:
    front = [_point(cost, 10 - cost) for cost in range(10)]
    asked = []

    def passes(point: Point) -> bool:
        asked.append(point)
        return point.cost >= needed

    found = cheapest(front, passes)
    assert (None if found is None else found.cost) == (needed if needed < 10 else None)
    assert len(asked) <= 6
    assert cheapest([], passes) is None


def test_a_point_that_passes_by_luck_does_not_count() -> None:
    front = [_point(cost, 10 - cost) for cost in range(12)]
    passing = {0, 2, 3, 5, 6, 7, 8, 9, 10, 11}

    def found(confirmed: int) -> Point | None:
        return cheapest(front, lambda point: point.cost in passing, confirmed)

    assert found(0) == front[0]
    assert found(1) == front[2]
    assert found(2) == front[5]
    assert cheapest(front, lambda point: point.cost < 11, 2) is None


def test_the_best_within_a_budget() -> None:
    front = [_point(cost, 10 - cost) for cost in range(10)]
    assert best_within(front, 4.5) == front[4]
    assert best_within(front, -1) is None


def test_runs_of_neighbours() -> None:
    assert parted("abcdefg", 3) == [("a", "b"), ("c", "d", "e"), ("f", "g")]
    assert parted("ab", 5) == [("a",), ("b",)]
    assert parted("", 5) == []
    runs = parted("abcdef", 3)
    assert prefixes(runs) == [set("ab"), set("abcd")]
    assert suffixes(runs) == [set("ef"), set("cdef")]
