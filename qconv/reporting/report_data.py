"""The report: every number that a gate or a person reads, frozen.

Percentages run from 0 to 100, drops are points (float model minus variant), sizes are bytes, times
milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qconv.memory import megabytes
from qconv.printable import printable
from qconv.reporting.answers import ChangedAnswer
from qconv.reporting.contents import (
    Coverage,
    FloatOperator,
    FusionAudit,
    LayerError,
    LayerRisk,
    LayerStorage,
    SearchReport,
    TensorHistogram,
    WeightRange,
)
from qconv.reporting.energy_data import Energy
from qconv.reporting.pairing import Pairing
from qconv.reporting.picture_data import Picture
from qconv.reporting.profile_data import Profile
from qconv.reporting.runs import Latency, Simulation, Timing


@dataclass(frozen=True)
class Accuracy:
    """Share of the labelled samples that the model gets right.

    Attributes:
        top1: percent whose best class is the label.
        top5: percent with the label among the five best; None with five classes or fewer.
    """

    top1: float
    top5: float | None


@dataclass(frozen=True)
class OutputMetrics:
    """One output of a variant beside the same output of the float model.

    Attributes:
        name: name of the output.
        sqnr_db: signal to quantization noise ratio in dB; infinite where the outputs are equal.
        cosine: mean cosine similarity, -1 to 1.
        kl: mean Kullback-Leibler divergence in nats; None where the last axis is no distribution.
        agreement: percent of the rows with the same best class; None as with ``kl``.
        broken: number of samples that give NaN or Inf in one of the two models alone.
        kind: ``classes``, ``vector``, ``map``, ``boxes`` or ``state``; empty in older reports.
        rows: number of rows that agreement counts; None where it is not known.
        sqnr_error: standard error of ``sqnr_db`` over the samples, in dB; None where not known.
    """

    name: str
    sqnr_db: float
    cosine: float
    kl: float | None
    agreement: float | None
    broken: int
    kind: str = ""
    rows: int | None = None
    sqnr_error: float | None = None


@dataclass(frozen=True)
class VariantReport:
    """The numbers of one model file.

    Attributes:
        name: what tables and gates call it, unique within the report.
        path: path of the file.
        size_bytes: bytes of the file and its external data.
        accuracy: share of right answers; None without labels.
        outputs: each output beside the float model's; empty for the float model.
        latency: time of an inference, never simulated; None where it was not measured.
        fusion: what runs in integers; None for the float model, and where it was not looked at.
        custom: mean of each metric function over the samples, by its name.
        simulation: how accuracy and error were simulated; None where they were not.
        paired: what became of each sample's answer; None without labels.
        coverage: how much is quantized; None where it was not looked at.
        sha256: SHA-256 of the file and its external data, in hex; empty where it was not taken.
        origin: what its metadata say of how it was made, by name.
        storage: bytes of the weights of each layer, by type.
        kept_float: operators that nothing quantizes, with the reasons.
        portability: layers of integers, with what could saturate in them.
        layers: where the error enters, in dB, value by value.
        ranges: how the channels of each weight differ in magnitude.
        histograms: numbers of the tensors that lose most by rounding.
        profile: where the latency goes, by operator, in ms; None where it was not measured.
        energy: estimate of the energy of Conv, Gemm and MatMul, in pJ; None in older reports.
        picture: the graph, folded to islands; None where details were not asked for.
        metrics: all that gates call by a name, as far as measured, in the units of docs/reports.md.
        task: metrics of what the model is for, by name, in the units of docs/reports.md.
        changed: first samples whose answer is another one.
    """

    name: str
    path: str
    size_bytes: int
    accuracy: Accuracy | None
    outputs: tuple[OutputMetrics, ...]
    latency: Latency | None
    fusion: FusionAudit | None
    custom: Mapping[str, float]
    simulation: Simulation | None = None
    paired: Pairing | None = None
    coverage: Coverage | None = None
    sha256: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)
    storage: tuple[LayerStorage, ...] = ()
    kept_float: tuple[FloatOperator, ...] = ()
    portability: tuple[LayerRisk, ...] = ()
    layers: tuple[LayerError, ...] = ()
    ranges: tuple[WeightRange, ...] = ()
    histograms: tuple[TensorHistogram, ...] = ()
    profile: Profile | None = None
    energy: Energy | None = None
    picture: Picture | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    task: Mapping[str, float] = field(default_factory=dict)
    changed: tuple[ChangedAnswer, ...] = ()

    def __repr__(self) -> str:
        return f"<VariantReport {printable(self.name)}: {megabytes(self.size_bytes)}>"


@dataclass(frozen=True)
class InputSummary:
    """An input of the models.

    Attributes:
        name: name of the input.
        dtype: type of its numbers, such as ``float32``.
        shape: axes by length or name, None where dynamic and unnamed; None where unknown.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class DataSummary:
    """What the models were run on.

    Attributes:
        samples: number of samples.
        labels: whether they have labels.
        batch: length of the first axis of a sample.
        inputs: inputs of the models.
        sha256: SHA-256 of all feeds and labels, in hex; empty where it was not taken.
        calibrated: number of samples that were calibrated on, too; None where no record was given.
    """

    samples: int
    labels: bool
    batch: int
    inputs: tuple[InputSummary, ...]
    sha256: str = ""
    calibrated: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one variant.

    Attributes:
        variant: name of the variant.
        expression: what the gate says must be false.
        failed: whether the expression was true, or one of its numbers NaN.
        values: the numbers that the expression names, in its order.
        noise: where the machine was too noisy to decide, between which numbers the metrics of time
            lie; whether the gate then failed was chosen by the user.
    """

    variant: str
    expression: str
    failed: bool
    values: Mapping[str, float]
    noise: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def undecided(self) -> bool:
        """Whether the machine was too noisy to tell."""
        return bool(self.noise)


@dataclass(frozen=True)
class Report:
    """Model variants beside their float model.

    Attributes:
        qconv: version of qconv that measured.
        runtime: name and version of what ran the models.
        cpu: name of the processor.
        data: what the models were run on.
        class_output: what top-1 and agreement are read from; None where none is [batch, classes].
        timing: how latency was measured; None where it was not.
        reference: the float model.
        variants: the variants, one or more.
        verdicts: what each gate says of each variant.
        command: the command line that made the report; None where Python did.
        versions: versions of what the numbers come from, by name.
        vnni: whether the CPU adds products of 8-bit integers in 32 bits; None where not known.
        search: how the variant was found by ``qconv tune``; None where it was not.
        task: what the model is for; None where nobody said it.
    """

    qconv: str
    runtime: str
    cpu: str
    data: DataSummary
    class_output: str | None
    timing: Timing | None
    reference: VariantReport
    variants: tuple[VariantReport, ...]
    verdicts: tuple[Verdict, ...] = ()
    command: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    vnni: bool | None = None
    search: SearchReport | None = None
    task: str | None = None

    def __post_init__(self) -> None:
        if not self.variants:
            raise ValueError("it is of no variant")

    @property
    def exit_code(self) -> int:
        """1 if a gate failed, else 0."""
        return int(any(verdict.failed for verdict in self.verdicts))

    def save(self, path: str | Path) -> None:
        """Write it as JSON, Markdown, JUnit XML or an HTML page: .json, .md, .xml, .html.

        Raises:
            UsageError, UnsupportedError, OutputError: see
                :func:`qconv.reporting.report_forms.save_report`.
        """
        from qconv.reporting.report_forms import save_report

        save_report(self, Path(path))

    def __repr__(self) -> str:
        from qconv.reporting.notebook import one_line

        return one_line(self)

    def _repr_html_(self) -> str:
        from qconv.reporting.notebook import to_notebook

        return to_notebook(self)
