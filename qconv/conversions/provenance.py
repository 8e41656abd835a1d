"""Where a written model comes from, told in its metadata."""

from __future__ import annotations

import json
from dataclasses import asdict

from qconv.calibration.record import Record, record_hash
from qconv.graph.assume import ASSUMED
from qconv.graph.model_io import LoadedModel
from qconv.recipe.settings import Settings, dtype_of
from qconv.version import __version__


def provenance(
    loaded: LoadedModel,
    record: Record | None,
    settings: Settings,
    target: str,
    *,
    changed_plan: bool,
) -> dict[str, str]:
    """Return the metadata: version, settings, and hashes of the float model and the record.

    Inputs that were fixed to constants are told as JSON: ``{"sr": "16000"}``.
    """
    made: dict[str, object] = {**asdict(settings), "target": target}
    if changed_plan:
        made["plan"] = "given"
    lines = {
        "qconv.version": __version__,
        "qconv.dtype": dtype_of(settings),
        "qconv.settings": json.dumps(made, sort_keys=True),
        "qconv.float_model": loaded.fingerprint,
    }
    if loaded.assumed:
        lines[ASSUMED] = json.dumps(loaded.assumptions)
    return lines if record is None else {**lines, "qconv.record": record_hash(record)}
