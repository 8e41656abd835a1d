"""The names that gates may use: one table with units, and the numbers of a report behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from qconv.reporting.report_data import Report, VariantReport


@dataclass(frozen=True)
class Metric:
    """A number that a report has for each variant, as gates and the help call it."""

    name: str
    unit: str
    meaning: str


METRICS: tuple[Metric, ...] = (
    Metric("size_bytes", "bytes", "file and its external data"),
    Metric("size_mb", "MB", "file and its external data, 1 MB = 1,000,000 bytes"),
    Metric("size_ratio", "ratio", "size divided by the float model's size"),
    Metric("top1", "%", "labelled samples whose best class is the label"),
    Metric("top5", "%", "labelled samples whose five best classes include the label"),
    Metric("top1_drop", "points", "top1 of the float model minus top1 of the variant"),
    Metric("top5_drop", "points", "top5 of the float model minus top5 of the variant"),
    Metric("top1_drop_low", "points", "lower end of the 95 % confidence interval of top1_drop"),
    Metric("top1_drop_high", "points", "upper end of the 95 % confidence interval of top1_drop"),
    Metric("mcnemar_p", "0 to 1", "probability of such a top1_drop, or more, by chance"),
    Metric("agreement", "%", "rows with the float model's best class, on the output of top1"),
    Metric("sqnr_db", "dB", "signal-to-quantization-noise ratio of the worst output"),
    Metric("cosine", "-1 to 1", "mean cosine similarity, of the worst output"),
    Metric("kl", "nats", "mean KL divergence from the float model, of the worst output"),
    Metric("boxes_f1", "%", "boxes that both models find, of all that they find (F1 score)"),
    Metric("ctc_same", "%", "texts that are the same as the float model's"),
    Metric("ctc_cer", "%", "letters that differ, of those that the float model reads"),
    Metric("similarity", "-1 to 1", "rank correlation of the similarities of all pairs of samples"),
    Metric("map_agreement", "%", "points with the class that the float model gives them"),
    Metric("map_iou", "%", "overlap with the float model's areas, mean over classes (IoU)"),
    Metric("perplexity", "ratio", "e to the mean loss of the next token, in nats"),
    Metric("perplexity_ratio", "ratio", "perplexity divided by the float model's"),
    Metric("latency_ms", "ms", "median time of one inference"),
    Metric("latency_p90_ms", "ms", "time that 90 % of the inferences stay under"),
    Metric("speedup", "ratio", "latency_ms of the float model divided by that of the variant"),
    Metric("speedup_low", "ratio", "lower end of the 95 % confidence interval of speedup"),
    Metric("speedup_high", "ratio", "upper end of the 95 % confidence interval of speedup"),
    Metric("coverage_ops", "%", "operators that are quantized"),
    Metric("coverage_macs", "%", "multiplications of Conv, Gemm and MatMul that are quantized"),
    Metric("coverage_bytes", "%", "weights that are quantized, by their bytes in float32"),
    Metric("energy_ratio_low", "ratio", "estimated energy over the float model's, at least"),
    Metric("energy_ratio_high", "ratio", "estimated energy over the float model's, at most"),
    Metric("saturation_risk", "%", "weight pairs that can overflow 16 bits on CPUs without VNNI"),
    Metric("quantized_ops", "count", "operators with quantized inputs"),
    Metric("integer_ops", "count", "quantized operators that the runtime computes in integers"),
    Metric("integer_share", "%", "integer_ops out of quantized_ops; nan where there are none"),
)

PAIRED_METRICS = ("top1_drop_low", "top1_drop_high", "mcnemar_p")
LABEL_METRICS = ("top1", "top5", "top1_drop", "top5_drop", *PAIRED_METRICS)
TOP5_METRICS = ("top5", "top5_drop")
LATENCY_METRICS = ("latency_ms", "latency_p90_ms", "speedup", "speedup_low", "speedup_high")
FUSION_METRICS = ("quantized_ops", "integer_ops", "integer_share")
ENERGY_METRICS = ("energy_ratio_low", "energy_ratio_high")
DISTRIBUTION_METRICS = ("agreement", "kl")
TASK_METRICS: Mapping[str, tuple[str, ...]] = {
    "boxes": ("boxes_f1",),
    "ctc": ("ctc_same", "ctc_cer"),
    "similarity": ("similarity",),
    "map": ("map_agreement", "map_iou"),
    "perplexity": ("perplexity", "perplexity_ratio"),
}
"""What each task measures, the most telling first."""


def metric_names(custom: Sequence[str] = ()) -> tuple[str, ...]:
    """Return every name that a gate may use, with those of the custom metric functions."""
    own = [name for function in custom for name in (function, f"{function}_drop")]
    return (*(metric.name for metric in METRICS), *own)


def metric_values(report: Report, variant: VariantReport) -> dict[str, float]:
    """Return the numbers of a variant by metric name; those that were not measured are absent."""
    reference = report.reference
    values = {
        "size_bytes": float(variant.size_bytes),
        "size_mb": variant.size_bytes / 1e6,
        "size_ratio": _ratio(variant.size_bytes, reference.size_bytes),
        **_accuracy_values(reference, variant),
        **_output_values(variant, report.class_output),
        **_latency_values(reference, variant),
        **variant.task,
        **_energy_values(reference, variant),
    }
    if (paired := variant.paired) is not None:
        found = (paired.low, paired.high, paired.p_value)
        values.update(zip(PAIRED_METRICS, found, strict=True))
    if (coverage := variant.coverage) is not None:
        values |= {"coverage_ops": coverage.ops, "coverage_bytes": coverage.bytes}
        if coverage.macs is not None:
            values["coverage_macs"] = coverage.macs
    if pairs := sum(layer.pairs for layer in variant.portability):
        values["saturation_risk"] = 100 * sum(layer.risky for layer in variant.portability) / pairs
    if variant.fusion is not None:
        quantized, integer = variant.fusion.quantized, variant.fusion.integer
        values["quantized_ops"] = float(quantized)
        values["integer_ops"] = float(integer)
        values["integer_share"] = 100 * _ratio(integer, quantized)
    for name, value in variant.custom.items():
        values[name] = value
        if name in reference.custom:
            values[f"{name}_drop"] = reference.custom[name] - value
    return values


def _accuracy_values(reference: VariantReport, variant: VariantReport) -> dict[str, float]:
    base, own = reference.accuracy, variant.accuracy
    if base is None or own is None:
        return {}
    values = {"top1": own.top1, "top1_drop": base.top1 - own.top1}
    if base.top5 is not None and own.top5 is not None:
        values |= {"top5": own.top5, "top5_drop": base.top5 - own.top5}
    return values


def _output_values(variant: VariantReport, class_output: str | None) -> dict[str, float]:
    outputs = variant.outputs
    if not outputs:
        return {}
    values = {
        "sqnr_db": worst(min, (output.sqnr_db for output in outputs)),
        "cosine": worst(min, (output.cosine for output in outputs)),
    }
    if divergences := [output.kl for output in outputs if output.kl is not None]:
        values["kl"] = worst(max, divergences)
    shares = {out.name: out.agreement for out in outputs if out.agreement is not None}
    if class_output in shares:
        values["agreement"] = shares[class_output]
    elif shares:
        values["agreement"] = worst(min, shares.values())
    return values


def _latency_values(reference: VariantReport, variant: VariantReport) -> dict[str, float]:
    base, own = reference.latency, variant.latency
    if base is None or own is None:
        return {}
    values = {
        "latency_ms": own.median_ms,
        "latency_p90_ms": own.p90_ms,
        "speedup": _ratio(base.median_ms, own.median_ms),
    }
    if own.speedup_low is not None and own.speedup_high is not None:
        values |= {"speedup_low": own.speedup_low, "speedup_high": own.speedup_high}
    return values


def _energy_values(reference: VariantReport, variant: VariantReport) -> dict[str, float]:
    base, own = reference.energy, variant.energy
    if base is None or own is None or base.unknown or own.unknown:
        return {}
    ratios = _ratio(own.low_pj, base.low_pj), _ratio(own.high_pj, base.high_pj)
    return dict(zip(ENERGY_METRICS, sorted(ratios), strict=True))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def worst(pick: Callable[[list[float]], float], values: Iterable[float]) -> float:
    """Return the smallest or largest of the values; nan where one of them is."""
    values = list(values)
    return math.nan if any(math.isnan(value) for value in values) else pick(values)
