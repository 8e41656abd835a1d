"""What is published: one version, a kept changelog, and packages that the sources alone decide."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from datetime import UTC, date, datetime
from email import message_from_string
from itertools import pairwise
from pathlib import Path

import pytest

import qconv
from scripts.build_twice import build_twice
from scripts.packed_files import wheel_faults

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The sections of a release in Keep a Changelog 1.1.0."""

COMMITTED = datetime(2026, 11, 30, 12, 34, 56, tzinfo=UTC)
RELEASE = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)")


def changelog_faults(text: str, version: str) -> list[str]:
    """Return a sentence for each heading that Keep a Changelog would write in another way."""
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    unreleased = heads[:1] == ["Unreleased"]
    found = [(head, RELEASE.fullmatch(head)) for head in heads[unreleased:]]
    faults = [f"'{head}' is not [VERSION] - DATE" for head, release in found if release is None]
    faults += [f"'{kind}' is none of {', '.join(KINDS)}" for kind in kinds if kind not in KINDS]
    releases = [
        (tuple(map(int, release.groups()[:3])), date.fromisoformat(release[4]))
        for _, release in found
        if release is not None
    ]
    for (newer, later), (older, earlier) in pairwise(releases):
        if newer <= older or later < earlier:
            faults.append(f"{newer} stands above {older}")
    current = tuple(map(int, version.split(".")))
    newest = releases[0][0] if releases else (0, 0, 0)
    if newest > current if unreleased else newest != current:
        faults.append(f"the first release is {newest}, and the version {current}")
    return faults


def test_the_changelog_is_kept() -> None:
    assert changelog_faults(CHANGELOG, qconv.__version__) == []
    assert "Keep a Changelog" in CHANGELOG
    assert "Semantic Versioning" in CHANGELOG


@pytest.mark.parametrize(
    ("heads", "fault"),
    [
        ("## Unreleased\n", None),
        ("## [0.2.0] - 2026-12-24\n### Fixed\n## [0.1.0] - 2026-12-01\n", None),
        ("## Unreleased\n## [0.2.0] - 2026-12-24\n", None),
        ("## Unreleased\n## [0.3.0] - 2026-12-24\n", "(0, 3, 0), and the version (0, 2, 0)"),
        ("## [0.1.0] - 2026-12-01\n", "(0, 1, 0), and the version (0, 2, 0)"),
        ("## 0.2.0\n", "'0.2.0' is not [VERSION] - DATE"),
        ("## [0.2.0] - 2026-12-24\n## Unreleased\n", "'Unreleased' is not [VERSION] - DATE"),
        ("## [0.2.0] - 2026-12-01\n## [0.1.0] - 2026-12-24\n", "stands above"),
        ("## [0.2.0] - 2026-12-24\n## [0.10.0] - 2026-12-01\n", "stands above"),
        ("## Unreleased\n### News\n", "'News' is none of"),
        ("", "the first release is (0, 0, 0)"),
    ],
)
def test_a_changelog_that_is_not_kept_is_told(heads: str, fault: str | None) -> None:
    faults = changelog_faults(heads, "0.2.0")
    if fault is None:
        assert faults == []
    else:
        assert fault in "\n".join(faults)


def test_the_version_stands_in_one_file() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", qconv.__version__)
    assert "version" not in PROJECT["project"]
    assert "version" in PROJECT["project"]["dynamic"]
    alone = re.compile(rf"(?<![\d.]){re.escape(qconv.__version__)}(?![\d.])")
    files = [*(ROOT / "qconv").rglob("*.py"), *(ROOT / "scripts").iterdir()]
    files += [ROOT / "pyproject.toml", ROOT / "Makefile"]
    holding = [path for path in files if path.is_file() and alone.search(path.read_text("utf-8"))]
    assert [path.name for path in holding] == ["version.py"]


def test_pages_that_name_the_current_version_name_this_one() -> None:
    for page in (ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")):
        for found in re.findall(r"\bVersion (\d+\.\d+\.\d+)", page.read_text(encoding="utf-8")):
            assert found == qconv.__version__, page.name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist and the wheel, which are the same bytes where they are built again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(COMMITTED.timestamp())))
        sdist, wheel = build_twice(tmp_path_factory.mktemp("dist"))
    return sdist, wheel


def test_packed_files_have_the_time_that_was_asked_for(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {COMMITTED.timetuple()[:6]}


def test_the_wheel_holds_the_package_alone(built: tuple[Path, Path]) -> None:
    assert wheel_faults(built[1]) == []


def test_the_sdist_holds_what_its_tests_need(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        folders = {name.split("/")[1] for name in archive.getnames()}
    assert folders >= {"qconv", "tests", "sample_models", "benchmarks", "examples", "scripts"}
    assert folders >= {"docs", "README.md", "CHANGELOG.md", "SECURITY.md", "Makefile"}


def test_what_does_not_belong_into_a_wheel_is_told(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    changed = tmp_path / built[1].name
    left_out = "qconv/reporting/html/templates/page.html"
    with zipfile.ZipFile(built[1]) as archive, zipfile.ZipFile(changed, "w") as other:
        for entry in archive.infolist():
            if entry.filename != left_out:
                other.writestr(entry.filename, archive.read(entry))
        other.writestr("qconv/picture.png", b"")
        other.writestr("tests/test_release.py", b"")
    faults = wheel_faults(changed)
    assert faults[:3] == [
        f"{changed.name} holds qconv/picture.png, which does not belong there",
        f"{changed.name} holds tests/test_release.py, which does not belong there",
        f"{changed.name} lacks {left_out}",
    ]
    assert f"{changed.name} holds qconv/picture.png, which is neither code nor a template" in faults
    assert faults[-1] == f"{changed.name} takes {changed.stat().st_size:,} bytes"


def test_the_wheel_says_what_it_is(built: tuple[Path, Path]) -> None:
    about = f"qconv-{qconv.__version__}.dist-info"
    with zipfile.ZipFile(built[1]) as archive:
        told = message_from_string(archive.read(f"{about}/METADATA").decode())
        assert archive.read(f"{about}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert (told["Name"], told["Version"]) == ("qconv", qconv.__version__)
    assert (told["License-Expression"], told["License-File"]) == ("Apache-2.0", "LICENSE")
    assert told["Requires-Python"] == ">=3.11"
    assert told["Description-Content-Type"] == "text/markdown"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert str(told.get_payload()).strip() == readme.strip()
    minors = [name.rsplit(" ", 1)[1] for name in told.get_all("Classifier", []) if " :: 3." in name]
    assert minors == ["3.11", "3.12", "3.13"]
