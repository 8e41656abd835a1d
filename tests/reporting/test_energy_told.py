from dataclasses import replace

from qconv.reporting.catalog import ENERGY_METRICS, metric_values
from qconv.reporting.energy_data import Energy
from qconv.reporting.energy_told import energy_lines, energy_table
from qconv.reporting.judging import judged, read_gates
from qconv.reporting.report_json import from_json, to_json
from tests.report_cases import ENERGY, FLOAT_ENERGY, FULL, INT8

UNKNOWN = Energy(unknown="no \x1b[31m shapes")


def test_the_ratio_of_a_variant() -> None:
    assert list(energy_lines(FULL)) == [
        "model.int8.onnx: estimated energy 0.25 of the float model's, with activations in "
        "SRAM or in DRAM.",
        "Energy: an estimate for Conv, Gemm and MatMul, by M. Horowitz, \"Computing's energy "
        'problem", ISSCC 2014, 45 nm.',
    ]


def test_the_smaller_ratio_comes_first() -> None:
    energy = replace(ENERGY, low_pj=FLOAT_ENERGY.low_pj * 0.5, high_pj=FLOAT_ENERGY.high_pj * 0.3)
    report = replace(FULL, variants=(replace(INT8, energy=energy),))
    values = metric_values(report, report.variants[0])
    assert [round(values[name], 9) for name in ENERGY_METRICS] == [0.3, 0.5]
    gates = read_gates(["energy_ratio_high > 0.4", "energy.macs.int8 < 90"])
    assert [verdict.failed for verdict in judged(report, gates).verdicts] == [True, False]


def test_what_is_not_known_says_why() -> None:
    variant = replace(FULL, variants=(replace(INT8, energy=UNKNOWN),))
    said = "its energy cannot be estimated: no \\x1b[31m shapes."
    assert list(energy_lines(variant)) == [f"model.int8.onnx: {said}"]
    assert not set(ENERGY_METRICS) & set(metric_values(variant, variant.variants[0]))
    reference = replace(FULL, reference=replace(FULL.reference, energy=UNKNOWN))
    assert list(energy_lines(reference)) == [f"model.onnx: {said}"]


def test_the_table_has_a_row_for_each_model() -> None:
    table = energy_table(FULL)
    assert table is not None
    assert table.names == ("model.onnx", "model.int8.onnx")
    assert [column.cells for column in table.columns] == [
        ("100 float32", "10 float32, 90 int8"),
        ("0.004", "0.001"),
        ("0.000", "0.000"),
        ("0.641", "0.1602"),
        ("0.7045", "0.1761"),
        ("1.000", "0.250"),
        ("1.000", "0.250"),
    ]
    nothing = replace(FULL.reference, energy=None)
    assert energy_table(replace(FULL, reference=nothing, variants=(nothing,))) is None


def test_it_is_read_back() -> None:
    assert from_json(to_json(FULL)) == FULL
