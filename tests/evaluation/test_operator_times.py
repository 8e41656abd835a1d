from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qconv.data.source import Feeds
from qconv.evaluation.operator_times import Round, operator_times, profile_models
from qconv.progress import no_progress
from qconv.reporting.profile_data import Profile
from qconv.reporting.runs import Latency
from qconv.reporting.time_told import time_lines
from qconv.runtime.kernel_profile import Kernel, ProfiledRun, Spent
from qconv.runtime.runner import Place
from qconv.runtime.session import CPU
from tests.evaluation.report_helpers import run
from tests.model_helpers import parse, random_feeds, save

HOSTILE = 'a"b\\c\n</svg>\x1b[31m'


def total(profile: Profile) -> float:
    return sum(each.ms for each in profile.types) + profile.outside_ms


def rounds(plain: float, outside: float, *times: Sequence[float]) -> list[Round]:
    """Rounds in which kernel ``k0`` takes the first of the times, and so on, in microseconds."""
    found = []
    for each in times:
        kernels = {Kernel("Op", f"k{i}", str(i)): Spent(us, 1) for i, us in enumerate(each)}
        within = sum(each) + 2 * len(each)
        found.append(Round(plain, within + outside, ProfiledRun(int(within), kernels)))
    return found


def singles(profile: Profile) -> dict[str, float]:
    return {each.name: each.ms for each in profile.slowest}


def test_what_the_profile_adds_to_each_kernel_is_taken_off() -> None:
    """Three kernels of 10, 20 and 30 us, to each of which the profile adds 3 us."""
    found = operator_times(rounds(70, 10, *[(13, 23, 33)] * 4), 0.070)
    assert singles(found) == pytest.approx({"k2": 0.030, "k1": 0.020, "k0": 0.010})
    assert found.outside_ms == pytest.approx(0.010)
    assert [(each.name, each.kernels) for each in found.types] == [("Op", 3)]
    assert found.types[0].share == pytest.approx(100 * 60 / 70)


def test_times_are_those_of_the_latency_that_was_measured() -> None:
    """The machine was half as fast while the profile was taken."""
    found = operator_times(rounds(140, 20, *[(26, 46, 66)] * 4), 0.070)
    assert singles(found) == pytest.approx({"k2": 0.030, "k1": 0.020, "k0": 0.010})
    assert (found.plain_ms, found.seen_ms) == (0.140, 0.138)
    assert found.runs == 4


def test_an_interruption_counts_for_nothing() -> None:
    times = [(13, 23, 33), (9000, 23, 33), (13, 9000, 33), (13, 23, 9000), (13, 23, 33)]
    assert singles(operator_times(rounds(70, 10, *times), 0.070)) == pytest.approx(
        {"k2": 0.030, "k1": 0.020, "k0": 0.010}
    )


def test_a_machine_that_was_busy_leaves_the_shares_as_they_are() -> None:
    """Each inference was interrupted for as long as it took, each kernel in few of them."""
    found = operator_times(rounds(130, 10, *[(10, 20, 30)] * 4), 0.130)
    assert singles(found) == pytest.approx({"k2": 0.060, "k1": 0.040, "k0": 0.020})
    assert found.outside_ms == pytest.approx(0.010)


def test_a_branch_counts_for_the_runs_that_take_it() -> None:
    taken = [Round(60, 60, ProfiledRun(60, {Kernel("A", "a", "0"): Spent(40, 1)}))]
    other = [Round(60, 60, ProfiledRun(60, {Kernel("B", "b", "0"): Spent(20, 1)}))]
    found = operator_times(taken + other * 3, 0.060)
    assert {each.name: each.ms for each in found.types} == pytest.approx({"A": 0.024, "B": 0.036})
    assert total(found) == pytest.approx(0.060)


@given(
    st.floats(1, 1e6),
    st.floats(0, 1e4),
    st.lists(st.lists(st.integers(0, 10**6), min_size=2, max_size=2), min_size=1, max_size=6),
    st.floats(1e-3, 1e4),
)
def test_all_of_it_together_is_the_latency(
    plain: float, outside: float, times: list[list[int]], latency: float
) -> None:
    found = operator_times(rounds(plain, outside, *times), latency)
    assert total(found) == pytest.approx(latency)
    assert all(each.ms >= 0 for each in found.types)
    assert all(each.ms >= 0 for each in found.slowest)


def profiled(model: Path, feeds: Sequence[Feeds]) -> Profile:
    latencies = (Latency(1.0, 1.0),)
    (found,) = profile_models([model], Place(CPU, {}), feeds, 1, latencies, progress=no_progress)
    assert found is not None
    assert found.unknown == ""
    return found


def test_names_of_any_kind_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    model = parse("(float[N,64] x) => (float[N,64] y) { a = Tanh(x) b = Exp(a) y = Sin(b) }")
    model.graph.node[0].name = HOSTILE
    found = profiled(save(model, tmp_path), random_feeds(model))
    assert {each.name for each in found.types} == {"Tanh", "Exp", "Sin"}
    assert {each.op: each.name for each in found.slowest}["Tanh"] == HOSTILE
    assert all(each.name for each in found.slowest)
    assert found.profiled_ms > found.plain_ms > 0
    assert list(temporary.iterdir()) == []


def test_the_operators_of_a_body_are_told_and_not_counted_twice(tmp_path: Path) -> None:
    text = """(float[256,256] x, bool c) => (float[256,256] y) {
      y = If (c) <then_branch = t () => (float[256,256] p) { p = Tanh(x) },
                  else_branch = e () => (float[256,256] q) { q = Exp(x) }> }"""
    model = parse(text)
    feeds = [{"x": np.ones((256, 256), np.float32), "c": np.array(True)}]
    found = profiled(save(model, tmp_path), feeds)
    kinds = {each.name: each for each in found.types}
    assert set(kinds) == {"If", "Tanh"}
    assert kinds["Tanh"].ms > kinds["If"].ms
    assert total(found) == pytest.approx(1.0)


def test_a_place_whose_operators_the_profile_does_not_see(tmp_path: Path) -> None:
    place = Place("CUDAExecutionProvider", {})
    latency = Latency(1.0, 1.0)
    (found,) = profile_models([tmp_path / "m.onnx"], place, [], 1, (latency,), progress=no_progress)
    assert found is not None
    assert "CUDAExecutionProvider end after the profile has timed them" in found.unknown


def test_a_slower_variant_says_what_makes_it_so(tmp_path: Path) -> None:
    """Four Tanh with rounding between them, which the runtime has no integer kernel for."""
    ports = "(float[N, 40000] x) => (float[N, 40000] y)"
    inner = "a = Tanh(x) b = Tanh(a) c = Tanh(b) y = Tanh(c)"
    rounding = "s = Constant<value_float=0.01>() z = Constant<value=int8 {0}>()"
    steps = " ".join(
        f"{new}q = QuantizeLinear({old}, s, z) {new}d = DequantizeLinear({new}q, s, z) "
        f"{new} = Tanh({new}d)"
        for old, new in ("xa", "ab", "bc", "cy")
    )
    paths = []
    for name, body in (("model.onnx", inner), ("model.qdq.onnx", f"{rounding} {steps}")):
        path = tmp_path / name
        onnx.save(parse(f"{ports} {{ {body} }}"), path)
        paths.append(path)
    found = run(*paths, rows=np.ones((2, 40000)), labels=None, latency=True, runs=20)
    for model in (found.reference, *found.variants):
        assert model.latency is not None
        assert model.profile is not None
        assert total(model.profile) == pytest.approx(model.latency.median_ms, rel=0.05)
    variant = found.variants[0].profile
    assert variant is not None
    assert len(variant.slowest) == 3
    told = list(time_lines(found))[-1]
    assert told.startswith("model.qdq.onnx is slower than the float model: ")
    assert "QuantizeLinear takes" in told
    assert "which the float model does not have" in told


def test_without_latency_there_is_no_profile(model: Path, halved: Path) -> None:
    found = run(model, halved)
    assert found.reference.profile is None
    assert list(time_lines(found)) == []
