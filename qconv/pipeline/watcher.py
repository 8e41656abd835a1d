"""What a run tells while it works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qconv.calibration.record import Record
    from qconv.data import NamedData
    from qconv.pipeline.writing import Conversion
    from qconv.recipe.resolve import Chosen
    from qconv.recipe.settings import Settings


class Watcher:
    """Is told what a run does; by itself it does nothing."""

    def unchanged(self, output: Path) -> None:
        """A file is as it would be made."""

    def begins(self, output: Path, reasons: Sequence[str]) -> None:
        """A file is made, or would be in a dry run, for these reasons."""

    def reads(self, chosen: Chosen, data: NamedData) -> None:
        """Data are read."""

    def shares(self, files: int) -> None:
        """So many files of the test data are calibrated on, too."""

    def calibrated(self, output: Path, record: Record) -> None:
        """A record was written."""

    def converted(self, conversion: Conversion, settings: Settings) -> None:
        """A variant was written."""

    def reported(self, files: Sequence[Path]) -> None:
        """A report was written, in several forms."""
