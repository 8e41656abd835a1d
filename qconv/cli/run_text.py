"""What ``qconv run`` prints while it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qconv.cli.click_options import tell_config
from qconv.cli.conversion_text import print_conversion, print_record
from qconv.cli.terminal import say
from qconv.cli.words import became, counted
from qconv.pipeline.watcher import Watcher

if TYPE_CHECKING:
    from qconv.calibration.record import Record
    from qconv.data import NamedData
    from qconv.pipeline import Conversion
    from qconv.recipe.resolve import Chosen
    from qconv.recipe.settings import Settings


@dataclass(frozen=True)
class Teller(Watcher):
    """Prints what is done, or would be."""

    dry_run: bool

    def unchanged(self, output: Path) -> None:
        """Say so."""
        say(f"{output}: unchanged")

    def begins(self, output: Path, reasons: Sequence[str]) -> None:
        """Say why."""
        say(f"{output}: {'would be made' if self.dry_run else 'to be made'}: {'; '.join(reasons)}")

    def reads(self, chosen: Chosen, data: NamedData) -> None:
        """Say how images are fed, where a file was found that says so."""
        tell_config(chosen, data)

    def shares(self, files: int) -> None:
        """Say what that means."""
        say(
            f"{counted(files, 'file')} of the test data also used for calibration, so errors look "
            "smaller than they are",
            err=True,
        )

    def calibrated(self, output: Path, record: Record) -> None:
        """Print what the record holds."""
        print_record(output, record)

    def converted(self, conversion: Conversion, settings: Settings) -> None:
        """Print what became of the model."""
        print_conversion(conversion, became(settings))

    def reported(self, files: Sequence[Path]) -> None:
        """Name the files."""
        first, *others = files
        say(f"{first}: written, with {', '.join(file.suffix for file in others)} beside it")
