"""``python -m tests.nodes``: every command on ONNX's own models of single operators."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.nodes.sweep import Ended


def main() -> int:
    """Read the options, run, print a table; return 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.nodes", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every N-th model")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="", help="models whose name holds this text")
    parser.add_argument("--command", action="append", help="this command alone; may be repeated")
    parser.add_argument("--told", type=Path, help="write how each ended, one JSON line each")
    options = parser.parse_args()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before NumPy is imported
        os.environ[name] = "1"

    from tests.nodes.sweep import COMMANDS, every, sweep

    commands = options.command or list(COMMANDS)
    models = [model for model in every(options.every) if options.only in model.name]
    ends = []
    with options.told.open("w") if options.told else contextlib.nullcontext() as told:
        for end in sweep(models, commands, options.workers):
            ends.append(end)
            if told:
                told.write(json.dumps(dataclasses.asdict(end)) + "\n")
            if end.wrong:
                print(f"{end.model}, {end.command}, exit code {end.code}: {end.told}", flush=True)
                print("".join(f"    {each}\n" for each in end.wrong), flush=True)
    wrong = sum(bool(end.wrong) for end in ends)
    print("\n".join(_table(ends, commands)))
    print(f"\n{len(ends)} commands on {len(models)} models, {wrong} with a fault")
    return int(bool(wrong))


def _table(ends: Sequence[Ended], commands: Sequence[str]) -> list[str]:
    """Return the counts of exit codes as Markdown: models as they are, and with weights."""
    from tests.fuzz.seeds import WITH_WEIGHTS

    counts = Counter((end.command, end.model.endswith(WITH_WEIGHTS), end.code) for end in ends)
    codes = sorted({end.code for end in ends})
    titles = [f"{code}{kind}" for kind in ("", " with weights") for code in codes]
    rows = [f"| command | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(titles)}"]
    for name in commands:
        cells = [str(counts[name, kind, code]) for kind in (False, True) for code in codes]
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    sys.exit(main())
