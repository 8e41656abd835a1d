from dataclasses import replace

from qconv.reporting.profile_data import OperatorTime, Profile, TypeTime
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import from_json, to_json
from qconv.reporting.runs import Latency
from qconv.reporting.time_told import slowest_table, time_lines, times_table
from tests.report_cases import FLOAT_TIMES, FULL, TIMES


def told(reference: Profile, variant: Profile, own: Latency) -> list[str]:
    return list(time_lines(with_profiles(reference, variant, own)))


def with_profiles(reference: Profile, variant: Profile, own: Latency) -> Report:
    return replace(
        FULL,
        reference=replace(FULL.reference, profile=reference),
        variants=(replace(FULL.variants[0], profile=variant, latency=own),),
    )


FASTER, SLOWER = Latency(7.272, 8.0, 1.9, 2.1), Latency(20.0, 21.0, 0.7, 0.8)


def test_each_model_has_a_line() -> None:
    assert told(FLOAT_TIMES, TIMES, FASTER) == [
        "model.onnx: time by operator: Conv 98 % (14.2 ms), Gemm 1 % (0.2 ms), "
        "outside of operators 1 %; slowest: 'stem' 1.1 ms, 'fc' 0.2 ms.",
        "model.int8.onnx: time by operator: QLinearConv 55 % (4 ms), QuantizeLinear 43 % "
        "(3.1 ms), outside of operators 2 %; slowest: 'to_int8' 2.9 ms, 'stem' 1 ms.",
    ]


def test_a_slower_variant_names_what_costs_most_more() -> None:
    types = (
        TypeTime("QLinearConv", 49, 15.0, 75.0),
        TypeTime("QuantizeLinear", 3, 3.1, 15.5),
        TypeTime("QGemm", 1, 0.1, 0.5),
        TypeTime("Conv", 1, 1.5, 7.5),
        TypeTime("Cast", 2, 0.12, 0.6),
    )
    *_, last = told(FLOAT_TIMES, replace(TIMES, types=types, outside_ms=0.15), SLOWER)
    assert last == (
        "model.int8.onnx is slower than the float model: QuantizeLinear takes 3.1 ms, which the "
        "float model does not have; QLinearConv and Conv take 16.5 ms, Conv 14.2 ms in the float "
        "model; Cast takes 0.12 ms, which the float model does not have."
    )


def test_types_that_do_the_same_are_compared() -> None:
    pairs = [("QLinearConv", "Conv"), ("MatMulIntegerToFloat", "MatMul"), ("QGemm", "FusedGemm"),
             ("DynamicQuantizeLSTM", "LSTM"), ("MatMulNBits", "Gemm")]  # fmt: skip
    for own, base in pairs:
        before = Profile((TypeTime(base, 1, 10.0, 100.0),), runs=3)
        after = Profile((TypeTime(own, 1, 20.0, 100.0),), runs=3)
        *_, last = told(before, after, SLOWER)
        assert f"{own} takes 20 ms, {base} 10 ms in the float model" in last
    before = Profile((TypeTime("Linear", 1, 10.0, 100.0),), runs=3)
    after = Profile((TypeTime("DynamicQuantizeLinear", 1, 20.0, 100.0),), runs=3)
    assert "which the float model does not have" in told(before, after, SLOWER)[-1]


def test_a_difference_that_may_be_chance_is_not_explained() -> None:
    assert len(told(FLOAT_TIMES, TIMES, Latency(15.0, 16.0, 0.9, 1.05))) == 2
    assert len(told(FLOAT_TIMES, TIMES, Latency(15.0, 16.0))) == 3


def test_what_is_not_known_says_why() -> None:
    lines = told(FLOAT_TIMES, Profile(unknown="no \x1b[31m profile"), SLOWER)
    assert lines[1:] == ["model.int8.onnx: time by operator: not known: no \\x1b[31m profile."]
    report = with_profiles(FLOAT_TIMES, Profile(unknown="none"), SLOWER)
    assert times_table(report.variants[0]) is None
    assert slowest_table(report.variants[0]) is None


def test_names_cannot_steer_a_terminal() -> None:
    name = "\x1b[31mx"
    hostile = Profile((TypeTime(name, 1, 1.0, 100.0),), (OperatorTime(name, name, 1.0),), runs=3)
    assert not any("\x1b" in line for line in told(hostile, hostile, SLOWER))


def test_the_tables_have_everything() -> None:
    model = with_profiles(FLOAT_TIMES, TIMES, FASTER).variants[0]
    types, slowest = times_table(model), slowest_table(model)
    assert types is not None
    assert slowest is not None
    assert types.names == ("QLinearConv", "QuantizeLinear", "outside of operators")
    assert [column.cells for column in types.columns] == [
        ("49", "3", ""),
        ("4.000", "3.100", "0.172"),
        ("55.0", "42.6", "2.4"),
    ]
    assert slowest.names == ("to_int8", "stem")


def test_it_is_read_back_and_older_reports_lack_it() -> None:
    report = with_profiles(FLOAT_TIMES, TIMES, FASTER)
    assert from_json(to_json(report)) == report
    older = (
        to_json(FULL).replace('      "profile": null,\n', "").replace('    "profile": null,\n', "")
    )
    assert "profile" not in older
    assert from_json(older).variants[0].profile is None
