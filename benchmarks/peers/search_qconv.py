"""Search with qconv tune: MODEL DATA OUTPUT METRIC LEAST, see search_nncf.

The file counts whether or not it holds the goal on the samples that the search holds out.
"""

from __future__ import annotations

import sys

import qconv


def main() -> None:
    model, data, output, metric, least = sys.argv[1:]
    name = metric.rpartition(":")[2]
    goal = qconv.Goal("speed", (f"{name} < {least}",), (metric,))
    qconv.tune(model, output, data=[data], goal=goal)


if __name__ == "__main__":
    main()
