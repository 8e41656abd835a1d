"""Which image files a DATA argument names, and their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.data.image_labels import absolute, find_labels, read_labels
from qconv.data.listing import files_below, files_in, natural_key
from qconv.errors import DataError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})


@dataclass(frozen=True)
class ImageFiles:
    """Images that were named together.

    Attributes:
        home: the folder in which they lie, or in whose subfolders, which then are their classes.
        paths: the files, in natural order.
        whole: whether they are all that the folder holds, and not a choice of them.
    """

    home: Path
    paths: Sequence[Path]
    whole: bool

    def labelled(self, table: Path | None) -> tuple[list[Path], list[int] | None]:
        """Return the images to use and their labels, if there are any.

        Labels come from a table; else from ``labels.csv`` in the folder or its parent; else from
        the folders that the images lie in, where there are several.

        Raises:
            DataError: the table names none of the images, ``labels.csv`` lacks one of them, or a
                folder that might be a class has no image.
        """
        if table is not None:
            return self._listed(table)
        found = find_labels(self.home)
        if found is not None:
            return self._all_listed(found)
        return list(self.paths), self._by_folder()

    def _listed(self, table: Path) -> tuple[list[Path], list[int] | None]:
        labels = read_labels(table, self.home)
        if not self.whole:
            wanted = {absolute(path) for path in self.paths}
            labels = {path: label for path, label in labels.items() if path in wanted}
        home = absolute(self.home)
        names = sorted((str(path.relative_to(home)) for path in labels), key=natural_key)
        if not names:
            raise DataError(f"{table}: lists no file of the folder {self.home}")
        return [self.home / name for name in names], [labels[home / name] for name in names]

    def _all_listed(self, table: Path) -> tuple[list[Path], list[int] | None]:
        labels = read_labels(table, self.home)
        missing = [path for path in self.paths if absolute(path) not in labels]
        if missing:
            raise DataError(
                f"{missing[0]}: has no label in {table} "
                f"({len(missing)} of {len(self.paths)} images have none)",
                hint=f"add its label, or give {table} as the labels to use only the files it lists",
            )
        return list(self.paths), [labels[absolute(path)] for path in self.paths]

    def _by_folder(self) -> list[int] | None:
        names = [path.relative_to(self.home).parts for path in self.paths]
        if any(len(parts) == 1 for parts in names):
            return None
        folders = sorted(path.name for path in self.home.iterdir() if _may_be_class(path))
        for folder in folders:
            if not files_below(self.home / folder, IMAGE_SUFFIXES):
                if not self.whole:
                    return None
                raise DataError(
                    f"{self.home / folder}: the folder has no images, so it is unclear whether it "
                    "is a class, and which labels the other folders have",
                    hint=f"remove it, give `labels`, or use images without labels: "
                    f"'{self.home}/*/*.jpg'",
                )
        numbers = class_numbers(folders)
        return None if len(folders) < 2 else [numbers[parts[0]] for parts in names]


def class_numbers(folders: Sequence[str]) -> Mapping[str, int]:
    """Return the label of each class: its place among the sorted names, as torchvision has it.

    Where all names are numbers, these are the labels: torchvision would put 10 before 2.
    """
    if all(name.isascii() and name.isdigit() for name in folders):
        return {name: int(name) for name in folders}
    return {name: place for place, name in enumerate(sorted(folders))}


def _may_be_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def images_of(folder: Path) -> ImageFiles | None:
    """Return the images of a folder, or else of its subfolders; None if there are none."""
    paths = files_in(folder, IMAGE_SUFFIXES) or files_below(folder, IMAGE_SUFFIXES)
    return ImageFiles(folder, paths, whole=True) if paths else None
