"""Data by name, as a command line gives them: the files, and how to open them for a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qconv.data.image_files import IMAGE_SUFFIXES, images_of
from qconv.data.image_labels import find_labels
from qconv.data.listing import files_in, is_pattern, matches
from qconv.data.loops import LoopData
from qconv.data.onnx_sets import find_onnx_sets
from qconv.data.open import open_any
from qconv.data.source import Source, TensorSpec
from qconv.data.texts import is_text, text_files
from qconv.data.user_function import script_of
from qconv.recipe.images import ImageOptions
from qconv.recipe.texts import TextOptions

_SUFFIXES = IMAGE_SUFFIXES | {".npz", ".npy", ".pb"}


@dataclass(frozen=True)
class NamedData:
    """What :func:`open_any` takes, but for the model's inputs; call it with those."""

    specs: Sequence[str]
    samples: int | None = None
    images: ImageOptions | None = None
    texts: TextOptions | None = None
    beside: Sequence[Path] = ()
    """Files that were read to know how to open them."""

    def __call__(self, inputs: Sequence[TensorSpec]) -> Source | LoopData:
        """Open the data, see :func:`open_any`."""
        return open_any(
            self.specs, inputs, samples=self.samples, images=self.images, texts=self.texts
        )

    @property
    def has_images(self) -> bool:
        """Whether any of the data are images."""
        return any(path.suffix.lower() in IMAGE_SUFFIXES for path in self.files())

    @property
    def has_texts(self) -> bool:
        """Whether any of the data are texts."""
        return any(is_text(spec) for spec in self.specs)

    def sampled_files(self) -> Iterator[Path]:
        """Yield the files that hold the samples, with all links followed."""
        for file in self.files():
            if file not in self.beside and file.suffix.lower() not in (".py", ".csv"):
                yield file.resolve()

    def files(self) -> Iterator[Path]:
        """Yield the files that are read: data, labels and scripts.

        What a script imports or opens itself is not known.
        """
        yield from self.beside
        if self.images is not None and self.images.labels is not None:
            yield self.images.labels
        for spec in self.specs:
            path = Path(spec)
            if path.is_dir():
                yield from _files_of(path)
            elif is_text(spec):
                yield from text_files(spec)
            elif path.exists():
                yield path
            elif is_pattern(spec):
                yield from matches(spec)[1]
            else:
                yield script_of(spec)


def _files_of(folder: Path) -> Iterator[Path]:
    for place in {folder, *find_onnx_sets(folder)}:
        yield from files_in(place, _SUFFIXES)
    images = images_of(folder)
    if images is not None:
        yield from images.paths
    labels = find_labels(folder)
    if labels is not None:
        yield labels
