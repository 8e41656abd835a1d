"""What dataclasses become in JSON, and what is refused on the way back, by its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from qconv.codec import decode, encode
from qconv.strict_json import parse


@dataclass(frozen=True)
class Leaf:
    count: int
    share: float | None = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError(f"{self.count} is no count")


@dataclass(frozen=True)
class Tree:
    leaf: Leaf | None
    leaves: tuple[Leaf, ...] = ()
    named: Mapping[str, Leaf] = field(default_factory=dict)
    nested: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    pairs: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    loose: tuple[str | int | float | bool | tuple[str | int, ...] | None, ...] = ()


TREE = Tree(
    Leaf(1, math.inf),
    leaves=(Leaf(2, -math.inf), Leaf(3)),
    named={"a": Leaf(4, 0.5), "[...]": Leaf(5), "\udcff": Leaf(6)},
    nested={"b": {"c": 7}},
    pairs={"d": (8, "inf")},
    loose=("inf", "5", "null", 1, 1.5, True, ("x", 2), None),
)


def test_what_is_read_is_what_was_written() -> None:
    read = decode(Tree, json.loads(json.dumps(encode(TREE), allow_nan=False)))
    assert read == TREE
    assert [type(each) for each in read.loose] == [type(each) for each in TREE.loose]


def test_what_is_not_there_has_its_default() -> None:
    assert decode(Tree, {"leaf": None}) == Tree(None)


def test_a_whole_number_is_read_as_the_float_that_it_stands_for() -> None:
    read = decode(Leaf, {"count": 1, "share": 2**64})
    assert type(read.share) is float
    assert read.share == 2.0**64


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "Tree is not an object"),
        ({}, "Tree.leaf is missing"),
        ({"leaf": {}}, "Tree.leaf.count is missing"),
        ({"leaf": 3}, "Tree.leaf is not an object"),
        ({"leaf": None, "more": 1}, "Tree.more is unknown"),
        ({"leaf": {"count": 1, "more` - at `$": 1}}, "Tree.leaf.more` - at `$ is unknown"),
        ({"leaf": None, "x` - at `$[0].named[...]": 1}, "Tree.x` - at `$[0].named[...] is unknown"),
        ({"leaf": None, "x" * 99: 1}, f"Tree.{'x' * 60} is unknown"),
        ({"leaf": {"count": 1, "\udcff": 1}}, "Tree has the unknown key '\udcff'"),
        ({"leaf": {"count": 1.0}}, "Tree.leaf.count is not of the type int"),
        ({"leaf": {"count": True}}, "Tree.leaf.count is not of the type int"),
        ({"leaf": {"count": 2**63}}, "Tree.leaf.count is too large"),
        ({"leaf": {"count": -(10**400)}}, "Tree.leaf.count is too large"),
        ({"leaf": {"count": -1}}, "Tree.leaf: -1 is no count"),
        ({"leaf": {"count": 1, "share": "1.5"}}, "Tree.leaf.share cannot be '1.5'"),
        ({"leaf": {"count": 1, "share": "Infinity"}}, "Tree.leaf.share cannot be 'Infinity'"),
        ({"leaf": {"count": 1, "share": False}}, "Tree.leaf.share is not a number"),
        ({"leaf": {"count": 1, "share": math.inf}}, "Tree.leaf.share is too large"),
        ({"leaf": None, "leaves": [{"count": 1}, 2]}, "Tree.leaves[1] is not an object"),
        ({"leaf": None, "leaves": {}}, "Tree.leaves is not a list"),
        ({"leaf": None, "leaves": [{"count": 1}, {"count": -2}]}, "Tree.leaves[1]: -2 is no count"),
        (
            {"leaf": None, "named": {"a": {"count": 1}, "b.c": {"count": ""}}},
            "Tree.named.b.c.count is not of the type int",
        ),
        (
            {"leaf": None, "named": {"x" * 99: {"count": -1}}},
            f"Tree.named.{'x' * 60}: -1 is no count",
        ),
        (
            {"leaf": None, "nested": {"b": {"c": 1, "d": None}}},
            "Tree.nested.b.d is not of the type int",
        ),
        ({"leaf": None, "pairs": {"d": [1]}}, "Tree.pairs.d has 1 entries, not 2"),
        ({"leaf": None, "pairs": {"d": [1, 1]}}, "Tree.pairs.d[1] is not of the type str"),
        ({"leaf": None, "loose": [[1.5]]}, "Tree.loose[0][0] is not of the type int | str"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared
        decode(Tree, value)
    assert str(caught.value) == message


def test_places_begin_with_a_name_of_choice() -> None:
    with pytest.raises(ValueError, match=r"^plan\.leaf is missing$"):
        decode(Tree, {}, "plan")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
        ("[Infinity]", "Infinity is not a number"),
        (b"[NaN]", "NaN is not a number"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_text_that_readers_differ_in_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse(text)
