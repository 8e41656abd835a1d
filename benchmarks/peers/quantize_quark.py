"""Quantize with AMD Quark, as one process to be measured: MODEL FEEDS OUTPUT CONFIG.

CONFIG is one of Quark's own: A8W8, or U8S8_AAWS, whose types are those that x64 CPUs are fast with.
"""

import sys

from quark.onnx import ModelQuantizer
from quark.onnx.quantization.config import Config, QConfig, get_default_config

from benchmarks.peers.feeds import FeedReader

_NEW = ("A8W8", "XINT8")


def main() -> None:
    model, folder, output, name = sys.argv[1:]
    if name in _NEW:
        config = QConfig.get_default_config(name)
    else:
        config = Config(global_quant_config=get_default_config(name))
    ModelQuantizer(config).quantize_model(model, output, FeedReader(folder))


if __name__ == "__main__":
    main()
