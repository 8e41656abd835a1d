import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.errors import UsageError
from qconv.reporting.expressions import (
    MAX_DEPTH,
    Combination,
    Comparison,
    Expression,
    Name,
    Not,
    Number,
    evaluate,
    names,
    parse,
)

NAMES = ("a", "b_1", "top1_drop", "and_more", "été")
terms = st.one_of(
    st.builds(Name, st.sampled_from(NAMES), st.booleans()),
    st.builds(Number, st.floats(-100, 100)),
    st.builds(Number, st.integers(-3, 3).map(float)),
)
comparisons = st.builds(
    Comparison, terms, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), terms
)
expressions: st.SearchStrategy[Expression] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(
            Combination,
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=4).map(tuple),
        ),
    ),
    max_leaves=12,
)
numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 100))
values = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))


@given(expression=expressions)
def test_what_is_printed_is_parsed_as_the_same_expression(expression: Expression) -> None:
    assert parse(str(expression)) == expression


@given(expression=expressions, values=values)
def test_an_expression_means_what_it_means_in_python(
    expression: Expression, values: dict[str, float]
) -> None:
    expected = eval(str(expression), {"__builtins__": {}}, dict(values))
    assert evaluate(parse(str(expression)), values) is expected


texts = st.recursive(
    st.sampled_from(["a < 1", "b_1>1", "a == b_1", "-a<=.5"]),
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
            st.sampled_from(["a", "1", "-", "<", ">=", "(", ")", "not", "and", "or", "=", "1e9"])
        ).map(" ".join),
    )
)
def test_no_text_does_worse_than_a_usage_error(text: str) -> None:
    try:
        expression = parse(text)
    except UsageError:
        return
    assert isinstance(evaluate(expression, dict.fromkeys(names(expression), 1.0)), bool)


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
        ("top-1 < 3", 4, "one of < <= > >= == !=", "'-'"),
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
