"""Image files, each decoded, resized, cropped and scaled into one feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qconv.data.image_files import ImageFiles
from qconv.data.image_pixels import check_image, read_feed, require_pillow
from qconv.data.image_plan import plan_images
from qconv.data.source import Sample, TensorSpec
from qconv.recipe.images import ImageOptions


class Images:
    """One feed per image file, in natural order of the names.

    Colour is made grey for a model with one channel, grey and palettes are made RGB for three.
    Transparency is dropped.
    """

    def __init__(
        self, files: ImageFiles, inputs: Sequence[TensorSpec], options: ImageOptions | None
    ) -> None:
        """Find the labels, and resolve the options against the model.

        Raises:
            DataError: the model does not take images, or files and labels do not match.
            UnsupportedError: Pillow is not installed.
            UsageError: the options are incomplete, or contradict the model's input.
        """
        options = options or ImageOptions()
        where = str(files.home if files.whole else files.paths[0])
        self._plan = plan_images(options, inputs, where)
        require_pillow(where)
        self._paths, self._labels = files.labelled(options.labels)

    def __len__(self) -> int:
        return len(self._paths)

    def check(self, indices: Iterable[int]) -> None:
        """Open the chosen files as far as their headers.

        Raises:
            DataError: a file is not an image, or has a size that does not fit.
        """
        for index in indices:
            check_image(self._paths[index], self._plan)

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen images, decoded one at a time.

        Raises:
            DataError: an image is broken.
        """
        for index in indices:
            path = self._paths[index]
            label = None if self._labels is None else self._labels[index]
            yield Sample({self._plan.spec.name: read_feed(path, self._plan)}, label, str(path))
