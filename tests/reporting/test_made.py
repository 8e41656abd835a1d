"""When a page was written, and at which commit."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qconv.errors import OutputWarning
from qconv.reporting.made import made_here

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without git, and no CI service."""
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA", "SOURCE_DATE_EPOCH", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_date_is_now_in_utc() -> None:
    date = made_here().date
    assert date.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - date) < timedelta(minutes=5)


def test_a_build_may_set_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert made_here().date == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "today", "1e9", "9" * 30])
def test_a_date_that_is_none_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.warns(OutputWarning, match="SOURCE_DATE_EPOCH is no number of seconds since 1970"):
        made_here()


@pytest.mark.parametrize("name", ["GITHUB_SHA", "CI_COMMIT_SHA"])
def test_a_service_names_the_commit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, COMMIT)
    assert made_here().commit == "0123456789ab"


@pytest.mark.parametrize("text", ["", "main", "<script>", "abc", "0123456789abcdefg"])
def test_what_is_no_commit_is_not_taken_for_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", text)
    assert made_here().commit is None


def test_git_names_the_commit() -> None:
    def git(*words: str) -> str:
        person = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *person, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    assert made_here().commit is None
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert made_here().commit == git("rev-parse", "HEAD")[:12]


def test_without_git_there_is_no_commit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    assert made_here().commit is None


def test_a_git_that_hangs_is_not_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "git").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (place / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(place))
    start = datetime.now(UTC)
    assert made_here().commit is None
    assert datetime.now(UTC) - start < timedelta(seconds=20)
