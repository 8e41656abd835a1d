"""The one door to data: what a DATA argument is, and a source made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qconv.data.array_folders import NpyFolder, NpzFolder
from qconv.data.callables import FunctionReader
from qconv.data.dataset import Dataset, Reader
from qconv.data.image_files import IMAGE_SUFFIXES, ImageFiles, images_of
from qconv.data.image_reader import Images
from qconv.data.listing import files_in, is_pattern, matches
from qconv.data.loops import Loop, LoopData
from qconv.data.npz import NpzReader
from qconv.data.onnx_sets import OnnxSets, find_onnx_sets
from qconv.data.source import Source, TensorSpec
from qconv.data.texts import Texts, is_text, text_files
from qconv.data.user_function import added_source, load_function, names_function, takes_run
from qconv.errors import DataError, UsageError
from qconv.files import require_regular
from qconv.recipe.images import ImageOptions
from qconv.recipe.texts import TextOptions

DATA_KINDS = (
    "DATA may be a .npz file, an image, a .txt file, a folder of .npz, .npy or image files or of "
    "folders of images, a pattern such as 'images/*.jpg', an ONNX test_data_set_* folder or a "
    "folder of them, or script.py:function"
)

_KINDS = {".npz": ".npz files", ".npy": ".npy files"}
_ORDER = (*_KINDS.values(), "images")
_SUFFIXES = IMAGE_SUFFIXES | _KINDS.keys()


def open_data(
    specs: Sequence[str],
    inputs: Sequence[TensorSpec],
    *,
    samples: int | None = None,
    images: ImageOptions | None = None,
    texts: TextOptions | None = None,
) -> Source:
    """Open data that no model is needed for, see :func:`open_any`.

    Raises:
        DataError: as there, and for a function that wants to run the model.
    """
    data = open_any(specs, inputs, samples=samples, images=images, texts=texts)
    if isinstance(data, LoopData):
        raise DataError(
            f"{', '.join(specs)}: a function with a parameter 'run' needs a model",
            hint="pass it to qconv by name: data='script.py:function'",
        )
    return data


def open_any(
    specs: Sequence[str],
    inputs: Sequence[TensorSpec],
    *,
    samples: int | None = None,
    images: ImageOptions | None = None,
    texts: TextOptions | None = None,
) -> Source | LoopData:
    """Find out what each of ``specs`` is, and validate it against the model's inputs.

    Args:
        specs: one or more of: a ``.npz`` file, an image or a text; a folder of ``.npz``, ``.npy``
            or image files, or of folders of images; a pattern for such files; an ONNX
            ``test_data_set_*`` folder, or a folder of them; ``script.py:function`` or
            ``package.module:function``. Several follow one another.
        inputs: the model's inputs.
        samples: how many to take, spread evenly over the whole; None, or more than there are,
            takes all.
        images: how images become feeds.
        texts: how texts become feeds.

    Returns:
        The samples, validated by the files' headers; values are checked as they are read. If a
        function wants to run the model, they are still to be bound to one.

    Raises:
        UsageError: no spec, ``samples`` below 1, or options of images or texts without any.
        DataError: a spec is none of these, is empty, or does not fit the model.
        UnsupportedError: images are given, and Pillow is not installed.
    """
    if not specs:
        raise UsageError("no data is given", hint=DATA_KINDS)
    if samples is not None and samples < 1:
        raise UsageError(f"the number of samples is {samples}; it must be 1 or more")
    if not inputs:
        raise DataError("the model has no inputs that data could be fed to")
    readers = [
        reader
        for spec in specs
        for reader in (
            [Texts(file, inputs, texts) for file in text_files(spec)]
            if is_text(spec)
            else [_reader(spec, inputs, images)]
        )
    ]
    if images is not None and not any(isinstance(reader, Images) for reader in readers):
        raise UsageError(
            "image options are given, but no data are images",
            hint="leave them out, or name the folder that holds the image files",
        )
    if texts is not None and not any(isinstance(reader, Texts) for reader in readers):
        raise UsageError("a tokenizer or a text window is given, but no data are texts")
    plain = [reader for reader in readers if not isinstance(reader, Loop)]
    if len(plain) < len(readers):
        return LoopData(readers, inputs, samples)
    return Dataset(plain, samples)


def _reader(spec: str, inputs: Sequence[TensorSpec], images: ImageOptions | None) -> Reader | Loop:
    path = Path(spec)
    if path.is_dir():
        return _folder(path, inputs, images)
    if path.exists():
        require_regular(path, "data that qconv reads", DataError)
        if path.suffix.lower() == ".npz":
            return NpzReader(path, inputs)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return Images(ImageFiles(path.parent, [path], whole=False), inputs, images)
        raise _unknown_file(path, inputs)
    if (source := added_source(spec)) is not None:
        return FunctionReader(spec, inputs, source)
    if names_function(spec):
        function = load_function(spec)
        return (
            Loop(spec, function) if takes_run(function) else FunctionReader(spec, inputs, function)
        )
    if is_pattern(spec):
        return _matching(spec, inputs, images)
    raise DataError(f"{spec}: there is no such file or folder", hint=DATA_KINDS)


def _folder(path: Path, inputs: Sequence[TensorSpec], images: ImageOptions | None) -> Reader:
    sets = find_onnx_sets(path)
    if sets:
        return OnnxSets(sets, inputs)
    files = files_in(path, _SUFFIXES)
    reader = _alike(files, path, inputs, f"{path}: the folder holds")
    if reader is not None:
        return reader
    pictures = images_of(path)
    if pictures is None and images is not None and images.labels is not None:
        pictures = ImageFiles(path, (), whole=True)
    if pictures is None:
        raise DataError(f"{path}: the folder holds no data that qconv reads", hint=DATA_KINDS)
    return Images(pictures, inputs, images)


def _matching(pattern: str, inputs: Sequence[TensorSpec], images: ImageOptions | None) -> Reader:
    home, found = matches(pattern)
    files = [path for path in found if path.suffix.lower() in _SUFFIXES]
    if not files:
        raise DataError(
            f"{pattern}: no file that qconv reads matches this pattern", hint=DATA_KINDS
        )
    reader = _alike(files, home, inputs, f"{pattern}: the pattern stands for")
    return reader or Images(ImageFiles(home, files, whole=False), inputs, images)


def _alike(
    files: Sequence[Path], home: Path, inputs: Sequence[TensorSpec], told: str
) -> Reader | None:
    """Return what reads arrays; None where the files are images, or none.

    Raises:
        DataError: they are of several kinds.
    """
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(_KINDS.get(path.suffix.lower(), "images"), []).append(path)
    if len(found) > 1:
        counts = ", ".join(f"{len(found[kind])} {kind}" for kind in sorted(found, key=_ORDER.index))
        raise DataError(
            f"{told} {counts}; expected files of one kind",
            hint="put each kind into a folder of its own",
        )
    if ".npz files" in found:
        return NpzFolder(files, inputs)
    return NpyFolder(files, inputs, home) if ".npy files" in found else None


def _unknown_file(path: Path, inputs: Sequence[TensorSpec]) -> DataError:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return DataError(
            f"{path}: a single .npy file does not say which input it feeds",
            hint=f"name its array: np.savez('{path.stem}.npz', **{{'{inputs[0].name}': array}}), "
            "or give a folder of .npy files, one for each sample",
        )
    if suffix == ".py":
        hint = f"name the function too: {path}:function"
    elif suffix == ".pb":
        hint = f"give the folder it is in: {path.parent}"
    else:
        hint = DATA_KINDS
    return DataError(f"{path}: is of a kind that qconv cannot read", hint=hint)
