"""Build sdist and wheel, and again elsewhere, and compare: ``python scripts/build_twice.py dist``.

The second build starts from the unpacked sdist, in another folder, with other times and rights of
files, another umask, locale, time zone and seed of hashes. Equal bytes say that both depend on
nothing but the sources, hatchling and zlib, and that the sdist holds all that a wheel needs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKED = ("*.tar.gz", "*.whl")
LONG_AGO = 1_000_000_000
"""Another time of files than any checkout gives, in seconds since 1970."""

ELSEWHERE = {"LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"}


def epoch() -> dict[str, str]:
    """Return the time that packed files get: that of the last commit, if there is a repository.

    SOURCE_DATE_EPOCH of the environment wins; without either, hatchling takes 2020-02-02.
    """
    if "SOURCE_DATE_EPOCH" in os.environ or not (ROOT / ".git").exists():
        return {}
    line = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    commit = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {"SOURCE_DATE_EPOCH": commit.strip()}


def build(tree: Path, folder: Path, environment: dict[str, str], umask: int = -1) -> None:
    """Write sdist and wheel of a tree into a folder; a umask of -1 is that of this process."""
    line = [sys.executable, "-P", "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(
        line,
        cwd=tree,
        env=os.environ | environment,
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"hatchling failed in {tree}:\n{done.stdout}")


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist for its owner alone, with old times; return the folder of the sources."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    for path in tree.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return tree


def build_twice(folder: Path) -> list[Path]:
    """Build into a folder and elsewhere; return the sdist and the wheel, or end the process.

    What the folder held of earlier builds is removed.
    """
    folder.mkdir(exist_ok=True)
    for pattern in PACKED:
        for old in folder.glob(pattern):
            old.unlink()
    time = epoch()
    build(ROOT, folder, time)
    built = [path for pattern in PACKED for path in folder.glob(pattern)]
    with tempfile.TemporaryDirectory() as name:
        elsewhere = Path(name)
        tree = unpack(built[0], elsewhere / "sources")
        build(tree, elsewhere / "again", time | ELSEWHERE, umask=0o077)
        for path in built:
            again = elsewhere / "again" / path.name
            if not again.is_file() or again.read_bytes() != path.read_bytes():
                kept = shutil.copy(again, f"{path}.again") if again.is_file() else "no such file"
                sys.exit(f"{path.name} is another one where it is built again: {kept}")
    return built


if __name__ == "__main__":
    for path in build_twice(Path(sys.argv[1]).absolute()):
        content = path.read_bytes()
        print(f"{path.name}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    print("built again from the sdist, elsewhere and otherwise: the same bytes")
