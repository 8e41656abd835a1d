import math
from pathlib import Path

import numpy as np
import pytest

from qconv.data.source import Sample
from qconv.errors import DataError, UsageError
from qconv.evaluation.custom import Mean, check_custom_names, custom_name, load_metric

SAMPLE = Sample({"x": np.array([[1, 2]], np.float32)}, 1, "data[3]")
OUTPUTS = {"y": np.array([[3, 4]], np.float32)}


def script(folder: Path, body: str) -> str:
    path = folder / "metrics.py"
    path.write_text(f"import numpy as np\n{body}\n")
    return f"{path}:f"


def measured(folder: Path, body: str) -> float:
    return load_metric(script(folder, body)).measure(OUTPUTS, SAMPLE, OUTPUTS)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("outputs['y'].max()", 4),
        ("sample.label + float(sample.feeds['x'].sum())", 4),
        ("np.float32([[2.5]])", 2.5),
        ("True", 1),
        ("float('inf')", math.inf),
    ],
)
def test_a_function_gets_outputs_and_sample_and_returns_a_number(
    tmp_path: Path, result: str, expected: float
) -> None:
    number = measured(tmp_path, f"def f(outputs, sample): return {result}")
    assert number == expected
    assert type(number) is float


@pytest.mark.parametrize("result", ["None", "'3'", "[1, 2]", "{}", "1j", "b'3'", "[]"])
def test_what_is_not_one_number_is_refused(tmp_path: Path, result: str) -> None:
    with pytest.raises(DataError) as caught:
        measured(tmp_path, f"def f(outputs, sample): return {result}")
    assert str(caught.value) == (
        f"{tmp_path / 'metrics.py'}:f: returned {result} for the sample data[3]; "
        "one number is needed"
    )


def test_an_error_in_the_function_names_it_its_line_and_the_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        measured(tmp_path, "def f(outputs, sample):\n    return outputs['logits']")
    assert str(caught.value) == (
        f"{tmp_path / 'metrics.py'}:f: KeyError: 'logits' (metrics.py, line 3); "
        "on the sample data[3]"
    )


def test_an_error_at_import_names_the_function(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metrics\.py:f: ZeroDivisionError: .*line 2"):
        load_metric(script(tmp_path, "1 / 0"))


def test_a_function_that_takes_other_arguments_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_metric(script(tmp_path, "def f(outputs): return 1"))
    assert str(caught.value) == (
        f"{tmp_path / 'metrics.py'}:f: cannot be called with (outputs, sample): "
        "too many positional arguments"
    )
    assert caught.value.hint == "write it as: def f(outputs, sample): ..."


def test_a_misspelt_function_is_answered_with_the_nearest(tmp_path: Path) -> None:
    spec = script(tmp_path, "def f_score(outputs, sample): return 1")
    with pytest.raises(DataError, match=r"has no function 'f_scor'$") as caught:
        load_metric(f"{spec}_scor")
    assert caught.value.hint == "did you mean 'f_score'?"


def test_a_missing_script_and_a_constant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*no\.py$"):
        load_metric(f"{tmp_path / 'no.py'}:f")
    with pytest.raises(DataError, match=r"'f' is not a function but int$"):
        load_metric(script(tmp_path, "f = 3"))


def test_a_function_of_a_module_is_found() -> None:
    assert load_metric("operator:is_").function is not None


@pytest.mark.parametrize("spec", ["metrics.py", "metrics.py:", ":f", "metrics.py:f()", "a b"])
def test_a_text_of_another_form_is_a_usage_error(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_metric(spec)
    assert str(caught.value) == f"the metric '{spec}' is not of the form script.py:function"


def test_the_name_is_that_of_the_function() -> None:
    assert custom_name("some/metrics.py:f1") == "f1"


@pytest.mark.parametrize(
    ("names", "clash"),
    [
        (["top1"], "top1"),
        (["f1", "f1"], "f1"),
        (["f1", "f1_drop"], "f1_drop"),
        (["f1_drop", "f1"], "f1_drop"),
        (["not"], "not"),
    ],
)
def test_names_that_gates_could_not_tell_apart_are_refused(names: list[str], clash: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_custom_names(names)
    assert str(caught.value) == (
        f"the metric function '{names[-1]}' cannot be used: '{clash}' names another metric"
    )


def test_names_that_differ_are_fine() -> None:
    check_custom_names(["f1", "f2", "top"])


def test_the_mean_is_over_samples(tmp_path: Path) -> None:
    mean = Mean(load_metric(script(tmp_path, "def f(outputs, sample): return sample.label")))
    assert math.isnan(mean.result)
    for label in (1, 2, 6):
        mean.update(OUTPUTS, Sample({}, label, ""), OUTPUTS)
    assert mean.result == 3
