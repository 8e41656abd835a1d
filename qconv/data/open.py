"""The one door to data: what a DATA argument is, and a source made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qconv.data.array_folders import NpyFolder, NpzFolder
from qconv.data.callables import FunctionReader
from qconv.data.dataset import Dataset, Reader
from qconv.data.image_folder import IMAGE_SUFFIXES, ImageFolder
from qconv.data.listing import files_in
from qconv.data.loops import Loop, LoopData
from qconv.data.npz import NpzReader
from qconv.data.onnx_sets import OnnxSets, find_onnx_sets
from qconv.data.source import Source, TensorSpec
from qconv.data.user_function import load_function, names_function, takes_run
from qconv.errors import DataError, UsageError
from qconv.files import require_regular
from qconv.recipe.images import ImageOptions

DATA_KINDS = (
    "DATA may be a .npz file, a folder of .npz, .npy or image files, "
    "an ONNX test_data_set_* folder or a folder of them, or script.py:function"
)


def open_data(
    specs: Sequence[str],
    inputs: Sequence[TensorSpec],
    *,
    samples: int | None = None,
    images: ImageOptions | None = None,
) -> Source:
    """Open data that no model is needed for, see :func:`open_any`.

    Raises:
        DataError: as there, and for a function that wants to run the model.
    """
    data = open_any(specs, inputs, samples=samples, images=images)
    if isinstance(data, LoopData):
        raise DataError(
            f"{', '.join(specs)}: a function with a parameter 'run' needs a model",
            hint="hand it to qconv by its name: data='script.py:function'",
        )
    return data


def open_any(
    specs: Sequence[str],
    inputs: Sequence[TensorSpec],
    *,
    samples: int | None = None,
    images: ImageOptions | None = None,
) -> Source | LoopData:
    """Find out what each of ``specs`` is, and validate it against the model's inputs.

    Args:
        specs: one or more of: a ``.npz`` file; a folder of ``.npz``, ``.npy`` or image files;
            an ONNX ``test_data_set_*`` folder, or a folder of them; ``script.py:function`` or
            ``package.module:function``. Several follow one another.
        inputs: the model's inputs.
        samples: how many to take, spread evenly over the whole; None, or more than there are,
            takes all.
        images: how images become feeds.

    Returns:
        The samples, validated by the files' headers; values are checked as they are read. If a
        function wants to run the model, they are still to be bound to one.

    Raises:
        UsageError: no spec, ``samples`` below 1, or image options without images.
        DataError: a spec is none of these, is empty, or does not fit the model.
        UnsupportedError: images are given, and Pillow is not installed.
    """
    if not specs:
        raise UsageError("no data is given", hint=DATA_KINDS)
    if samples is not None and samples < 1:
        raise UsageError(f"the number of samples is {samples}; it must be 1 or more")
    if not inputs:
        raise DataError("the model has no inputs that data could be fed to")
    readers = [_reader(spec, inputs, images) for spec in specs]
    if images is not None and not any(isinstance(reader, ImageFolder) for reader in readers):
        raise UsageError(
            "image options are given, but no data is a folder of images",
            hint="leave them out, or name the folder itself that holds the image files",
        )
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
        raise _unknown_file(path, inputs)
    if names_function(spec):
        function = load_function(spec)
        return (
            Loop(spec, function) if takes_run(function) else FunctionReader(spec, inputs, function)
        )
    raise DataError(f"{spec}: there is no such file or folder", hint=DATA_KINDS)


def _folder(path: Path, inputs: Sequence[TensorSpec], images: ImageOptions | None) -> Reader:
    sets = find_onnx_sets(path)
    if sets:
        return OnnxSets(sets, inputs)
    found = {
        ".npz files": files_in(path, {".npz"}),
        ".npy files": files_in(path, {".npy"}),
        "images": files_in(path, IMAGE_SUFFIXES),
    }
    kinds = [kind for kind, files in found.items() if files]
    if len(kinds) > 1:
        counts = ", ".join(f"{len(found[kind])} {kind}" for kind in kinds)
        raise DataError(
            f"{path}: the folder holds {counts}; expected files of one kind",
            hint="put each kind into a folder of its own",
        )
    if found[".npz files"]:
        return NpzFolder(found[".npz files"], inputs)
    if found[".npy files"]:
        return NpyFolder(found[".npy files"], inputs, path)
    if found["images"] or (images is not None and images.labels is not None):
        return ImageFolder(path, inputs, images)
    raise DataError(f"{path}: the folder holds no data that qconv reads", hint=DATA_KINDS)


def _unknown_file(path: Path, inputs: Sequence[TensorSpec]) -> DataError:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        hint = f"name its array: np.savez('{path.stem}.npz', **{{'{inputs[0].name}': array}})"
    elif suffix == ".py":
        hint = f"name the function too: {path}:function"
    elif suffix in IMAGE_SUFFIXES or suffix == ".pb":
        hint = f"give the folder it is in: {path.parent}"
    else:
        hint = DATA_KINDS
    return DataError(f"{path}: is not a kind of data that qconv reads", hint=hint)
