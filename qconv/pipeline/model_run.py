"""The tasks of one model of a run: its record, its variants, its report.

What does the work is imported when a task is done: finding that nothing has changed takes a moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from qconv.data import NamedData
from qconv.evaluation.custom import metric_scripts
from qconv.pipeline.chosen_data import chosen_data
from qconv.pipeline.depends import Parts, names, texts
from qconv.pipeline.repeated import Repeated, Task
from qconv.pipeline.report_files import report_files, write_report
from qconv.pipeline.watcher import Watcher
from qconv.progress import Progress
from qconv.recipe.resolve import Chosen
from qconv.recipe.settings import (
    DynamicSettings,
    HalfSettings,
    Int8Settings,
    Settings,
    WeightOnlySettings,
)
from qconv.recipe.sources import CalibrateSettings, ConvertSettings, ModelSettings, RunSettings
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.judging import judged_again
from qconv.reporting.report_data import Report
from qconv.reporting.report_json import read_report

_MODES = {Int8Settings: "static", DynamicSettings: "dynamic", WeightOnlySettings: "weight-only"}


@dataclass
class ModelRun:
    """One model of a run.

    Attributes:
        model: the float model.
        chosen: what was chosen.
        settings: those of each type.
        tasks: what was made before.
        watcher: is told what is done.
        progress: shown over the samples.
        dry_run: whether nothing is done, only told.
    """

    model: Path
    chosen: Chosen
    settings: Mapping[str, Settings]
    tasks: Repeated
    watcher: Watcher
    progress: Progress
    dry_run: bool
    _anew: set[str] = field(default_factory=set)

    def require_free(self) -> None:
        """Refuse to replace what no run has made.

        Raises:
            OutputError: it names the file.
        """
        for path in (self._record_file, *self._variants.values()):
            self.tasks.require_free(path)
        self.tasks.require_free(self.report_file, *report_files(self.report_file))

    def run(self) -> Report | None:
        """Do the tasks that have to be done; return the report, if there is one.

        Raises:
            QconvError: see :func:`qconv.pipeline.running.run`.
        """
        if self._needs_record:
            self._do(Task(self._record_file, self._record_parts, self._calibrate), [])
        for dtype in self.settings:
            upstream = [self._record_file] if self._learns(dtype) == "record" else []
            self._convert(dtype, upstream)
        return self._report() if self._asked.test_data else None

    def _do(self, task: Task, upstream: Sequence[Path]) -> None:
        anew = [f"{path.name} is made anew" for path in upstream if path.name in self._anew]
        reasons = anew or self.tasks.reasons(task)
        if not reasons:
            self.watcher.unchanged(task.output)
            return
        self.watcher.begins(task.output, reasons)
        if self.dry_run:
            self._anew.add(task.output.name)
        else:
            self.tasks.do(task)

    @cached_property
    def _asked(self) -> RunSettings:
        return self.chosen.build(RunSettings)

    @property
    def _task(self) -> TaskSettings:
        return self.chosen.build(TaskSettings)

    @property
    def _given(self) -> ModelSettings:
        return self.chosen.build(ModelSettings)

    @cached_property
    def _collected(self) -> CalibrateSettings:
        return self.chosen.build(CalibrateSettings)

    @cached_property
    def _data(self) -> NamedData | None:
        return chosen_data(self.chosen, self.model) if "data" in self.chosen else None

    @cached_property
    def _test_chosen(self) -> Chosen:
        return self.chosen.for_tests()

    @property
    def _record_file(self) -> Path:
        return self._asked.output / f"{self.model.stem}.qcal"

    @property
    def report_file(self) -> Path:
        """The JSON report, from which the other forms are written."""
        return self._asked.output / f"{self.model.stem}.report.json"

    @property
    def _variants(self) -> Mapping[str, Path]:
        return {d: self._asked.output / f"{self.model.stem}.{d}.onnx" for d in self.settings}

    def _learns(self, dtype: str) -> str:
        """Return what a type learns from: ``record``, ``data`` or nothing."""
        settings = self.settings[dtype]
        if isinstance(settings, Int8Settings):
            again = settings.needs_samples or bool(settings.float_count)
        elif isinstance(settings, WeightOnlySettings):
            again = settings.sequential
        elif isinstance(settings, HalfSettings):
            again = True
        else:
            return ""
        if self.chosen.build(ConvertSettings).calibration is not None:
            return "given"
        return "" if self._data is None else "data" if again else "record"

    @property
    def _record(self) -> Path | None:
        """The record of what was calibrated on, if there is one."""
        given = self.chosen.build(ConvertSettings).calibration
        return self._record_file if self._needs_record else given

    @property
    def _needs_record(self) -> bool:
        return any(self._learns(dtype) == "record" for dtype in self.settings)

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self.model, self._given, self.tasks.digests)

    @cached_property
    def _common(self) -> dict[str, str]:
        return self._parts.common()

    @cached_property
    def _record_parts(self) -> Mapping[str, str]:
        assert self._data is not None
        collected = {n: t for n, t in texts(self._collected).items() if n != "batch-size"}
        return {**self._common, **self._parts.of_data("data", self._data), **collected}

    def _calibrate(self) -> Sequence[Path]:
        from qconv.pipeline.calibration import calibrate

        assert self._data is not None
        self.watcher.reads(self.chosen, self._data)
        collected = self._collected
        record = calibrate(
            self.model,
            data=self._data,
            output=self._record_file,
            assume=self._given.constants,
            target=self._given.target,
            statistics=collected.statistics,
            values=collected.values,
            keep_samples=collected.keep_samples,
            batch_size=collected.batch_size,
            custom_ops=self._given.custom_ops,
            force=True,
            progress=self.progress,
        )
        self.watcher.calibrated(self._record_file, record)
        return [self._record_file]

    def _convert(self, dtype: str, upstream: Sequence[Path]) -> None:
        settings, learns = self.settings[dtype], self._learns(dtype)
        storage = self.chosen.storage()
        parts = self._common | texts(settings)
        if type(settings) in _MODES:
            parts["mode"] = _MODES[type(settings)]
        if storage is not None:
            parts |= texts(storage)
        record = self._record_file if learns == "record" else None
        if learns == "given":
            record = self.chosen.build(ConvertSettings).calibration
        if record is not None and not (self.dry_run and record.name in self._anew):
            parts["the record"] = self._parts.of("the record", [record])
        data = self._data if learns == "data" else None
        if data is not None:
            parts |= self._parts.of_data("data", data)
        output = self._variants[dtype]

        def make() -> Sequence[Path]:
            from qconv.graph.model_io import model_files
            from qconv.pipeline.conversion import convert

            if data is not None:
                self.watcher.reads(self.chosen, data)
            conversion = convert(
                self.model,
                output,
                calibration=record,
                data=data,
                settings=settings,
                assume=self._given.constants,
                target=self._given.target,
                batch_size=self._collected.batch_size,
                custom_ops=self._given.custom_ops,
                storage=storage,
                force=True,
                progress=self.progress,
            )
            self.watcher.converted(conversion, settings)
            return model_files(output)

        self._do(Task(output, parts, make), upstream)

    def _report(self) -> Report | None:
        asked, variants = self._asked, self._variants
        data = chosen_data(self._test_chosen, self.model)
        record = self._record
        if self._data is not None and record is None:
            shared = {*self._data.sampled_files()}.intersection(data.sampled_files())
            if shared:
                self.watcher.shares(len(shared))
        scripts = metric_scripts(asked.metric)
        parts = self._common | self._parts.of_data("test-data", data)
        parts |= {"metric": names(asked.metric)} if asked.metric else {}
        parts |= {"the scripts of metrics": self._parts.of("scripts", scripts)} if scripts else {}
        parts |= {} if asked.latency else {"latency": "false"}
        parts |= self._parts.of_task(self._task)
        for path in variants.values():
            if path.name not in self._anew:
                parts[path.name] = self._parts.of_model(path)

        def make() -> Sequence[Path]:
            from qconv.pipeline.comparison import report

            self.watcher.reads(self._test_chosen, data)
            found = report(
                self.model,
                list(variants.values()),
                data=data,
                fail_if=asked.fail_if,
                undecided=asked.undecided,
                metrics=asked.metric,
                assume=self._given.constants,
                latency=asked.latency,
                settings=self._task,
                details=True,
                command="qconv run",
                calibration=record,
                custom_ops=self._given.custom_ops,
                progress=self.progress,
            )
            files = write_report(found, self.report_file)
            self.watcher.reported(files)
            return files

        task = Task(self.report_file, parts, make)
        self._do(task, list(variants.values()))
        return None if self.dry_run else self._judged(task)

    def _judged(self, task: Task) -> Report:
        """Return the report with the verdicts of the gates that are asked for now."""
        found, gates = read_report(task.output), self._asked.fail_if
        judged = replace(found, verdicts=())
        if gates:
            fails = self._asked.undecided == "fail"
            judged = judged_again(found, gates, None, str(task.output), undecided_fails=fails)
        if judged != found:
            self.tasks.do(replace(task, make=lambda: write_report(judged, task.output)))
        return judged
