"""The one door through which a model file comes in.

A model is looked at before anything is built from it, and before the runtime or the ONNX checker
opens its file. It is refused if something in it is not what it declares, or if it names files that
are not its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from qconv.errors import ModelError
from qconv.files import require_regular
from qconv.graph.external import embed_external, resolve_external
from qconv.graph.parsing import parse, undecoded
from qconv.graph.sparse import make_dense
from qconv.graph.structure import fault
from qconv.graph.tensor_protos import all_tensors, check_stored, is_external


@dataclass(frozen=True)
class SoundModel:
    """What a sound model file holds, and the files of its external data.

    The initializers of the main graph may be external; all other tensors are in ``proto``, and
    sparse ones are dense there.
    """

    proto: onnx.ModelProto
    files: tuple[Path, ...]


_Identity = tuple[Path, int, int, int, int, int]
_known: dict[_Identity, dict[Path, _Identity]] = {}
"""The external data of each file that was found sound, so that none is parsed to ask again."""


def open_sound(path: Path) -> SoundModel:
    """Read a model file.

    Raises:
        ModelError: the file is missing, not ONNX, truncated or no regular file; its nodes do not
            fit together; a tensor does not hold what it declares; or external data are missing,
            too short, or not in the model's own folder.
        UnsupportedError: a sparse tensor is far too large once it is dense.
    """
    require_regular(path, "an ONNX file", ModelError)
    identity = _identity(path)  # of what is parsed, or of what was there before it
    proto = parse(path)
    invalid = f"{path}: not a valid ONNX model"
    if (text := undecoded(proto)) is not None:
        raise ModelError(f"{invalid}: a name in it is not UTF-8: {text!r}")
    if found := fault(proto):
        raise ModelError(f"{invalid}: {found}")
    external = []
    for tensor in all_tensors(proto):
        if is_external(tensor):
            external.append(tensor)
        else:
            check_stored(tensor, path)
    mapped = sum(map(is_external, proto.graph.initializer))
    files = {file: _identity(file) for file in resolve_external(external, path)}
    embed_external(external[mapped:], path)
    make_dense(proto, path)
    _known[identity] = files
    return SoundModel(proto, tuple(files))


def data_files(path: Path) -> tuple[Path, ...]:
    """Return the files of external data of a model, links followed; see :func:`open_sound`."""
    require_regular(path, "an ONNX file", ModelError)
    known = _known.get(_identity(path))
    if known is None or not all(_is_unchanged(*file) for file in known.items()):
        return open_sound(path).files
    return tuple(known)


def require_sound(path: Path) -> None:
    """Refuse a model file that nothing must open; see :func:`open_sound`."""
    data_files(path)


def _identity(path: Path) -> _Identity:
    """Return what tells whether a file is the one that was read before."""
    status = path.stat()
    times = status.st_mtime_ns, status.st_ctime_ns
    return path.absolute(), status.st_dev, status.st_ino, status.st_size, *times


def _is_unchanged(file: Path, identity: _Identity) -> bool:
    try:
        return _identity(file) == identity
    except OSError:
        return False
