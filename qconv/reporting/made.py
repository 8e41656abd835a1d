"""When a page was written, and at which commit of the project around it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from warnings import warn

from qconv.errors import OutputWarning

_LENGTH = 12
"""Digits of a commit that are shown."""
_SECONDS = 2.0


@dataclass(frozen=True)
class Made:
    """When a page was written, in UTC, and the git commit it was written at, None without one."""

    date: datetime
    commit: str | None = None


def made_here() -> Made:
    """Return the date, and the commit that is checked out in the working directory.

    ``SOURCE_DATE_EPOCH``, whole seconds since 1970, takes the place of the clock (as on
    https://reproducible-builds.org/specs/source-date-epoch). A CI service names the commit in
    ``GITHUB_SHA`` or ``CI_COMMIT_SHA``; else git is asked, for two seconds at most.
    """
    return Made(_date(), _commit())


def _date() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is not None:
        try:
            return datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError):
            warn(
                "SOURCE_DATE_EPOCH is no number of seconds since 1970; the clock's date is taken",
                OutputWarning,
                stacklevel=1,
            )
    return datetime.now(UTC)


def _commit() -> str | None:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        if (commit := _hash(os.environ.get(name, ""))) is not None:
            return commit
    try:
        done = subprocess.run(
            ["git", "rev-parse", f"--short={_LENGTH}", "HEAD"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return _hash(done.stdout)


def _hash(text: str) -> str | None:
    """Return what is a commit, shortened, and None for any other text."""
    found = re.fullmatch(r"[0-9a-f]{7,64}", text.strip())
    return found and found[0][:_LENGTH]
