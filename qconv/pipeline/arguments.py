"""What every function of the pipeline is given: models, data, records and where to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qconv.calibration.record import Record
from qconv.calibration.record_file import read_record
from qconv.data import LoopData, NamedData, Source, TensorSpec, check_batchable
from qconv.data.loops import OpenData
from qconv.graph.model_io import LoadedModel
from qconv.runtime.runner import Runner

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


def samples_for(
    loaded: LoadedModel, data: Data, inputs: Sequence[TensorSpec], batch_size: int
) -> Source:
    """Open the samples; those of a loop are what the float model itself makes of it.

    Raises:
        DataError: the data do not fit, or a batch of more than one does not fit the inputs.
    """
    if batch_size > 1:
        check_batchable(inputs)
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
