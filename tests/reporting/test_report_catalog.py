import math
from dataclasses import replace

import pytest

from qconv.reporting import catalog
from qconv.reporting.catalog import METRICS, TASK_METRICS, metric_names, metric_values
from qconv.reporting.contents import FusionAudit
from qconv.reporting.report_data import OutputMetrics, Report
from qconv.reporting.report_tables import essentials, headline


def values(report: Report) -> dict[str, float]:
    return metric_values(report, report.variants[0])


def with_outputs(report: Report, *outputs: OutputMetrics) -> Report:
    return replace(report, variants=(replace(report.variants[0], outputs=outputs),))


def test_the_numbers_of_a_variant(full_report: Report) -> None:
    assert values(full_report) == pytest.approx(
        {
            "size_bytes": 5_100_000,
            "size_mb": 5.1,
            "size_ratio": 5.1 / 18.61,
            "top1": 86.4,
            "top5": 97.5,
            "top1_drop": 1.35,
            "top5_drop": -0.25,
            "top1_drop_low": -0.25,
            "top1_drop_high": 3.1,
            "mcnemar_p": 0.27,
            "agreement": 98.25,
            "sqnr_db": 24.13,
            "cosine": 0.998,
            "kl": 0.00912,
            "latency_ms": 7.272,
            "latency_p90_ms": 8.0,
            "speedup": 2.0,
            "speedup_low": 1.9,
            "speedup_high": 2.1,
            "coverage_ops": 80,
            "coverage_macs": 99.5,
            "coverage_bytes": 98,
            "energy_ratio_low": 160_198 / 640_960,
            "energy_ratio_high": 176_073 / 704_460,
            "saturation_risk": 1,
            "quantized_ops": 60,
            "integer_ops": 57,
            "integer_share": 95,
            "confidence": 0.5,
            "confidence_drop": 0.25,
        }
    )


def test_the_table_of_names_is_what_a_full_report_holds(full_report: Report) -> None:
    of_tasks = {name for names in TASK_METRICS.values() for name in names}
    assert set(metric_names(["confidence"])) == set(values(full_report)) | of_tasks


@pytest.mark.parametrize("task", TASK_METRICS)
def test_the_metrics_of_a_task_stand_in_a_column_each(full_report: Report, task: str) -> None:
    numbers = dict.fromkeys(TASK_METRICS[task], 0.75)
    variant = replace(full_report.variants[0], task=numbers)
    report = replace(full_report, task=task, variants=(variant,))
    assert numbers.items() <= values(report).items()
    told = headline(report).columns
    added = [column for column in told if column not in headline(full_report).columns]
    assert [column.cells[0] for column in added] == [""] * len(numbers)
    assert all(column.cells[1].startswith("0.75") for column in added)
    assert essentials(report).columns[-1].title == added[0].title


def test_what_was_not_measured_is_absent(bare_report: Report) -> None:
    sizes = {"size_bytes", "size_mb", "size_ratio"}
    assert set(values(bare_report)) == sizes | {"sqnr_db", "cosine"}


def test_top5_is_absent_where_the_model_has_few_classes(full_report: Report) -> None:
    accuracy = full_report.reference.accuracy
    assert accuracy is not None
    few = replace(accuracy, top5=None)
    report = replace(
        full_report,
        reference=replace(full_report.reference, accuracy=few),
        variants=(replace(full_report.variants[0], accuracy=few),),
    )
    assert {"top1", "top1_drop"} <= set(values(report))
    assert not {"top5", "top5_drop"} & set(values(report))


A = OutputMetrics("a", 30.0, 0.9, 0.5, 90.0, 0)
B = OutputMetrics("b", 20.0, 0.99, 0.1, 80.0, 0)
STATE = OutputMetrics("state", 25.0, 0.95, None, None, 0)


def test_of_several_outputs_the_worst_counts(full_report: Report) -> None:
    report = with_outputs(replace(full_report, class_output=None), A, B, STATE)
    chosen = {key: values(report)[key] for key in ("sqnr_db", "cosine", "kl", "agreement")}
    assert chosen == {"sqnr_db": 20.0, "cosine": 0.9, "kl": 0.5, "agreement": 80.0}


def test_agreement_is_that_of_the_output_that_labels_are_compared_with(
    full_report: Report,
) -> None:
    assert values(with_outputs(replace(full_report, class_output="a"), A, B))["agreement"] == 90.0


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_nan_is_the_worst_whatever_the_order(full_report: Report, order: tuple[int, int]) -> None:
    broken = replace(A, name="b", sqnr_db=-math.inf, cosine=math.nan, kl=math.nan)
    pair = (A, broken)
    found = values(with_outputs(full_report, *(pair[index] for index in order)))
    assert found["sqnr_db"] == -math.inf
    assert math.isnan(found["cosine"])
    assert math.isnan(found["kl"])


def test_the_integer_share_of_no_quantized_operator_is_nan(full_report: Report) -> None:
    audit = FusionAudit(0, 0, {}, ())
    report = replace(full_report, variants=(replace(full_report.variants[0], fusion=audit),))
    assert values(report)["quantized_ops"] == 0
    assert math.isnan(values(report)["integer_share"])


def test_names_are_unique_and_explained() -> None:
    assert len(set(metric_names())) == len(METRICS)
    assert all(metric.unit and metric.meaning for metric in METRICS)


def test_the_groups_name_metrics_of_the_table() -> None:
    groups = (
        *catalog.LABEL_METRICS,
        *catalog.TOP5_METRICS,
        *catalog.LATENCY_METRICS,
        *catalog.ENERGY_METRICS,
        *catalog.DISTRIBUTION_METRICS,
    )
    assert set(groups) <= set(metric_names())
