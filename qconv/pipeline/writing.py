"""The end of a conversion: a file that has been checked, loaded and run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from qconv.conversions.provenance import provenance
from qconv.conversions.work import Remark
from qconv.evaluation.judge import Judgement
from qconv.graph.model_io import model_bytes
from qconv.graph.prepare.unused import remove_domains, remove_notes, remove_unused
from qconv.graph.saving import save_model
from qconv.memory import megabytes
from qconv.outputs import Reads, staged
from qconv.pipeline.starting import Started
from qconv.placement.plan import Decisions
from qconv.printable import printable
from qconv.recipe.settings import runs_on_cpu
from qconv.recipe.sources import Storage
from qconv.runtime.trial import require_running, require_valid


@dataclass(frozen=True)
class Conversion:
    """A written model: where it is, and its size and the original model's in bytes.

    ``plan`` says of each operator whether it was converted; ``note`` sums up how,
    and ``remarks`` say what is worth knowing about the result. ``judgement`` holds the errors at
    its outputs, where there were samples to measure them on; ``doubt`` says so where calibration
    saw few.
    """

    path: Path
    size_bytes: int
    float_bytes: int
    plan: Decisions
    note: str
    remarks: tuple[Remark, ...] = ()
    judgement: Judgement | None = None
    doubt: str | None = None

    def __repr__(self) -> str:
        sizes = f"{megabytes(self.size_bytes)} of {megabytes(self.float_bytes)}"
        return f"<Conversion {printable(str(self.path))}: {sizes}, {self.plan!r}>"


def write(
    done: Started,
    path: Path,
    *,
    storage: Storage | None = None,
    force: bool = False,
    reads: Reads = (),
) -> Conversion:
    """Write a model of which all steps are done.

    The file takes its final name only after the ONNX checker has passed it and the runtime has
    loaded and run it.

    Args:
        done: what was made.
        path: the file to write.
        storage: whether weights go to a file of their own; None: from 1 GB on, or if the float
            model's do.
        force: replace an output that exists.
        reads: files that may not change.

    Raises:
        ModelError, OutputError, UnsupportedError: see :func:`qconv.pipeline.conversion.convert`.
    """
    loaded, work, kind = done.loaded, done.work, done.kind
    source = loaded.path
    remove_unused(work.model)
    remove_notes(work.model)
    remove_domains(work.model, kind.target.domains)
    work.model.metadata_props.update(
        provenance(
            *(loaded, work.record, work.settings, kind.target.name), changed_plan=work.changed
        )
    )
    with staged(path, force=force, reads=reads, model=True) as temporary:
        external = Storage("always" if loaded.external else "auto")
        save_model(work.model, temporary, storage or external)
        shapes = {} if work.record is None else work.record.feed_shapes
        judgement = None
        if runs_on_cpu(kind.settings):
            require_running(temporary, source, shapes, loaded.assumed)
            judgement = None if work.judge is None else work.judge.judge(temporary)
        else:
            require_valid(temporary, source, shapes, loaded.assumed)
        sizes = model_bytes(temporary), model_bytes(source)
    made = Conversion(path, *sizes, work.plan, work.note, tuple(work.remarks))
    doubt = None if work.record is None else work.record.doubt
    return replace(made, judgement=judgement, doubt=doubt)
