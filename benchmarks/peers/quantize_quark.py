"""Quantize with AMD Quark, as one process to be measured: MODEL FEEDS OUTPUT CONFIG [per-channel].

CONFIG is one of Quark's own: A8W8, or U8S8_AAWS, whose types are those that x64 CPUs are fast with,
and whose weights may have a scale for each channel.
"""

import dataclasses
import sys

from quark.onnx import ModelQuantizer
from quark.onnx.quantization.config import Config, QConfig, get_default_config

from benchmarks.peers.feeds import FeedReader

_NEW = ("A8W8", "XINT8")


def main() -> None:
    model, folder, output, name, *rest = sys.argv[1:]
    if name in _NEW:
        config = QConfig.get_default_config(name)
    else:
        preset = get_default_config(name)
        if "per-channel" in rest:
            preset = dataclasses.replace(preset, per_channel=True)
        config = Config(global_quant_config=preset)
    ModelQuantizer(config).quantize_model(model, output, FeedReader(folder))


if __name__ == "__main__":
    main()
