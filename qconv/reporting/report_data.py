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
from qconv.reporting.pairing import Pairing


@dataclass(frozen=True)
class Accuracy:
    """Share of the labelled samples that the model gets right, in percent.

    ``top5`` is None where the model has five classes or fewer.
    """

    top1: float
    top5: float | None


@dataclass(frozen=True)
class OutputMetrics:
    """One output of a variant beside the same output of the float model.

    ``sqnr_db`` is in dB, ``kl`` in nats, ``agreement`` in percent; ``kl`` and ``agreement`` are
    None where the last axis holds no distribution. ``broken`` counts the samples where the variant
    gives NaN or Inf and the float model does not, or the other way round. ``kind`` is what the
    output holds: ``classes``, ``vector``, ``map``, ``boxes`` or ``state``; empty in older reports.
    ``rows`` are those that agreement counts, ``sqnr_error`` is the standard error of ``sqnr_db``
    over the samples, in dB; None where it is not known.
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
class Latency:
    """Time of one inference in milliseconds: the median, and what nine of ten runs stay under.

    ``speedup_low`` and ``speedup_high`` are the 95 % confidence interval of the float model's
    median divided by this one's; None for the float model itself. The other limits are those of
    the median and of the 90th percentile, None with fewer than ten runs.
    """

    median_ms: float
    p90_ms: float
    speedup_low: float | None = None
    speedup_high: float | None = None
    median_low: float | None = None
    median_high: float | None = None
    p90_low: float | None = None
    p90_high: float | None = None


@dataclass(frozen=True)
class Overflow:
    """The first value, in graph order, that is too large for the type, and on which sample."""

    value: str
    magnitude: float
    sample: str


@dataclass(frozen=True)
class Simulation:
    """How a variant was run that computes in a type which the runtime here does not round to.

    Each value was rounded to ``dtype`` explicitly; ``watched`` samples were searched for values
    that overflow it.
    """

    dtype: str
    watched: int
    overflow: Overflow | None


@dataclass(frozen=True)
class VariantReport:
    """The numbers of one model file; the float model has no ``outputs`` and no ``fusion``.

    ``simulation`` is there where accuracy and error are simulated; size and latency never are.

    ``name`` is what tables and gates call it, unique within the report. ``size_bytes`` includes
    external data files. ``custom`` maps a metric function to its mean over the samples.
    ``paired`` is there with labels: what became of each sample's answer. ``sha256`` is that of
    the file and its external data, ``origin`` what its metadata say of how it was made.
    ``storage`` lists the layers with weights, ``kept_float`` the operators that nothing
    quantizes, ``portability`` the layers of integers with what could saturate in them.
    ``layers`` tells where the error enters, ``ranges`` how the channels of weights differ, and
    ``histograms`` are those of the tensors that lose most by rounding. ``metrics`` holds all that
    gates call by a name, as far as it was measured. ``task`` are the metrics of what the model is
    for, ``changed`` the first samples whose answer is another one.
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
    metrics: Mapping[str, float] = field(default_factory=dict)
    task: Mapping[str, float] = field(default_factory=dict)
    changed: tuple[ChangedAnswer, ...] = ()

    def __repr__(self) -> str:
        return f"<VariantReport {printable(self.name)}: {megabytes(self.size_bytes)}>"


@dataclass(frozen=True)
class InputSummary:
    """A model input: an axis is an int, a name, or None where it is dynamic and unnamed."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class DataSummary:
    """What the models were run on.

    ``batch`` is the length of the first axis of a sample, ``sha256`` that of all feeds and labels,
    ``calibrated`` how many samples were calibrated on, too, None where no record was given.
    """

    samples: int
    labels: bool
    batch: int
    inputs: tuple[InputSummary, ...]
    sha256: str = ""
    calibrated: int | None = None


@dataclass(frozen=True)
class Timing:
    """How latency was measured; ``threads`` is None where the runtime chose.

    ``batch`` is the length of the first axis of the timed feeds, ``provider`` the runtime's
    execution provider.
    """

    threads: int | None
    batch: int
    runs: int
    warmup: int
    provider: str = "CPUExecutionProvider"


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one variant: the expression was true (``failed``) or not.

    ``values`` holds the metrics that the expression names, in its order. ``noise`` tells, where
    the machine was too noisy to decide, between which numbers the metrics of time lie; whether
    the gate then failed was chosen by the user.
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

    ``class_output`` names the output that top-1 and agreement are read from, None where no output
    has the shape ``[batch, classes]``. ``command`` is the command line that made the report, and
    ``versions`` are those of what the numbers come from. ``vnni`` tells whether the CPU has
    instructions that add products of 8-bit integers in 32 bits, None where that is not known.
    ``search`` is there where the variant was found by ``qconv tune``. ``task`` is what the model
    is for, None where nobody said it.
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
