"""The ONNX project's own form of test data: ``test_data_set_*/input_*.pb``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from qconv.data.input_checks import fit, quoted
from qconv.data.listing import files_in, natural_key
from qconv.data.source import Feeds, Sample, TensorSpec
from qconv.errors import DataError


def _input_files(folder: Path) -> dict[int, Path]:
    found = {}
    for path in files_in(folder, {".pb"}):
        match = re.fullmatch(r"input_(\d+)\.pb", path.name)
        if match is not None:
            found[int(match[1])] = path
    return found


def find_onnx_sets(folder: Path) -> list[Path]:
    """Return the folder itself where it is a set, else the ``test_data_set_*`` in it, in order."""
    if folder.name.startswith("test_data_set_") or _input_files(folder):
        return [folder]
    sets = [path for path in folder.glob("test_data_set_*") if path.is_dir()]
    return sorted(sets, key=lambda path: natural_key(path.name))


class OnnxSets:
    """One feed per set: ``input_N.pb`` goes to the model's input number N.

    Where every tensor bears the name of another input, names decide instead of numbers.
    ``output_N.pb`` files are not read.
    """

    def __init__(self, folders: Sequence[Path], inputs: Sequence[TensorSpec]) -> None:
        self._folders = folders
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._folders)

    def check(self, indices: Iterable[int]) -> None:
        """Read the chosen sets once, one at a time: the files have no headers to go by.

        Raises:
            DataError: a set is incomplete, damaged, or does not fit the model.
        """
        for index in indices:
            self._feeds(self._folders[index])

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen sets, with one in memory at a time.

        Raises:
            DataError: a set is incomplete, damaged, does not fit the model, or holds NaN or Inf.
        """
        for index in indices:
            folder = self._folders[index]
            yield Sample(self._feeds(folder), None, str(folder))

    def _feeds(self, folder: Path) -> Feeds:
        from qconv.graph.tensors import read_tensor

        files = _input_files(folder)
        names = [spec.name for spec in self._inputs]
        if sorted(files) != list(range(len(names))):
            raise DataError(
                f"{folder}: found {quoted([path.name for path in files.values()])}; "
                f"expected {quoted([f'input_{index}.pb' for index in range(len(names))])}, "
                f"for the model's inputs {quoted(names)}"
            )
        tensors = [read_tensor(files[index]) for index in range(len(names))]
        if {name for name, _ in tensors} == set(names):
            return fit(dict(tensors), self._inputs, str(folder))
        arrays = {name: array for name, (_, array) in zip(names, tensors, strict=True)}
        return fit(arrays, self._inputs, str(folder))
