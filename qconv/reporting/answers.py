"""Samples that a variant answers otherwise than the float model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChangedAnswer:
    """A sample whose answer changed, in words.

    Attributes:
        sample: its place in the data.
        before: what the float model says.
        after: what the variant says.
        label: the class that is right, None where the data do not tell.
        picture: what the sample looks like: a small PNG in base64; None where it is no image.
    """

    sample: str
    before: str
    after: str
    label: int | None = None
    picture: str | None = None
