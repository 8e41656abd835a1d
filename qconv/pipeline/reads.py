"""The files that a command reads, none of which may change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qconv.data import NamedData
from qconv.data.loops import OpenData
from qconv.graph.model_io import model_files


@dataclass(frozen=True)
class ReadFiles:
    """Yields what each file is, for messages, and where; found when it is first asked for.

    ``models`` count with their external data, ``others`` are None where they are not given,
    ``libraries`` are those of operators. What functions of the user's read is not known.
    """

    models: Sequence[tuple[str, Path]] = ()
    others: Sequence[tuple[str, Path | None]] = ()
    data: OpenData | None = None
    libraries: Sequence[str | Path] = ()

    def __iter__(self) -> Iterator[tuple[str, Path]]:
        return iter(self._found)

    @cached_property
    def _found(self) -> list[tuple[str, Path]]:
        found = [(what, file) for what, file in self.others if file is not None]
        found += [("a library of operators", Path(library)) for library in self.libraries]
        if isinstance(self.data, NamedData):
            found += [("the data", file) for file in self.data.files()]
        for what, model in self.models:
            path, *weights = model_files(model)
            found += [(what, path), *((f"external data of {what}", file) for file in weights)]
        return found
