"""Search with AMD Quark's AutoSearchPro: MODEL FEEDS OUTPUT METRIC.

Its preset A8W8_SEARCH without fine-tuning, which is made for GPUs; METRIC is that of search_nncf,
of which the best file is taken.
"""

from __future__ import annotations

import shutil
import sys

from quark.onnx import AutoSearchPro, get_auto_search_config

from benchmarks.peers.closeness import Closeness
from benchmarks.peers.feeds import FeedReader, read_feeds

_FINE_TUNING = ("algorithms", "adaround_params", "adaquant_params")


def main() -> None:
    path, folder, output, metric = sys.argv[1:]
    closeness = Closeness(metric, path, list(read_feeds(folder)))
    best = float("-inf")

    def evaluate(file: str) -> float:
        nonlocal best
        try:
            found = closeness.mean(file)
        except Exception as error:  # the runtime's exceptions share no base class
            print(f"{file} does not run: {error}", file=sys.stderr)
            return 0.0
        if file != path and found > best:
            best = found
            shutil.copyfile(file, output)
        return found

    config = get_auto_search_config("A8W8_SEARCH")
    for name in _FINE_TUNING:
        config["search_space"].pop(name, None)
    config |= {
        "model_input": path,
        "calib_data_reader": FeedReader(folder),
        "search_evaluator": evaluate,
        "study_storage_db": "search.db",
    }
    AutoSearchPro(config).run()


if __name__ == "__main__":
    main()
