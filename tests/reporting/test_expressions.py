import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.errors import UsageError
from qconv.reporting.expressions import MAX_DEPTH, parse
from qconv.reporting.syntax import (
    Arithmetic,
    Combination,
    Comparison,
    Expression,
    Name,
    Negative,
    Not,
    Number,
    Term,
    comparisons,
    evaluate,
    names,
    sides,
)

NAMES = ("a", "b_1", "top1_drop", "and_more", "été")
leaves = st.one_of(
    st.builds(Name, st.sampled_from(NAMES)),
    st.builds(Number, st.floats(0, 100)),
    st.builds(Number, st.integers(0, 3).map(float)),
)


def chains(inner: st.SearchStrategy[Term], signs: str) -> st.SearchStrategy[Term]:
    rest = st.lists(st.tuples(st.sampled_from(signs), inner), min_size=1, max_size=3)
    return st.builds(Arithmetic, inner, rest.map(tuple))


terms: st.SearchStrategy[Term] = st.recursive(
    leaves,
    lambda inner: st.one_of(st.builds(Negative, inner), chains(inner, "+-"), chains(inner, "*")),
    max_leaves=5,
)
operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
truths = st.builds(Comparison, terms, operators, terms)


def compounds(comparisons: st.SearchStrategy[Comparison]) -> st.SearchStrategy[Expression]:
    return st.recursive(
        comparisons,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(
                Combination,
                st.sampled_from(["and", "or"]),
                st.lists(inner, min_size=2, max_size=4).map(tuple),
            ),
        ),
        max_leaves=8,
    )


confident = st.builds(
    Comparison,
    leaves,
    st.sampled_from(["<", "<=", ">", ">="]),
    terms,
    st.floats(50, 100, exclude_max=True),
)
numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 100))
values = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))


@given(expression=compounds(st.one_of(truths, confident)))
def test_what_is_printed_is_parsed_as_the_same_expression(expression: Expression) -> None:
    assert parse(str(expression)) == expression


@given(expression=compounds(truths), values=values)
def test_an_expression_means_what_it_means_in_python(
    expression: Expression, values: dict[str, float]
) -> None:
    expected = eval(str(expression), {"__builtins__": {}}, dict(values))
    assert evaluate(parse(str(expression)), values) is expected


texts = st.recursive(
    st.sampled_from(
        ["a < 1", "b_1>1", "a == b_1", "-a<=.5", "a-1 > b_1*2-3", "(a + 2)*-b_1 < (1-2-3)"]
    ),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("( {})".format),
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or\t{}".format, inner, inner),
    ),
    max_leaves=12,
)


@given(text=texts, values=values)
def test_precedence_is_that_of_python(text: str, values: dict[str, float]) -> None:
    expected = eval(text, {"__builtins__": {}}, dict(values))
    assert evaluate(parse(text), values) is expected


@given(
    text=st.one_of(
        st.text(),
        st.text(alphabet="ab1.0e-+<>=!()& \t\n" + string.punctuation),
        st.lists(
            st.sampled_from(
                [
                    "a",
                    "1",
                    "-",
                    "*",
                    "<",
                    ">=",
                    "(",
                    ")",
                    "not",
                    "and",
                    "or",
                    "=",
                    "1e9",
                    "with",
                    "%",
                    '."',
                    "/",
                ]
            )
        ).map(" ".join),
    )
)
def test_no_text_does_worse_than_a_usage_error(text: str) -> None:
    try:
        expression = parse(text)
    except UsageError:
        return
    values = dict.fromkeys(names(expression), 1.0)
    values |= {each.limit: 1.0 for each in comparisons(expression) if each.level is not None}
    assert isinstance(evaluate(expression, values), bool)


@pytest.mark.parametrize(
    ("text", "place", "expected", "found"),
    [
        ("", 1, "a metric or a number", "the end"),
        ("a >", 4, "a metric or a number", "the end"),
        ("a", 2, "one of < <= > >= == !=", "the end"),
        ("a = 1", 3, "one of < <= > >= == !=", "'='"),
        ("a > 1 b", 7, "'and', 'or' or the end", "'b'"),
        ("a > 1)", 6, "'and', 'or' or the end", "')'"),
        ("(a > 1", 7, "'and', 'or' or ')'", "the end"),
        ("a > 1 and or", 11, "a metric or a number", "'or'"),
        ("a < b < c", 7, "'and', 'or' or the end", "'<'"),
        ("a > 1.5.2", 8, "'and', 'or' or the end", "'.2'"),
        ("a > --1", 6, "a metric or a number", "'-'"),
        ("a > 1e999", 5, "a number that is not so large", "'1e999'"),
        ("a + 1", 6, "one of < <= > >= == !=", "the end"),
        ("(a > 1) + 1 > 2", 9, "'and', 'or' or the end", "'+'"),
        ("1 + (a > 1) > 2", 13, "a number in the parentheses before it, not a comparison", "'>'"),
        ("(a or b) > 2", 4, "one of < <= > >= == !=", "'or'"),
        ("not (a)", 8, "one of < <= > >= == !=", "the end"),
        ("a > 1 with 5%", 12, "a confidence from 50 to below 100, as in 'with 95%'", "'5'"),
        ("a > 1 with 100%", 12, "a confidence from 50 to below 100, as in 'with 95%'", "'100'"),
        ("a > 1 with", 11, "a confidence from 50 to below 100, as in 'with 95%'", "the end"),
        ("a > 1 with 95", 14, "'%'", "the end"),
        ("a > 5%", 6, "'and', 'or' or the end", "'%'"),
        ("__import__('os') > 1", 11, "one of < <= > >= == !=", "'('"),
    ],
)
def test_an_error_shows_the_place_and_what_was_expected(
    text: str, place: int, expected: str, found: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value) == (
        f"in the gate at column {place}: expected {expected}, found {found}\n"
        f"    {text}\n    {' ' * (place - 1)}^"
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = 1", "write '==' instead of '='"),
        ("a > 1 && b > 1", "write 'and' instead of '&'"),
        ("a > 1 | b > 1", "write 'or' instead of '|'"),
        ("!(a > 1)", "write 'not' instead of '!'"),
    ],
)
def test_signs_of_other_languages_are_translated(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint == hint


def test_the_caret_stays_under_its_place_in_a_text_of_several_lines() -> None:
    with pytest.raises(UsageError, match="column 11") as caught:
        parse("a > 1\n\tor or")
    assert str(caught.value).splitlines()[1:] == ["    a > 1  or or", " " * 4 + " " * 10 + "^"]


@pytest.mark.parametrize("opening", ["(", "not "])
def test_nesting_has_an_end_that_is_an_error_and_not_a_crash(opening: str) -> None:
    def nested(depth: int) -> str:
        return opening * depth + "a < 1" + ")" * (depth if opening == "(" else 0)

    assert evaluate(parse(nested(MAX_DEPTH)), {"a": 0.0})
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(UsageError, match="expected at most 50 nested"):
            parse(nested(depth))


def test_a_long_chain_is_no_nesting() -> None:
    assert not evaluate(parse(" or ".join(["not (a >= 1)"] * 500)), {"a": 1.0})
    assert not evaluate(parse(" or ".join(["a < 1"] * 5000)), {"a": 1.0})


def test_names_come_in_the_order_of_the_text() -> None:
    assert list(names(parse("not (b > 1 or -a < b) and c == 2"))) == ["b", "a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a - 1 - 2 == 7", True),
        ("a / 2 / 5 == 1", True),
        ("2 + a * 3 == 32", True),
        ("(2 + a) * 3 == 36", True),
        ("-a * 2 == -20 and -(a) == 0 - a", True),
        ("a > b.c * 1.02", False),
        ('b."d e/\\"f".0 == 4', True),
    ],
)
def test_arithmetic_is_that_of_school(text: str, expected: bool) -> None:
    values = {"a": 10.0, "b.c": 10.0, 'b."d e/\\"f".0': 4.0}
    assert evaluate(parse(text), values) is expected


def test_division_by_zero_has_no_number() -> None:
    (comparison,) = comparisons(parse("a / (b - b) < 1"))
    assert math.isnan(sides(comparison, {"a": 1.0, "b": 2.0})[0])


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("a > 1 with 95%", "lower limit of a with 95%"),
        ("a >= 1 with 99.9 %", "lower limit of a with 99.9%"),
        ("a < 1 with 90%", "upper limit of a with 90%"),
    ],
)
def test_with_a_confidence_the_limit_is_compared(text: str, limit: str) -> None:
    (comparison,) = comparisons(parse(text))
    assert comparison.limit == limit
    assert sides(comparison, {"a": 5.0, limit: 0.25}) == (0.25, 1.0)


@pytest.mark.parametrize("sign", ["==", "!="])
def test_equality_has_no_confidence(sign: str) -> None:
    with pytest.raises(UsageError, match="only < <= > >= can hold with a confidence"):
        parse(f"a {sign} 1 with 95%")


def test_a_long_sum_is_no_nesting() -> None:
    assert evaluate(parse("a" + " + a" * 5000 + " > 5000"), {"a": 1.0})
