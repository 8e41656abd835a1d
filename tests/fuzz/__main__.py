"""``python -m tests.fuzz``: throws random models, data and options at the commands."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path


def main() -> int:
    """Read the options, run, print a table; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long")
    parser.add_argument("--commands", type=int, help="how many in forked children")
    parser.add_argument("--processes", type=int, default=0, help="how many more as processes")
    parser.add_argument(
        "--seed", type=int, help="of the random numbers; new in each run by default"
    )
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first case, to repeat one"
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the cases that found a fault")
    parser.add_argument(
        "--own", action="store_true", help="begin with own graphs alone, not ONNX's"
    )
    parser.add_argument("--kinds", default="", help="targets, with commas between; all by default")
    options = parser.parse_args()
    if options.seconds is None and options.commands is None:
        parser.error("--seconds or --commands is needed")
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):  # before NumPy is imported
        os.environ[name] = "1"

    from tests.fuzz.campaign import Settings, run
    from tests.fuzz.summary import table

    tally = run(
        Settings(
            seed=seed,
            seconds=options.seconds,
            commands=options.commands,
            processes=options.processes,
            workers=options.workers,
            nodes=not options.own,
            keep=options.keep,
            first=options.first,
            kinds=tuple(filter(None, options.kinds.split(","))),
        )
    )
    print(table(tally, seed))
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
