"""What every function of the pipeline is given: models, data, records and where to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qconv.calibration.record import Record
from qconv.calibration.record_file import read_record
from qconv.data import LoopData, NamedData, Source, TensorSpec
from qconv.graph.model_io import LoadedModel
from qconv.runtime.runner import Runner

OpenData = Callable[[Sequence[TensorSpec]], Source | LoopData]
Data = Sequence[str] | OpenData
Assume = Mapping[str, str | float | bool | Sequence[float]]


def written(assume: Assume | None) -> dict[str, str]:
    """Return assumptions as the command line writes them: ``16000``, ``1,2,3``."""
    return {
        name: ",".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
        for name, value in (assume or {}).items()
    }


def opener(data: Data) -> OpenData:
    """Return the function that opens the samples."""
    if callable(data):
        return data
    return NamedData([data] if isinstance(data, str) else list(data))


def samples_for(loaded: LoadedModel, data: Data, inputs: Sequence[TensorSpec]) -> Source:
    """Open the samples; those of a loop are what the float model itself makes of it."""
    opened = opener(data)(inputs)
    if not isinstance(opened, LoopData):
        return opened
    return opened.bound(Runner.open(loaded.path, threads=None, assumed=loaded.assumed).answer)


def given_record(calibration: Record | str | Path | None, loaded: LoadedModel) -> Record | None:
    """Read the record that was given, if one was, and refuse that of another model."""
    if calibration is None:
        return None
    given = isinstance(calibration, Record)
    record = calibration if isinstance(calibration, Record) else read_record(Path(calibration))
    label = "the record" if given else str(calibration)
    record.require_model(loaded.fingerprint, label, loaded.assumptions)
    return record
