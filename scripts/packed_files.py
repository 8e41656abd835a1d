"""Check what sdist and wheel in a folder hold: ``python scripts/packed_files.py dist``."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
LARGEST_WHEEL = 800_000
"""Bytes. The wheel holds about 450 small files of source text, and nothing else of size."""

SUFFIXES = {".py", ".html", ".css", ".js", ".typed"}
DIST_INFO = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def sources() -> set[str]:
    """Return the files of the package as the tree has them, from its root, without caches."""
    files = (path for path in (ROOT / "qconv").rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}


def wheel_faults(wheel: Path) -> list[str]:
    """Return a sentence for each thing in a wheel that should not be, or lacks."""
    with zipfile.ZipFile(wheel) as archive:
        names = {entry.filename for entry in archive.infolist()}
    project, version = wheel.name.split("-")[:2]
    about = f"{project}-{version}.dist-info/"
    package = {name for name in names if not name.startswith(about)}
    odd = {name for name in package if PurePosixPath(name).suffix not in SUFFIXES}
    size = wheel.stat().st_size
    return [
        *_differences(wheel.name, package, sources()),
        *_differences(wheel.name, names - package, {about + name for name in DIST_INFO}),
        *(f"{wheel.name} holds {name}, which is neither code nor a template" for name in odd),
        *([f"{wheel.name} takes {size:,} bytes"] if size > LARGEST_WHEEL else []),
    ]


def sdist_faults(sdist: Path) -> list[str]:
    """Return a sentence for each file in an sdist that git does not know, or that lacks.

    Without a repository, nothing is known of what should be there.
    """
    if not (ROOT / ".git").exists():
        return []
    line = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout
    with tarfile.open(sdist) as archive:
        files = {member.name for member in archive.getmembers() if member.isfile()}
    names = {name.split("/", 1)[1] for name in files}
    return _differences(sdist.name, names - {"PKG-INFO"}, set(listed.split("\0")) - {""})


def _differences(where: str, found: set[str], meant: set[str]) -> list[str]:
    return [
        *(f"{where} holds {name}, which does not belong there" for name in sorted(found - meant)),
        *(f"{where} lacks {name}" for name in sorted(meant - found)),
    ]


if __name__ == "__main__":
    ((sdist,), (wheel,)) = (sorted(Path(sys.argv[1]).glob(end)) for end in ("*.tar.gz", "*.whl"))
    faults = wheel_faults(wheel) + sdist_faults(sdist)
    sys.exit("\n".join(faults) if faults else None)
