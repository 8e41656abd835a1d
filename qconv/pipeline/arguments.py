"""What every function of the pipeline is given: models, data, records and where to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qconv.calibration.record import Record
from qconv.calibration.record_file import read_record
from qconv.data import LoopData, Source, TensorSpec, check_batchable
from qconv.data.loops import OpenData
from qconv.errors import UsageError
from qconv.graph.model_io import LoadedModel
from qconv.pipeline.chosen_data import chosen_data
from qconv.recipe.keywords import DATA_KEYWORDS, from_keywords
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


def opener(data: Data, model: Path, options: Mapping[str, object] | None = None) -> OpenData:
    """Return the function that opens the samples for a model.

    Args:
        data: what names them, or such a function.
        model: its file, beside which lies how images and texts are read.
        options: how they are read, by the names of the options.

    Raises:
        UsageError: options are wrong, or go with a function.
        InputError, UnsupportedError: a preprocessor_config.json cannot be followed.
    """
    if not callable(data):
        places = [data] if isinstance(data, str) else list(data)
        return chosen_data(from_keywords({"data": places, **(options or {})}, DATA_KEYWORDS), model)
    for name in from_keywords(options or {}, DATA_KEYWORDS).values:
        raise UsageError(f"`{name}` says how named data are read; these come from a function")
    return data


def samples_for(
    loaded: LoadedModel, data: OpenData, inputs: Sequence[TensorSpec], batch_size: int
) -> Source:
    """Open the samples; those of a loop are what the float model itself makes of it.

    Raises:
        DataError: the data do not fit, or a batch of more than one does not fit the inputs.
    """
    if batch_size > 1:
        check_batchable(inputs)
    opened = data(inputs)
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
