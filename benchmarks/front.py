"""The front that ``qconv tune`` finds beside the true one: all plans of a few units are measured.

python -m benchmarks.front MODEL DATA... [--units 12]

Layers in their order are parted into units, whose weights have four bits or eight: 2^12 plans of 12
units. Prints how many are on the true front, how many plans the search measured, and how much more
its best plan within each budget loses than the true one: in the worst case and in the mean, in
percent of the power of the error.
"""

from __future__ import annotations

import argparse
from itertools import chain, combinations
from pathlib import Path

import numpy as np

from qconv.conversions.workbench import Form, Workbench
from qconv.pipeline.arguments import opener
from qconv.pipeline.exploring import Explorer
from qconv.pipeline.starting import start_search
from qconv.pipeline.trials import Trials
from qconv.progress import no_progress
from qconv.search.blocks import parted
from qconv.search.front import best_within, pareto_front


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--units", type=int, default=12)
    given = parser.parse_args()
    data = opener(given.data, given.model)
    started = start_search(given.model, data, "balanced", None, no_progress)
    bench = Workbench(started.work, started.kind)
    trials = Trials(bench)
    size = sum(bench.more_bytes(layer, Form.FLOAT) / 3 for layer in bench.layers)
    explorer = Explorer(
        *(bench, trials, Form.FOUR_BITS), size=size, shares={}, progress=no_progress
    )
    explorer.units = parted(bench.layers, given.units)
    count = len(explorer.units)
    found = explorer.front()
    chosen = range(count + 1)
    for budget in sorted({point.cost for point in found}):
        best = best_within(found, budget)
        if best is not None:
            found = pareto_front([*found, *explorer.around(best, budget)])
    searched = trials.count
    subsets = chain.from_iterable(combinations(explorer.units, number) for number in chosen)
    true = pareto_front(explorer.point(frozenset(chain(*units))) for units in subsets)
    ratios = []
    for point in true:
        mine = best_within(found, point.cost)
        ratios.append(np.inf if mine is None else mine.loss / point.loss)
    more = 100 * (np.array(ratios) - 1)
    print(f"{2**count} plans of {count} units, {len(true)} on the true front")
    print(f"the search measured {searched} and has {len(found)} on its front")
    print(f"it loses {more.max():.1f} % more at worst, {more.mean():.1f} % in the mean")


if __name__ == "__main__":
    main()
