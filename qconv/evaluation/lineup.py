"""The float model and its variants, open in the runtime, with the samples they are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.data.loops import LoopData, OpenData, bind
from qconv.data.source import Feeds, Sample, Source, TensorSpec
from qconv.errors import DataError
from qconv.evaluation.simulation import HalfSimulation
from qconv.evaluation.timing import first_samples
from qconv.evaluation.traits import Traits, read_traits
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.report_data import DataSummary, InputSummary
from qconv.runtime.runner import Place, Runner, check_outputs, check_same_ports


@dataclass(frozen=True)
class OpenModel:
    """One model of a report; ``half`` simulates one that computes in float16 or bfloat16."""

    name: str
    path: Path
    runner: Runner
    half: HalfSimulation | None = None

    @classmethod
    def variant(cls, name: str, path: Path, place: Place) -> OpenModel:
        """Open a variant, or its simulation on the CPU, which would compute it in float32."""
        known = place.is_cpu and path.is_file()
        half = HalfSimulation.of(path, place.assumed, 1) if known else None
        return cls(name, path, half.runner if half else place.open(path, threads=1), half)


@dataclass(frozen=True)
class Lineup:
    """Everything that a report measures on, apart from the speed.

    ``data`` holds the samples as they were opened, ``source`` as the float model meets them;
    ``first`` are the first of them, at least one.
    """

    place: Place
    reference: OpenModel
    variants: tuple[OpenModel, ...]
    data: Source | LoopData
    source: Source
    first: Sequence[Sample]
    traits: Traits

    @classmethod
    def open(
        cls,
        names: Sequence[str],
        paths: Sequence[Path],
        place: Place,
        data: OpenData,
        batch: int | None,
        settings: TaskSettings,
    ) -> Lineup:
        """Open the models, the float model first, and the data.

        Args:
            names: what the report calls each model.
            paths: their files.
            place: where they run.
            data: opens the samples for the float model's inputs.
            batch: samples that a timed inference takes; so many are read ahead.
            settings: what outputs hold, and what the model is for.

        Raises:
            ModelError: a model cannot be loaded, or differs in inputs or outputs.
            DataError: there are no samples, or they do not fit.
            UnsupportedError: the runtime cannot run a model.
        """
        reference = OpenModel(names[0], paths[0], place.open(paths[0], threads=1))
        variants = tuple(
            OpenModel.variant(name, path, place)
            for name, path in zip(names[1:], paths[1:], strict=True)
        )
        check_outputs(reference.runner)
        for variant in variants:
            check_same_ports(reference.runner, variant.runner)
        opened = data(reference.runner.specs)
        source = bind(opened, reference.runner.answer)
        first = first_samples(source, batch)
        if not first:
            raise DataError("the data has no samples")
        answer = reference.runner.run(first[0])
        traits = read_traits(reference.runner, first[0], answer, settings)
        return cls(
            place, reference, variants, data=opened, source=source, first=first, traits=traits
        )

    @property
    def models(self) -> tuple[OpenModel, ...]:
        """All models, the float model first."""
        return (self.reference, *self.variants)

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """The inputs that samples hold."""
        return self.reference.runner.specs

    @property
    def feeds(self) -> Feeds:
        """One complete feed: the first sample and the assumed inputs."""
        return {**self.first[0].feeds, **self.place.assumed}

    def summary(self, sha256: str) -> DataSummary:
        """Return what the report tells of the data, whose hash is given."""
        inputs = tuple(InputSummary(spec.name, spec.dtype.name, spec.shape) for spec in self.specs)
        traits = self.traits
        return DataSummary(len(self.source), traits.labels, traits.batch, inputs, sha256)
