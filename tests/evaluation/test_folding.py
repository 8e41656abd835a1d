import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.evaluation.folding import Parts, fold

MOST = 60


def chain(kinds: str) -> list[set[int]]:
    return [{node - 1} if node else set() for node in range(len(kinds))]


def folded(kinds: str, sources: Sequence[set[int]], most: int = MOST) -> dict[str, str]:
    """Return what each part holds, as letters, and the kind of it."""
    words = {"i": "integer", "f": "float", "o": "other"}
    parts = fold([words[kind] for kind in kinds], sources, most)
    return {
        " ".join(map(str, members)): kind
        for members, kind in zip(parts.members, parts.kinds, strict=True)
    }


def test_connected_nodes_of_one_kind_are_one_part() -> None:
    assert folded("iifffi", chain("iifffi")) == {
        "0 1": "integer",
        "2 3 4": "float",
        "5": "integer",
    }


def test_a_circle_between_parts_is_kept_apart() -> None:
    """0 gives to 3 itself and through a float operator, so 0 and 3 cannot be one part."""
    assert folded("ifii", [set(), {0}, {0}, {1, 2}]) == {
        "0 2": "integer",
        "1": "float",
        "3": "integer",
    }


def test_parts_that_meet_after_changes_are_joined_where_no_path_goes_beside() -> None:
    """The chain 0 needs no change, the other integers two; they meet at 3."""
    assert folded("iifi", [set(), set(), {1}, {0, 2}]) == {
        "0 3": "integer",
        "1": "integer",
        "2": "float",
    }


def test_parts_that_stand_side_by_side_are_folded() -> None:
    assert folded("iffffi", [set(), {0}, {0}, {0}, {0}, {1, 2, 3, 4}]) == {
        "0": "integer",
        "1 2 3 4": "float",
        "5": "integer",
    }


def test_a_long_chain_is_folded_more() -> None:
    kinds = "if" * 4
    assert folded(kinds, chain(kinds), 4) == {
        "0 1": "mixed",
        "2 3": "mixed",
        "4 5": "mixed",
        "6 7": "mixed",
    }
    assert list(folded("io" * 2, chain("io" * 2), 1).values()) == ["integer"]


def test_parts_that_nothing_connects_are_folded_too() -> None:
    found = folded("if" * 50, [set() for _ in range(100)], 1)
    assert list(found.values()) == ["mixed"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[set[int]]]:
    count = draw(st.integers(0, 40))
    kinds = draw(
        st.lists(st.sampled_from(["integer", "float", "other"]), min_size=count, max_size=count)
    )
    sources = [
        draw(st.sets(st.integers(0, node - 1), max_size=3)) if node else set()
        for node in range(count)
    ]
    return kinds, sources


def check(parts: Parts, kinds: Sequence[str], sources: Sequence[set[int]]) -> None:
    owner = {node: part for part, members in enumerate(parts.members) for node in members}
    assert sorted(owner) == list(range(len(kinds)))
    edges = {
        (owner[source], owner[node])
        for node, read in enumerate(sources)
        for source in read
        if owner[source] != owner[node]
    }
    assert set(parts.edges) == edges
    assert all(source < target for source, target in edges)
    for members, kind in zip(parts.members, parts.kinds, strict=True):
        found = {kinds[node] for node in members} - {"other"} or {"other"}
        assert found == {kind} if len(found) == 1 else kind == "mixed"


@given(graphs())
def test_no_circle_arises(graph: tuple[list[str], list[set[int]]]) -> None:
    kinds, sources = graph
    parts = fold(kinds, sources, MOST)
    check(parts, kinds, sources)
    assert all(
        kind == "mixed" or {kinds[node] for node in members} == {kind}
        for members, kind in zip(parts.members, parts.kinds, strict=True)
    )


@given(graphs(), st.integers(1, 6))
def test_no_circle_arises_where_parts_are_few(
    graph: tuple[list[str], list[set[int]]], most: int
) -> None:
    kinds, sources = graph
    parts = fold(kinds, sources, most)
    check(parts, kinds, sources)
    assert len(parts) <= most


@pytest.mark.parametrize("pattern", ["if", "i" * 40 + "f", "iffo"])
def test_ten_thousand_nodes_take_seconds(pattern: str) -> None:
    kinds = [{"i": "integer", "f": "float", "o": "other"}[pattern[n % len(pattern)]]
             for n in range(10_000)]  # fmt: skip
    sources = [{node - 1, max(0, node - 7)} - {node} if node else set() for node in range(10_000)]
    start = time.process_time()
    parts = fold(kinds, sources, MOST)
    assert time.process_time() - start < 20
    check(parts, kinds, sources)
    assert len(parts) <= MOST
