"""Labels of images, from a CSV file with the columns ``file`` and ``label``."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from qconv.data.input_checks import checked_label
from qconv.errors import DataError
from qconv.files import require_regular

LABELS_FILE = "labels.csv"
_LONGEST_LINE = 1 << 17


def absolute(path: Path) -> Path:
    """Return an absolute path without ``..``, links left as they are."""
    return Path(os.path.normpath(path.absolute()))


def find_labels(folder: Path) -> Path | None:
    """Return ``labels.csv`` of the folder, or else of its parent, where there is one."""
    parent = absolute(folder).parent if folder.name in ("", "..") else folder.parent
    return next((home / LABELS_FILE for home in (folder, parent) if _holds_labels(home)), None)


def _holds_labels(folder: Path) -> bool:
    return (folder / LABELS_FILE).is_file()


def read_labels(table: Path, folder: Path) -> Mapping[Path, int]:
    """Return the label of each listed file that lies in ``folder``, by its absolute path.

    The column ``file`` is relative to the folder, or else to the place of the table, so that one
    table may list several folders. Further columns are ignored.

    Raises:
        DataError: the table cannot be read, lacks a column, lists a file twice or one that is
            missing, or a label is not a whole number.
    """
    labels: dict[Path, int] = {}
    lines: dict[Path, int] = {}
    home = absolute(folder)
    require_regular(table, "a table of labels", DataError)
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(_lines(stream))
            columns = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            if not {"file", "label"} <= set(columns):
                raise DataError(
                    f"{table}: has the columns {', '.join(columns) or 'none'}; "
                    "expected a header with file and label"
                )
            for row in reader:
                where = f"{table}, line {reader.line_num}"
                path = _resolve((row["file"] or "").strip(), folder, table, where)
                if path in lines:
                    raise DataError(
                        f"{where}: the file {row['file']} is already listed in line {lines[path]}"
                    )
                lines[path] = reader.line_num
                label = _number((row["label"] or "").strip(), where)
                if path.is_relative_to(home):
                    labels[path] = label
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: the labels cannot be read: {error}") from error
    return labels


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line has {_LONGEST_LINE:,} characters or more")
        yield line


def _resolve(name: str, folder: Path, table: Path, where: str) -> Path:
    for place in (folder, table.parent):
        path = absolute(place / name)
        if name and path.is_file():
            return path
    raise DataError(
        f"{where}: the file '{name}' is missing; looked in {folder} and {table.parent}",
        hint="correct the line, or give the right table of labels",
    )


def _number(text: str, where: str) -> int:
    try:
        return checked_label(int(text), where)
    except ValueError:
        raise DataError(f"{where}: the label '{text:.60}' is not a whole number") from None
